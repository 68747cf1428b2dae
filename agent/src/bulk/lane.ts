/**
 * One socket that we dialled, and the requests in flight on it. It settles each order exactly once, and never while
 * node may still write into the order's target (receiver.ts): after the answer, after the next read, or when the socket
 * has closed.
 */
import type { TLSSocket } from 'node:tls'
import { codeOf, messageOf, type StarlingError } from '@starling/shared/errors.ts'
import type { AgentId, TransferId } from '@starling/shared/ids.ts'
import type { Bytes } from '@starling/shared/units.ts'
import { broken, busy, gone, timeout } from './errors.ts'
import { bulkAlpn, encodeCancel, encodeRequest } from './frames.ts'
import type { BulkLimits } from './limits.ts'
import { createReceiver, type Answer, type Expected } from './receiver.ts'

/** As node:tls takes it. */
export interface OnRead {
  buffer(): Uint8Array
  callback(count: Bytes): boolean
}

/** Gives a TLS 1.3 socket whose other end has proven to be `expected`, read by `onread` from its first byte on. */
export type DialBulk = (to: {
  readonly host: string
  readonly port: number
  readonly expected: AgentId
  readonly alpn: readonly string[]
  readonly ciphers: string
  readonly onread: OnRead
  readonly timeoutMs: number
  readonly signal: AbortSignal
}) => Promise<TLSSocket>

/**
 * The one suite that every TLS 1.3 has to have, and the fastest where AES has instructions (all endpoints since about
 * 2012): 2 GB/s a core, ChaCha20 1.3. With one there is nothing to negotiate down.
 */
export const bulkCiphers = 'TLS_AES_128_GCM_SHA256'

export interface Order extends Expected {
  readonly transfer: TransferId
  readonly chunk: number
  /** Called once; the target is the caller's again then. */
  settle(error: StarlingError | null): void
}

export interface LaneEvents {
  /** It can take more orders than before. */
  freed(): void
  /** It takes no more orders; those in flight are settled within moments. Once. `wasOpen`: it ever took one. */
  ended(reason: string, error: StarlingError, wasOpen: boolean): void
}

export interface Lane {
  readonly peer: AgentId
  /** Requests in flight, given-up ones included until their answer came. */
  load(): number
  isOpen(): boolean
  ask(order: Order): void
  /** The caller wants it no more; settled with `error`, at once if it can be. */
  giveUp(order: Order, error: StarlingError): void
  end(reason: string, error: StarlingError): void
  /** Resolves when it has ended and everything on it is settled. */
  readonly closed: Promise<void>
}

export function createLane(
  peer: AgentId,
  at: { readonly host: string; readonly port: number },
  dial: DialBulk,
  events: LaneEvents,
  limits: BulkLimits
): Lane {
  const orders = new Map<number, Order>()
  /** Given up with that error, but node holds the target still. */
  const held = new Map<Order, StarlingError>()
  const dialling = new AbortController()
  const closing = Promise.withResolvers<void>()
  let socket: TLSSocket | null = null
  let isGreeted = false
  let end: { readonly reason: string; readonly error: StarlingError } | null = null
  let nextId = 1
  let timer: NodeJS.Timeout | undefined
  let releaseTimer: NodeJS.Timeout | undefined

  const receiver = createReceiver<Order>({
    expected: id => orders.get(id),
    answered(id, answer) {
      const order = orders.get(id)!
      orders.delete(id)
      if (!order.isGivenUp) order.settle(errorOf(answer))
      if (orders.size === 0) watch()
      events.freed()
    },
    violated: reason => finish(reason, broken(violations[reason]))
  })

  const onread: OnRead = {
    buffer() {
      const room = receiver.room()
      if (held.size > 0) release()
      return room
    },
    callback(count) {
      timer?.refresh()
      receiver.took(count)
      return true
    }
  }

  void open()

  async function open(): Promise<void> {
    let dialled: TLSSocket
    try {
      dialled = await dial({
        ...at,
        expected: peer,
        alpn: [bulkAlpn],
        ciphers: bulkCiphers,
        onread,
        timeoutMs: limits.dialMs,
        signal: dialling.signal
      })
    } catch (error) {
      const code = codeOf(error)
      return finish(code, code === 'timeout' ? timeout(messageOf(error)) : broken(messageOf(error), error))
    }
    socket = dialled
    dialled.setNoDelay(true)
    dialled.on('error', error =>
      finish('socket-error', broken(`the connection broke (${codeOf(error)})`, error))
    )
    dialled.on('end', () => finish('closed', broken('the peer closed the connection')))
    dialled.on('close', closed)
    // It may have begun to speak, and been given up for that, before it was ours.
    if (end !== null) return void dialled.destroy()
    if (dialled.alpnProtocol !== bulkAlpn)
      return finish('other-protocol', broken('the peer does not speak our protocol'))
    isGreeted = true
    watch()
    events.freed()
  }

  /** Quiet for too long is the end: soon when an answer is due, later when nothing is. */
  function watch(): void {
    clearTimeout(timer)
    if (end !== null) return
    timer =
      orders.size > 0
        ? setTimeout(() => finish('quiet', timeout(`no byte for ${limits.quietMs} ms`)), limits.quietMs)
        : setTimeout(() => finish('idle', broken('the connection was idle')), limits.idleMs)
  }

  function finish(reason: string, error: StarlingError): void {
    if (end !== null) return
    end = { reason, error }
    clearTimeout(timer)
    dialling.abort()
    if (socket === null) closed()
    else socket.destroy()
    events.ended(reason, error, isGreeted)
  }

  /** Node holds nothing of ours any more. */
  function closed(): void {
    finish('closed', broken('the peer closed the connection'))
    clearTimeout(releaseTimer)
    release()
    for (const order of orders.values()) if (!order.isGivenUp) order.settle(end!.error)
    orders.clear()
    closing.resolve()
  }

  function release(): void {
    clearTimeout(releaseTimer)
    for (const [order, error] of held) order.settle(error)
    held.clear()
  }

  return {
    peer,
    load: () => orders.size,
    isOpen: () => isGreeted && end === null,
    ask(order) {
      const id = nextId++
      orders.set(id, order)
      if (orders.size === 1) watch()
      const { transfer, chunk, target } = order
      socket!.write(encodeRequest({ id, transfer, chunk, offset: 0, length: target.length }))
      // Ids are not used again: after 4 billion requests the socket is.
      if (nextId > 0xffff_fff0) finish('worn-out', broken('the connection has to be renewed'))
    },
    giveUp(order, error) {
      // Already on its way to be settled with what ended the lane.
      if (end !== null) return
      order.isGivenUp = true
      for (const [id, one] of orders) if (one === order) socket!.write(encodeCancel(id))
      if (!receiver.holds(order)) return order.settle(error)
      held.set(order, error)
      clearTimeout(releaseTimer)
      releaseTimer = setTimeout(
        () => finish('stalled', broken('the peer stalled while a request was given up')),
        limits.releaseMs
      )
    },
    end: finish,
    closed: closing.promise
  }
}

const violations = {
  'bad-frame': 'the peer sent what is no answer',
  unasked: 'the peer sent what nobody asked for',
  'too-long': 'the peer sends more than it was asked for'
} as const

function errorOf(answer: Answer): StarlingError | null {
  switch (answer.kind) {
    case 'data':
      return null
    case 'busy':
      return busy(answer.retryAfterMs)
    case 'gone':
      return gone()
  }
}
