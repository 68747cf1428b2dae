/**
 * All chunks of a transfer are kept: what its name or its origin promised is checked over the whole, then the store settles
 * it under its ContentId. A content that is not what was promised is forgotten as a whole: chunks that each matched a signed
 * digest do not make it right.
 */
import { messageOf } from '@starling/shared/errors.ts'
import type { Digest } from '@starling/shared/manifest.ts'
import type { StorePort } from '../ports.ts'
import type { Buffers } from './buffers.ts'
import { createPromiseCheck, digestOf } from './hashing.ts'
import type { Keeper } from './keeper.ts'
import { lengthOf, promiserOf, type Transfer, type Transfers } from './transfers.ts'

export interface CompletionParts {
  readonly store: StorePort
  readonly buffers: Buffers
  readonly transfers: Transfers
  readonly keeper: Keeper
  /** Takes the transfer away from store, readers and core. */
  readonly spoil: (transfer: Transfer, sentence: string) => Promise<void>
}

/** Never rejects. */
export function createCompletion(parts: CompletionParts): (transfer: Transfer) => Promise<void> {
  const { store, buffers, transfers, keeper } = parts

  return async function complete(transfer) {
    try {
      if (!(await look(transfer))) {
        const sentence = `the content is not what its ${promiserOf(transfer)} promises, and was thrown away`
        await parts.spoil(transfer, sentence)
        return
      }
      const digests: Digest[] = []
      for (let chunk = 0; chunk < transfer.chunks; chunk++) digests.push(transfer.digests.get(chunk)!)
      await store.complete(transfer.id, digests)
    } catch (error) {
      // It stays what it was, chunk by chunk right; the core says so again when what was lost is back.
      if (!transfer.closing.signal.aborted) {
        transfers.problem(transfer, `the content could not be completed: ${messageOf(error)}`)
      }
    } finally {
      transfer.judged = true
      transfers.wake(transfer)
    }
  }

  /** Reads what has to be read. @returns whether the promise is kept. */
  async function look(transfer: Transfer): Promise<boolean> {
    const check = transfer.promiseKept ? null : createPromiseCheck(transfer.promised!)
    for (let chunk = 0; chunk < transfer.chunks; chunk++) {
      if (check === null && transfer.digests.has(chunk)) continue
      await withChunk(transfer, chunk, async bytes => {
        check?.add(bytes)
        if (!transfer.digests.has(chunk)) transfers.learn(transfer, chunk, await digestOf(bytes))
      })
    }
    if (check === null) return true
    transfer.promiseKept = check.fits()
    return transfer.promiseKept
  }

  async function withChunk(
    transfer: Transfer,
    chunk: number,
    use: (bytes: Uint8Array) => Promise<void>
  ): Promise<void> {
    const buffer = await buffers.take(transfer.closing.signal)
    const target = buffer.subarray(0, lengthOf(transfer, chunk))
    try {
      const count = await store.read(transfer.id, chunk, 0, target)
      if (count < target.length) throw new Error(`${count} bytes instead of ${target.length}`)
      await use(target)
    } catch (error) {
      if (keeper.isKept(transfer, chunk)) await keeper.lost(transfer, chunk, error)
      throw error
    } finally {
      buffers.give(buffer)
    }
  }
}
