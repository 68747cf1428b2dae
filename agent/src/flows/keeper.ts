/**
 * What happens to a verified chunk: it is readable at once (from memory), goes to the store, and leaves memory when
 * the store has it. When the store is full it stays in memory as long as a reader needs it, and no longer.
 *
 * Two bounds keep a full disk from filling the memory, or from stopping anything: flows that run ahead of the readers
 * pause (`room`), and beyond `heldMax` the chunk farthest from any reader is dropped, to be fetched again. The chunk
 * that a reader waits for is never the farthest, so somebody always moves.
 */
import { assert, codeOf, messageOf } from '@starling/shared/errors.ts'
import type { Digest } from '@starling/shared/manifest.ts'
import type { Emit, FetchId, Source, StorePort } from '../ports.ts'
import type { Buffers } from './buffers.ts'
import type { Counters } from './counters.ts'
import { lengthOf, type Held, type Transfer, type Transfers } from './transfers.ts'

export interface Keeper {
  /** Whether the store has it. */
  readonly isKept: (transfer: Transfer, chunk: number) => boolean
  /** Whether its bytes are here, on disk or in memory. */
  readonly has: (transfer: Transfer, chunk: number) => boolean
  /**
   * Takes the buffer over; its first bytes are the chunk, verified. Readers have them at once; resolves when the
   * store has answered and the core knows.
   */
  readonly keep: (
    transfer: Transfer,
    chunk: { index: number; digest: Digest; buffer: Uint8Array; source: Source; fetch: FetchId | null }
  ) => Promise<void>
  /** Waits while memory is full of chunks that readers need sooner than this one. */
  readonly room: (transfer: Transfer, chunk: number, signal: AbortSignal) => Promise<void>
  /** Readers moved or went: drops what nobody needs any more. */
  readonly review: (transfer: Transfer) => void
  /** A kept chunk could not be read: it is no longer there. */
  readonly lost: (transfer: Transfer, chunk: number, error: unknown) => Promise<void>
  /** Gives the memory of a transfer back that is forgotten. */
  readonly release: (transfer: Transfer) => void
}

export function createKeeper(
  parts: { store: StorePort; buffers: Buffers; transfers: Transfers; counters: Counters; emit: Emit },
  limits: { heldPauseAt: number; heldMax: number }
): Keeper {
  const { store, buffers, transfers, counters, emit } = parts
  /** Chunks that stay in memory because the store is full, over all transfers. */
  let heldCount = 0
  const pausers = new Set<() => void>()

  function isKept(transfer: Transfer, chunk: number): boolean {
    return !transfer.awaitsRemoval && store.has(transfer.id, chunk)
  }

  function drop(transfer: Transfer, chunk: number, held: Held): void {
    transfer.held.delete(chunk)
    buffers.give(held.buffer)
    if (!held.writing) heldCount -= 1
    wakePausers()
  }

  function wakePausers(): void {
    for (const wake of pausers) wake()
  }

  async function write(
    transfer: Transfer,
    chunk: number,
    digest: Digest,
    bytes: Uint8Array
  ): Promise<boolean> {
    await transfer.opened
    if (transfer.closing.signal.aborted) return false
    try {
      // A disk that was too full to open the transfer may have room by now.
      const put = () => store.put(transfer.id, chunk, digest, bytes)
      const result = await put().catch(async (error: unknown) => {
        if (codeOf(error) !== 'not-open' || transfer.closing.signal.aborted) throw error
        await store.open(transfer.head)
        return await put()
      })
      transfer.passesThrough = result === 'full'
      if (result === 'kept') return true
      transfers.problem(transfer, 'the disk or the quota is full: chunks are passed on, but not kept')
    } catch (error) {
      transfer.passesThrough = true
      transfers.problem(transfer, `a chunk could not be written: ${messageOf(error)}`)
    }
    return false
  }

  /** The store did not take it: in memory it stays, as long as it is of use. */
  function hold(transfer: Transfer, chunk: number): void {
    if (distance(transfer, chunk) === Infinity) {
      dropHeld(transfer, chunk)
      return
    }
    while (heldCount > limits.heldMax) {
      const farthest = farthestHeld(transfers.all())
      assert(farthest !== null, 'held chunks are counted but not there')
      dropHeld(farthest.transfer, farthest.chunk)
    }
  }

  function dropHeld(transfer: Transfer, chunk: number): void {
    const held = transfer.held.get(chunk)
    if (held === undefined || held.writing) return
    drop(transfer, chunk, held)
    emit({ type: 'chunk-dropped', transfer: transfer.id, chunk })
  }

  return {
    isKept,

    has: (transfer, chunk) => transfer.held.has(chunk) || isKept(transfer, chunk),

    async keep(transfer, { index, digest, buffer, source, fetch }) {
      const bytes = buffer.subarray(0, lengthOf(transfer, index))
      const stored = (kept: boolean) =>
        emit({ type: 'chunk-stored', transfer: transfer.id, chunk: index, digest, source, kept, fetch })
      const twin = transfer.held.get(index)
      if (transfer.closing.signal.aborted || twin !== undefined || isKept(transfer, index)) {
        counters.add(transfer.bytes, 'wasted', bytes.length)
        buffers.give(buffer)
        if (transfer.closing.signal.aborted) return
        stored(twin === undefined || (await twin.settled))
        return
      }
      transfers.learn(transfer, index, digest)
      transfers.arrived(transfer, index)
      const settled = write(transfer, index, digest, bytes)
      const held: Held = { bytes, buffer, writing: true, settled }
      transfer.held.set(index, held)
      transfers.wake(transfer)
      const kept = await settled
      if (kept || transfer.closing.signal.aborted) {
        transfer.held.delete(index)
        buffers.give(buffer)
        if (!transfer.closing.signal.aborted) stored(true)
      } else {
        held.writing = false
        heldCount += 1
        // What is not all on disk is never looked at as a whole.
        transfer.judged = true
        stored(false)
        hold(transfer, index)
      }
      counters.touched()
    },

    async room(transfer, chunk, signal) {
      while (!signal.aborted && heldCount >= limits.heldPauseAt) {
        const farthest = farthestHeld(transfers.all())
        if (farthest === null || distance(transfer, chunk) <= farthest.distance) return
        await new Promise<void>(resolve => {
          const wake = () => {
            pausers.delete(wake)
            signal.removeEventListener('abort', wake)
            resolve()
          }
          pausers.add(wake)
          signal.addEventListener('abort', wake, { once: true })
        })
      }
    },

    review(transfer) {
      for (const chunk of transfer.held.keys()) {
        if (distance(transfer, chunk) === Infinity) dropHeld(transfer, chunk)
      }
      wakePausers()
    },

    async lost(transfer, chunk, error) {
      transfers.problem(
        transfer,
        `chunk ${chunk} could not be read and is fetched again: ${messageOf(error)}`
      )
      try {
        await store.drop(transfer.id, chunk)
      } catch (failure) {
        transfers.problem(transfer, `chunk ${chunk} could not be dropped: ${messageOf(failure)}`)
      }
      if (!transfer.closing.signal.aborted) emit({ type: 'chunk-dropped', transfer: transfer.id, chunk })
    },

    release(transfer) {
      // What the store is still writing gives its buffer back by itself, in `keep`.
      for (const [chunk, held] of transfer.held) if (!held.writing) drop(transfer, chunk, held)
    }
  }
}

/** How many chunks the nearest reader is away from needing it; Infinity: none will. */
function distance(transfer: Transfer, chunk: number): number {
  let nearest = Infinity
  for (const { position, end } of transfer.readers) {
    const at = Math.floor(position / transfer.chunkBytes)
    if (position < end && chunk >= at && chunk * transfer.chunkBytes < end)
      nearest = Math.min(nearest, chunk - at)
  }
  return nearest
}

function farthestHeld(
  all: Iterable<Transfer>
): { transfer: Transfer; chunk: number; distance: number } | null {
  let farthest: { transfer: Transfer; chunk: number; distance: number } | null = null
  for (const transfer of all) {
    for (const [chunk, held] of transfer.held) {
      if (held.writing) continue
      const away = distance(transfer, chunk)
      if (farthest === null || away > farthest.distance) farthest = { transfer, chunk, distance: away }
    }
  }
  return farthest
}
