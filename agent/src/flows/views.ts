/**
 * Transfers as people see them: what the store keeps, and what the data plane knows besides. A page that is open asks four times a
 * second, so nothing is copied for what it does not show.
 */
import type { TransferId } from '@starling/shared/ids.ts'
import type { SignedHead } from '@starling/shared/manifest.ts'
import type { Millis } from '@starling/shared/units.ts'
import type { StoredOutline, StorePort, TransferView } from '../ports.ts'
import { noBytes } from './counters.ts'
import { topmost } from './topmost.ts'
import type { Transfer, Transfers } from './transfers.ts'

/** What decides who is shown first. */
interface Rank {
  readonly transfer: TransferId
  readonly underWay: boolean
  readonly lastUsedAt: Millis
}

interface Seen extends Rank {
  readonly head: SignedHead
  readonly kept: StoredOutline | null
  readonly moving: Transfer | undefined
}

type Shelf = Pick<StorePort, 'outlines' | 'outline'>

export function viewsOf(store: Shelf, transfers: Transfers): TransferView[] {
  return [...allOf(store, transfers)].map(viewOf)
}

/** The busiest and newest, and how many there are in all. */
export function busiestOf(
  store: Shelf,
  transfers: Transfers,
  countMax: number
): { readonly transfers: TransferView[]; readonly transfersTotal: number } {
  let transfersTotal = 0
  function* counted() {
    for (const seen of allOf(store, transfers)) {
      transfersTotal++
      yield seen
    }
  }
  const first = topmost(counted(), countMax, busiestFirst)
  return { transfers: first.map(viewOf), transfersTotal }
}

export function busiestFirst(one: Rank, other: Rank): number {
  return (
    Number(other.underWay) - Number(one.underWay) ||
    other.lastUsedAt - one.lastUsedAt ||
    (one.transfer < other.transfer ? -1 : 1)
  )
}

function* allOf(store: Shelf, transfers: Transfers): Generator<Seen> {
  for (const kept of store.outlines()) yield seenOf(kept.head, kept, transfers.peek(kept.head.transfer))
  // What the disk was too full to keep at all.
  for (const moving of transfers.all())
    if (store.outline(moving.id) === null) yield seenOf(moving.head, null, moving)
}

function seenOf(head: SignedHead, kept: StoredOutline | null, moving: Transfer | undefined): Seen {
  const isRead = moving !== undefined && moving.readers.size > 0
  const isGiven = moving !== undefined && moving.sources.size > 0
  return {
    transfer: head.transfer,
    underWay: isRead || (isGiven && kept?.complete !== true),
    lastUsedAt: kept?.lastUsedAt ?? 0,
    head,
    kept,
    moving
  }
}

function viewOf({ head, kept, moving }: Seen): TransferView {
  return {
    transfer: head.transfer,
    key: head.head.key,
    validator: head.head.validator,
    length: head.head.length,
    keptBytes: kept?.keptBytes ?? 0,
    complete: kept?.complete ?? false,
    pinned: kept?.pinned ?? false,
    lastUsedAt: kept?.lastUsedAt ?? 0,
    completedAt: kept?.completedAt ?? null,
    readers: moving?.readers.size ?? 0,
    peers: moving?.sources.size ?? 0,
    bytes: moving === undefined ? noBytes() : { ...moving.bytes },
    passesThrough: moving?.passesThrough ?? false,
    problems: [...(moving?.problems ?? [])]
  }
}
