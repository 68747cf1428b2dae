/**
 * Transfers as people see them: what the store keeps, and what the data plane knows besides.
 */
import { chunkLength } from '@starling/shared/chunking.ts'
import type { SignedHead } from '@starling/shared/manifest.ts'
import type { Bytes } from '@starling/shared/units.ts'
import type { StoredTransfer, TransferView } from '../ports.ts'
import { noBytes } from './counters.ts'
import type { Transfer, Transfers } from './transfers.ts'

export function viewsOf(stored: readonly StoredTransfer[], transfers: Transfers): TransferView[] {
  const moving = new Map([...transfers.all()].map(transfer => [transfer.id, transfer]))
  const views = stored.map(kept => {
    const transfer = moving.get(kept.head.transfer)
    moving.delete(kept.head.transfer)
    return viewOf(kept.head, kept, transfer)
  })
  // What the disk was too full to keep at all.
  for (const transfer of moving.values()) views.push(viewOf(transfer.head, undefined, transfer))
  return views
}

function viewOf(
  head: SignedHead,
  kept: StoredTransfer | undefined,
  transfer: Transfer | undefined
): TransferView {
  return {
    transfer: head.transfer,
    key: head.head.key,
    validator: head.head.validator,
    length: head.head.length,
    keptBytes: kept === undefined ? 0 : keptBytes(kept),
    complete: kept?.have.full ?? false,
    pinned: kept?.pinned ?? false,
    lastUsedAt: kept?.lastUsedAt ?? 0,
    readers: transfer?.readers.size ?? 0,
    peers: transfer?.sources.size ?? 0,
    bytes: transfer === undefined ? noBytes() : { ...transfer.bytes },
    problems: [...(transfer?.problems ?? [])]
  }
}

function keptBytes({ head, have }: StoredTransfer): Bytes {
  const { length, chunkBytes } = head.head
  const last = have.size - 1
  if (!have.has(last)) return have.count * chunkBytes
  return (have.count - 1) * chunkBytes + chunkLength(last, length, chunkBytes)
}
