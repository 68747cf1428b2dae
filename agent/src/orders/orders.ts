/**
 * The coordinator's orders at work. The list is on disk before anything is done by it, and so is how far each order is, so that an agent
 * that is started again goes on, whether or not a coordinator answers. What is withdrawn stops at once, what is over at its time.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { messageOf } from '@starling/shared/errors.ts'
import type { AgentId, TransferId } from '@starling/shared/ids.ts'
import {
  noOrders,
  orderListShape,
  orderProgressShape,
  type OrderList,
  type OrderProgress,
  type ToldOrder
} from '@starling/shared/orders.ts'
import { hourMs, minuteMs, secondMs, type Millis } from '@starling/shared/units.ts'
import { z } from 'zod'
import type { Log } from '../log.ts'
import type { OrderView, StoredTransfer, StorePort } from '../ports.ts'
import { meantBy } from './pins.ts'
import { prestage, type Kept, type PrestageEnd } from './prestage.ts'
import type { FetchStep } from './through-proxy.ts'

/** At a time; those with the next deadline first. */
const runningMax = 4
const firstRetryMs: Millis = 5 * secondMs
const retryMsMax: Millis = 5 * minuteMs
/** A rule may be changed, and a file may be put where there was none. */
const refusedRetryMs: Millis = 10 * minuteMs
/** What has been fetched by somebody since the last look is pinned at the next one. */
const pinEveryMs: Millis = 30 * secondMs

const notInTime = 'it was not done by its deadline'
const notHere = 'nothing of it is kept here'

export interface OrdersParts {
  readonly store: Pick<StorePort, 'list' | 'remember' | 'recall'>
  readonly pin: (transfer: TransferId, pinned: boolean) => Promise<void>
  /** What a URL is kept under; null: it is no URL. */
  readonly keyOf: (url: string) => string | null
  /** The coordinator's clock. */
  readonly now: () => Millis
  readonly log: Log
  readonly delay?: (ms: Millis, signal: AbortSignal) => Promise<unknown>
}

export interface Orders {
  /** The parts that they need stand. @param fleet that this agent is of: another's orders do not count */
  start(step: FetchStep, fleet: AgentId | null): void
  digest(fleet: AgentId): string
  /** @param list null: this agent is out of the fleet */
  take(fleet: AgentId, list: OrderList | null): Promise<void>
  progress(): readonly OrderProgress[]
  view(): readonly OrderView[]
  stop(): Promise<void>
}

/** Name under which the store remembers them. */
const keptName = 'orders'

const keptShape = z.object({
  fleet: z.string(),
  told: orderListShape,
  progress: orderProgressShape,
  /** What each order has pinned, that was not pinned before. */
  pinned: z.record(z.string(), z.array(z.string()))
})
type Remembered = z.output<typeof keptShape>

interface Run {
  readonly ending: AbortController
  readonly ended: Promise<void>
}

export async function createOrders(parts: OrdersParts): Promise<Orders> {
  const { store, log, now, delay = (ms, signal) => sleep(ms, null, { signal, ref: false }) } = parts
  const kept = keptShape.safeParse(await store.recall(keptName))
  let { fleet, told, progress, pinned }: Remembered = kept.success
    ? kept.data
    : { fleet: '', told: noOrders, progress: [], pinned: {} }
  const standing = new Map(progress.map(one => [one.order, one]))
  const runs = new Map<string, Run>()
  const retries = new Map<string, { readonly failures: number; readonly at: Millis }>()
  let step: FetchStep | null = null
  let timer: NodeJS.Timeout | undefined
  let stopped = false
  /** One after the other: what is heard and what is found at a look. */
  let work: Promise<void> = Promise.resolve()

  const of = ({ id }: Pick<ToldOrder, 'id'>): OrderProgress =>
    standing.get(id) ?? { order: id, state: 'waiting', reason: '', bytes: 0, length: null, late: false }
  const known = (): ToldOrder[] => told.list.filter(({ kind }) => kind === 'prestage' || kind === 'pin')

  function note(order: ToldOrder, change: Partial<OrderProgress>): void {
    standing.set(order.id, { ...of(order), ...change })
  }

  async function keep(): Promise<void> {
    progress = known().map(of)
    await store.remember(keptName, { fleet, told, progress, pinned }).catch((error: unknown) => {
      log.warn({ problem: messageOf(error) }, 'how far orders are is forgotten when this agent stops')
    })
  }

  function inTurn(what: () => Promise<void>): Promise<void> {
    work = work.then(what).catch((error: unknown) => {
      log.error({ problem: messageOf(error) }, 'orders could not be seen to')
    })
    return work
  }

  function keptOf(url: string): Kept | null {
    const key = parts.keyOf(url)
    const versions = store.list().filter(({ head }) => head.head.key === key)
    versions.sort((one, other) => other.head.signed.issuedAt - one.head.signed.issuedAt)
    const [newest] = versions
    return newest === undefined ? null : keptOfTransfer(newest)
  }

  // ------------------------------------------------------------------------------------------- fetching

  function begin(order: ToldOrder, through: FetchStep): void {
    const ending = new AbortController()
    note(order, { state: 'running', reason: '' })
    const ended = prestage(
      { url: order.what, by: order.by, bytesPerSecond: order.bytesPerSecond },
      {
        kept: keptOf,
        step: through,
        told(change) {
          if (change.late && !of(order).late)
            log.warn({ order: order.id, ...change }, 'at this pace an order will not be done in time')
          note(order, change)
          // It does bring something.
          retries.delete(order.id)
        },
        now,
        delay
      },
      ending.signal
    )
      .catch((error: unknown): PrestageEnd | null =>
        ending.signal.aborted ? null : { kind: 'waiting', why: messageOf(error).slice(0, 160) }
      )
      .then(end => {
        runs.delete(order.id)
        if (end !== null) ends(order, end)
      })
    runs.set(order.id, { ending, ended })
    log.info({ order: order.id }, 'an order begins')
  }

  function ends(order: ToldOrder, end: PrestageEnd): void {
    if (end.kind === 'done') {
      note(order, { state: 'done', reason: '', bytes: end.length, length: end.length, late: false })
      log.info({ order: order.id }, 'an order is done')
    } else {
      const failures = (retries.get(order.id)?.failures ?? 0) + 1
      const waitMs =
        end.kind === 'failed' ? refusedRetryMs : Math.min(retryMsMax, firstRetryMs * 2 ** (failures - 1))
      retries.set(order.id, { failures, at: now() + waitMs })
      note(order, { state: end.kind, reason: end.why })
      log.warn({ order: order.id, why: end.why }, 'an order does not get on')
    }
    void look()
  }

  function endRun(id: string): Promise<void> {
    const run = runs.get(id)
    run?.ending.abort()
    return run?.ended ?? Promise.resolve()
  }

  // ------------------------------------------------------------------------------------------- looking

  const isOver = ({ by }: ToldOrder): boolean => by !== null && by <= now()

  async function endOverdue(): Promise<void> {
    for (const order of known()) {
      const { state, reason } = of(order)
      if (order.kind !== 'prestage' || state === 'done' || !isOver(order)) continue
      await endRun(order.id)
      if (state === 'failed' && reason === notInTime) continue
      note(order, { state: 'failed', reason: notInTime, late: false })
      log.warn({ order: order.id }, 'an order was not done by its deadline')
    }
  }

  function beginDue(through: FetchStep): void {
    const due = known()
      .filter(
        order =>
          order.kind === 'prestage' &&
          of(order).state !== 'done' &&
          !isOver(order) &&
          !runs.has(order.id) &&
          (retries.get(order.id)?.at ?? 0) <= now()
      )
      .toSorted((one, other) => (one.by ?? Infinity) - (other.by ?? Infinity))
    for (const order of due.slice(0, Math.max(0, runningMax - runs.size))) begin(order, through)
  }

  async function pinDue(): Promise<void> {
    const stored = store.list()
    const toPin = new Set<TransferId>()
    for (const order of known()) {
      if (order.kind !== 'pin') continue
      const meant = stored.filter(meantBy(order.what, parts.keyOf))
      for (const { head, pinned: already } of meant) {
        if (already && !Object.values(pinned).some(mine => mine.includes(head.transfer))) continue
        pinned = { ...pinned, [order.id]: [...new Set([...(pinned[order.id] ?? []), head.transfer])] }
        if (!already) toPin.add(head.transfer)
      }
      const sizes = meant.map(keptOfTransfer)
      const isHere = sizes.some(({ missingFrom }) => missingFrom === null)
      note(order, {
        state: isHere ? 'done' : 'waiting',
        reason: meant.length === 0 ? notHere : '',
        bytes: sizes.reduce((sum, { bytes }) => sum + bytes, 0),
        length: meant.length === 0 ? null : sizes.reduce((sum, { length }) => sum + length, 0)
      })
    }
    if (toPin.size === 0) return
    // What is pinned before it is written down that an order did it would stay pinned for ever after a crash, as if by hand.
    await keep()
    for (const transfer of toPin)
      await parts.pin(transfer, true).catch((error: unknown) => {
        // It may be gone by now; at the next look it is seen what there is.
        log.debug({ transfer, why: messageOf(error) }, 'what an order keeps could not be pinned')
      })
  }

  /** What was pinned by hand, or by another order too, stays so. */
  async function unpin(id: string): Promise<void> {
    const { [id]: mine = [], ...others } = pinned
    pinned = others
    const stay = new Set(Object.values(others).flat())
    for (const transfer of mine) {
      if (stay.has(transfer) || !store.list().some(({ head }) => head.transfer === transfer)) continue
      await parts.pin(transfer as TransferId, false)
    }
  }

  function look(): Promise<void> {
    return inTurn(async () => {
      if (stopped || step === null) return
      await endOverdue()
      beginDue(step)
      await pinDue()
      await keep()
      schedule()
    })
  }

  function schedule(): void {
    clearTimeout(timer)
    const orders = known()
    if (stopped || orders.length === 0) return
    const open = orders.filter(
      order => order.kind === 'prestage' && of(order).state !== 'done' && !isOver(order)
    )
    const moments = [
      now() + (orders.some(({ kind }) => kind === 'pin') ? pinEveryMs : hourMs),
      ...open.flatMap(({ by }) => (by === null ? [] : [by])),
      // Whose time has come while no more may run begins when one of those ends, which looks again.
      ...(runs.size >= runningMax
        ? []
        : open.flatMap(({ id }) => (runs.has(id) ? [] : [retries.get(id)?.at ?? Infinity])))
    ]
    timer = setTimeout(() => void look(), Math.max(0, Math.min(...moments) - now()))
    timer.unref()
  }

  function take(from: AgentId, list: OrderList | null): Promise<void> {
    return inTurn(async () => {
      const next = list ?? noOrders
      if (fleet === from && told.digest === next.digest) return
      const stay = new Set(next.list.map(({ id }) => id))
      const gone = told.list.filter(({ id }) => fleet !== from || !stay.has(id))
      fleet = from
      told = { digest: next.digest, list: [...next.list] }
      for (const { id } of gone) {
        await endRun(id)
        standing.delete(id)
        retries.delete(id)
        await unpin(id)
      }
      log.info({ orders: told.list.length, gone: gone.length }, 'orders of the coordinator taken')
      await keep()
      void look()
    })
  }

  return {
    start(through, ours) {
      step = through
      if (fleet !== (ours ?? '')) void take(ours ?? '', null)
      void look()
    },
    digest: of => (fleet === of ? told.digest : noOrders.digest),
    take,
    progress: () => known().map(of),
    view: () =>
      known().map(order => {
        const { order: _, ...rest } = of(order)
        return { ...order, ...rest }
      }),
    async stop() {
      stopped = true
      clearTimeout(timer)
      await Promise.all([...runs.keys()].map(endRun))
      await work
      await keep()
    }
  }
}

function keptOfTransfer({ head, have }: StoredTransfer): Kept {
  const { length, chunkBytes } = head.head
  const missing = have.nextClear(0)
  return {
    bytes: have.full ? length : Math.min(length, have.count * chunkBytes),
    length,
    missingFrom: missing >= have.size ? null : missing * chunkBytes,
    lastFrom: Math.max(0, have.size - 1) * chunkBytes
  }
}
