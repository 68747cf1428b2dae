/**
 * Peers ask for chunks; the core says whether they get them. What is sent was verified when it was kept, and the one
 * who gets it verifies it again.
 */
import { codeOf } from '@starling/shared/errors.ts'
import type { AgentId, TransferId } from '@starling/shared/ids.ts'
import type { Millis } from '@starling/shared/units.ts'
import type { BulkHandler, BulkReply, Emit, StorePort, UploadId } from '../ports.ts'
import type { Buffers } from './buffers.ts'
import type { Counters } from './counters.ts'
import type { Keeper } from './keeper.ts'
import { lengthOf, type Transfer, type Transfers } from './transfers.ts'

interface Upload {
  readonly peer: AgentId
  readonly transfer: TransferId
  readonly chunk: number
  readonly reply: BulkReply
}

export interface Uploads {
  readonly asked: BulkHandler
  /** Answered by `upload-ended`. Never rejects. */
  readonly serve: (id: UploadId, signal: AbortSignal) => Promise<void>
  readonly refuse: (id: UploadId, reason: 'busy' | 'gone', retryAfterMs: Millis) => void
}

export function createUploads(parts: {
  store: StorePort
  buffers: Buffers
  transfers: Transfers
  keeper: Keeper
  counters: Counters
  emit: Emit
}): Uploads {
  const { store, buffers, transfers, keeper, counters, emit } = parts
  const waiting = new Map<UploadId, Upload>()
  let last: UploadId = 0

  function take(id: UploadId): Upload | undefined {
    const upload = waiting.get(id)
    waiting.delete(id)
    return upload
  }

  /** @returns whether the chunk is in `target`. */
  async function load(transfer: Transfer, chunk: number, target: Uint8Array): Promise<boolean> {
    const held = transfer.held.get(chunk)
    if (held !== undefined) {
      target.set(held.bytes)
      return true
    }
    try {
      const count = await store.read(transfer.id, chunk, 0, target)
      if (count === target.length) return true
      throw new Error(`${count} bytes instead of ${target.length}`)
    } catch (error) {
      if (codeOf(error) !== 'not-kept') await keeper.lost(transfer, chunk, error)
      return false
    }
  }

  return {
    asked(request, reply) {
      const id = ++last
      waiting.set(id, { ...request, reply })
      emit({ type: 'chunk-asked', upload: id, ...request })
    },

    async serve(id, signal) {
      const upload = take(id)
      if (upload === undefined) return
      let sent = 0
      let buffer: Uint8Array | null = null
      try {
        const transfer = transfers.get(upload.transfer)
        if (transfer === undefined || upload.chunk >= transfer.chunks) {
          upload.reply.gone()
          return
        }
        buffer = await buffers.take(signal)
        const target = buffer.subarray(0, lengthOf(transfer, upload.chunk))
        if (!(await load(transfer, upload.chunk, target))) {
          upload.reply.gone()
          return
        }
        sent = await upload.reply.send(target)
        counters.add(transfer.bytes, 'toPeers', sent)
        transfer.sources.add(upload.peer)
      } catch {
        // The peer went away, or we are stopping: it sees the same.
        if (buffer === null) upload.reply.gone()
      } finally {
        if (buffer !== null) buffers.give(buffer)
        emit({ type: 'upload-ended', upload: id, bytes: sent })
      }
    },

    refuse(id, reason, retryAfterMs) {
      const upload = take(id)
      if (reason === 'busy') upload?.reply.busy(retryAfterMs)
      else upload?.reply.gone()
    }
  }
}
