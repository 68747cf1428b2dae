/**
 * One upstream response fills chunks in order. Its bytes go into a pooled buffer, where readers see them at once; a
 * chunk that is complete is hashed, compared with its signed digest if there is one, and kept. While one chunk is being
 * hashed and written the next one fills, never more.
 *
 * What the upstream may do to us, and what becomes of it: see `FlowEnd` in core/events.ts. A partial chunk is never kept.
 */
import { chunkCount } from '@starling/shared/chunking.ts'
import { codeOf, messageOf } from '@starling/shared/errors.ts'
import type { Bytes, Millis } from '@starling/shared/units.ts'
import type { Emit, FlowEnd, FlowId, UpstreamResponse } from '../ports.ts'
import type { Buffers } from './buffers.ts'
import type { Counters } from './counters.ts'
import { digestOf, sameBytes } from './hashing.ts'
import type { Keeper } from './keeper.ts'
import type { TokenBucket } from './token-bucket.ts'
import { lengthOf, type Filling, type Transfer, type Transfers } from './transfers.ts'

/** A flow's state as long as it is not ended. */
export interface Flow {
  readonly id: FlowId
  readonly abort: AbortController
  /** Stop at the end of the chunk that is now filling. */
  stopping: boolean
  /** Whether some bytes of a chunk are in, and not all of it. */
  inChunk: boolean
  bytes: Bytes
  toldAt: Millis
}

export interface FillParts {
  readonly buffers: Buffers
  readonly transfers: Transfers
  readonly keeper: Keeper
  readonly counters: Counters
  readonly emit: Emit
  readonly now: () => Millis
  readonly pacing: Pacing
}

/** How fast bodies may be read: together, and by class. */
export interface Pacing {
  readonly all: TokenBucket
  readonly foreground: TokenBucket
  readonly background: TokenBucket
}

export function newFlow(id: FlowId): Flow {
  return { id, abort: new AbortController(), stopping: false, inChunk: false, bytes: 0, toldAt: -Infinity }
}

export type Fill = (
  flow: Flow,
  transfer: Transfer,
  response: UpstreamResponse,
  chunks: { readonly first: number; readonly end: number }
) => Promise<FlowEnd>

/** @returns how a flow ended, once everything that it brought is kept and told. Never throws. */
export function createFill(parts: FillParts, { progressMs }: { progressMs: Millis }): Fill {
  const { buffers, transfers, keeper, counters, emit, pacing } = parts

  return async function fill(flow, transfer, response, chunks) {
    const ground = new Ground(flow, transfer, chunks)
    const abort = () => flow.abort.abort()
    transfer.closing.signal.addEventListener('abort', abort)
    let end: FlowEnd
    try {
      end = await pour(ground, response)
    } catch (error) {
      // More than it promised is another content than it promised.
      end = codeOf(error) === 'upstream-long' ? 'changed' : 'failed'
      if (!flow.abort.signal.aborted) transfers.problem(transfer, `an answer broke off: ${messageOf(error)}`)
    }
    // Whatever happened: no more bytes, no partial chunk, and what is complete is settled first.
    response.cancel()
    if (ground.filling !== null) breakOff(ground, ground.filling)
    const fine = await ground.finishing
    transfer.closing.signal.removeEventListener('abort', abort)
    if (!fine) return 'corrupt'
    return flow.abort.signal.aborted && end !== 'done' ? 'cancelled' : end
  }

  async function pour(ground: Ground, response: UpstreamResponse): Promise<FlowEnd> {
    const { flow, transfer, signal } = ground
    let position = response.start
    for await (const piece of response.body) {
      account(flow, transfer, piece.length)
      const bucket = transfer.isBackground ? pacing.background : pacing.foreground
      const paid = [bucket.spend(piece.length, signal), pacing.all.spend(piece.length, signal)]
      let rest = piece
      while (rest.length > 0) {
        if (signal.aborted) return 'cancelled'
        if (position >= transfer.length) return 'changed'
        const chunk = Math.floor(position / transfer.chunkBytes)
        if (chunk >= ground.end) return 'done'
        const chunkStart = chunk * transfer.chunkBytes
        const part = rest.subarray(0, chunkStart + lengthOf(transfer, chunk) - position)
        if (ground.filling === null && position === chunkStart && chunk >= ground.first)
          await begin(ground, chunk)
        if (ground.filling === null) counters.add(transfer.bytes, 'wasted', part.length)
        else write(ground.filling, position - chunkStart, part)
        position += part.length
        rest = rest.subarray(part.length)
        const complete = position === chunkStart + lengthOf(transfer, chunk)
        flow.inChunk = ground.filling !== null && !complete
        // The content's last chunk waits for the end of the body: there may be more than there should.
        if (!complete || chunk === transfer.chunks - 1) continue
        if (!(await finish(ground))) return 'corrupt'
        if (chunk + 1 === ground.end) return 'done'
        if (flow.stopping) return 'cancelled'
      }
      transfers.wake(transfer)
      for (const due of paid) if (due !== null) await due
    }
    if (signal.aborted) return 'cancelled'
    if (position < Math.min(transfer.length, ground.end * transfer.chunkBytes)) return 'failed'
    return (await finish(ground)) ? 'done' : 'corrupt'
  }

  /** Takes memory for a chunk, unless it is here already. */
  async function begin(ground: Ground, chunk: number): Promise<void> {
    const { transfer, signal } = ground
    if (keeper.has(transfer, chunk)) return
    await keeper.room(transfer, chunk, signal)
    const buffer = await buffers.take(signal)
    const bytes = buffer.subarray(0, lengthOf(transfer, chunk))
    ground.buffer = buffer
    ground.filling = { chunk, bytes, filled: 0, state: 'filling' }
    transfer.fillings.add(ground.filling)
  }

  function write(filling: Filling, offset: Bytes, part: Uint8Array): void {
    filling.bytes.set(part, offset)
    filling.filled = offset + part.length
  }

  /** Verifies and keeps the chunk that is complete. @returns false if this one or the one before is corrupt. */
  async function finish(ground: Ground): Promise<boolean> {
    const { filling, buffer } = ground
    if (!(await ground.finishing)) return false
    if (filling === null || buffer === null) return true
    ground.filling = null
    ground.buffer = null
    ground.finishing = verify(ground, filling, buffer)
    return true
  }

  async function verify(ground: Ground, filling: Filling, buffer: Uint8Array): Promise<boolean> {
    const { transfer } = ground
    const digest = await digestOf(filling.bytes)
    const expected = transfer.digests.get(filling.chunk)
    const fine = expected === null || sameBytes(expected, digest)
    filling.state = fine ? 'verified' : 'corrupt'
    transfer.fillings.delete(filling)
    if (!fine) {
      counters.add(transfer.bytes, 'wasted', filling.bytes.length)
      buffers.give(buffer)
      transfers.problem(transfer, `chunk ${filling.chunk} from the origin does not match its signed digest`)
      transfers.wake(transfer)
      return false
    }
    const source = { kind: 'upstream', flow: ground.flow.id } as const
    const kept = keeper.keep(transfer, { index: filling.chunk, digest, buffer, source, fetch: null })
    transfers.wake(transfer)
    await kept
    return true
  }

  function breakOff(ground: Ground, filling: Filling): void {
    const { transfer } = ground
    filling.state = 'broken'
    transfer.fillings.delete(filling)
    counters.add(transfer.bytes, 'wasted', filling.filled)
    buffers.give(ground.buffer!)
    ground.filling = null
    ground.buffer = null
    transfers.wake(transfer)
  }

  function account(flow: Flow, transfer: Transfer, bytes: Bytes): void {
    counters.add(transfer.bytes, 'fromUpstream', bytes)
    flow.bytes += bytes
    const now = parts.now()
    if (now - flow.toldAt < progressMs) return
    flow.toldAt = now
    emit({ type: 'flow-progress', flow: flow.id, bytes: flow.bytes })
  }
}

/** What one flow fills, and how far it is. */
class Ground {
  readonly flow: Flow
  readonly transfer: Transfer
  readonly first: number
  readonly end: number
  readonly signal: AbortSignal
  /** The chunk that is now filling, and its buffer; null while skipping. */
  filling: Filling | null = null
  buffer: Uint8Array | null = null
  /** The chunk before it: whether it was what it should be. */
  finishing: Promise<boolean> = Promise.resolve(true)

  constructor(flow: Flow, transfer: Transfer, chunks: { readonly first: number; readonly end: number }) {
    this.flow = flow
    this.transfer = transfer
    this.first = chunks.first
    this.end = Math.min(chunks.end, chunkCount(transfer.length, transfer.chunkBytes))
    this.signal = flow.abort.signal
  }
}
