/**
 * What the data plane knows of each transfer at work: its head, its digests, the chunks that lie in memory just now,
 * and who reads it. Kept bytes are the store's; this is only what moves.
 *
 * Waiting is by events: whoever changes something that a reader may wait for calls `wake`.
 */
import { chunkCount, chunkLength } from '@starling/shared/chunking.ts'
import { messageOf, type StarlingError } from '@starling/shared/errors.ts'
import type { AgentId, TransferId } from '@starling/shared/ids.ts'
import {
  promisedByName,
  type Digest,
  type PromisedDigest,
  type SignedDigests,
  type SignedHead
} from '@starling/shared/manifest.ts'
import type { Bytes } from '@starling/shared/units.ts'
import type { Log } from '../log.ts'
import type { ByteCounters, StoredTransfer, StorePort } from '../ports.ts'
import { noBytes, type Counters } from './counters.ts'
import { DigestTable } from './digest-table.ts'

/** A chunk that is arriving from the origin: readers may have its bytes before it is verified. */
export interface Filling {
  readonly chunk: number
  /** Exactly as long as the chunk, in a pooled buffer: valid only while the filling is in `Transfer.fillings`. */
  readonly bytes: Uint8Array
  filled: Bytes
  /** Broken: the rest did not come; nothing is known about what did. */
  state: 'filling' | 'verified' | 'corrupt' | 'broken'
}

/** A verified chunk in memory: on its way to the disk, or, with a full disk, until no reader needs it. */
export interface Held {
  readonly bytes: Uint8Array
  readonly buffer: Uint8Array
  /** The store is still at it. */
  writing: boolean
  /** Whether the store took it. */
  readonly settled: Promise<boolean>
}

export interface TransferReader {
  position: Bytes
  readonly end: Bytes
  failure: StarlingError | null
  /** Set while it waits. */
  wake: (() => void) | null
}

export interface Transfer {
  readonly id: TransferId
  head: SignedHead
  readonly length: Bytes
  readonly chunkBytes: Bytes
  readonly chunks: number
  readonly digests: DigestTable
  readonly held: Map<number, Held>
  readonly fillings: Set<Filling>
  readonly readers: Set<TransferReader>
  /** Aborted when the transfer is forgotten: all its fetches and flows end. */
  readonly closing: AbortController
  /** An earlier one of the same name is still being removed: what the store has of it is not ours. */
  awaitsRemoval: boolean
  /** Settles once the store has it open; never rejects (what cannot be opened will not be kept). */
  opened: Promise<void>
  /**
   * The first promise that a head of this transfer made. It stays: who signs a head without one does not take it back, and
   * who signs another one is not believed over bytes that are already being checked.
   */
  promised: PromisedDigest | null
  /** Whether the promised digest was found right over the whole content. */
  promiseKept: boolean
  /** No verdict on that promise is to be waited for: it was given, or will not be. */
  judged: boolean
  evictWhenUnread: boolean
  /** Nobody waits for it: its flows are read at the background's rate. */
  isBackground: boolean
  /** What to send upstream beside what every request has; see resolve.ts. */
  upstreamHeaders: Readonly<Record<string, string>>
  /** When each chunk came in this process, by `arrivals`; 0: it was there before. */
  readonly arrivedAs: Uint32Array
  /** The disk or the quota did not take the last chunk: what comes is passed on and not kept. */
  passesThrough: boolean
  readonly bytes: ByteCounters
  readonly sources: Set<AgentId>
  readonly problems: string[]
}

export interface Transfers {
  /** From memory, or as the store knows it; undefined when neither does. */
  readonly get: (id: TransferId) => Transfer | undefined
  /** From memory only: who looks at all of them opens none. */
  readonly peek: (id: TransferId) => Transfer | undefined
  /** Idempotent; a newer head replaces the old one. */
  readonly open: (head: SignedHead) => Transfer
  /** Gone at once for everyone here; resolves when the store has removed it, too. Never rejects. */
  readonly forget: (transfer: Transfer) => Promise<void>
  readonly keepDigests: (digests: SignedDigests) => void
  /** @returns false if another digest is known for this chunk, which then stays */
  readonly learn: (transfer: Transfer, chunk: number, digest: Digest) => boolean
  /** Something changed that readers may wait for. */
  readonly wake: (transfer: Transfer) => void
  /** Notes what went wrong, for people. */
  readonly problem: (transfer: Transfer, sentence: string) => void
  /** The number of the latest arrival, over all transfers. */
  readonly arrivals: () => number
  readonly arrived: (transfer: Transfer, chunk: number) => void
  readonly all: () => Iterable<Transfer>
}

export function lengthOf(transfer: Transfer, chunk: number): Bytes {
  return chunkLength(chunk, transfer.length, transfer.chunkBytes)
}

/** Who is to be named when the content is not what was promised. */
export function promiserOf(transfer: Transfer): 'name' | 'origin' {
  const { validator } = transfer.head.head
  return promisedByName({ promised: transfer.promised, validator }) ? 'name' : 'origin'
}

export function createTransfers(
  {
    store,
    counters,
    log,
    learnt
  }: {
    store: StorePort
    counters: Counters
    log: Log
    /** A digest came to be known, or was confirmed. */
    learnt: (transfer: Transfer, chunk: number, digest: Digest) => void
  },
  { problemsMax }: { problemsMax: number }
): Transfers {
  const byId = new Map<TransferId, Transfer>()
  /** Being removed from the store. Who opens one of these anew waits until it is gone. */
  const leaving = new Map<TransferId, Promise<void>>()
  let arrivals = 0

  function add(head: SignedHead, stored: StoredTransfer | undefined): Transfer {
    const { length, chunkBytes } = head.head
    const chunks = chunkCount(length, chunkBytes)
    const transfer: Transfer = {
      id: head.transfer,
      head,
      length,
      chunkBytes,
      chunks,
      digests: new DigestTable(chunks),
      held: new Map(),
      fillings: new Set(),
      readers: new Set(),
      closing: new AbortController(),
      awaitsRemoval: false,
      opened: Promise.resolve(),
      promised: head.head.promised,
      promiseKept: head.head.promised === null || (stored?.contentId ?? null) !== null,
      // What was complete before this process began is not looked at again.
      judged: stored?.have.full ?? false,
      evictWhenUnread: false,
      isBackground: false,
      upstreamHeaders: {},
      arrivedAs: new Uint32Array(chunks),
      passesThrough: false,
      bytes: noBytes(),
      sources: new Set(),
      problems: []
    }
    const removal = leaving.get(transfer.id)
    if (removal !== undefined) {
      transfer.awaitsRemoval = true
      transfer.opened = removal.then(() => void (transfer.awaitsRemoval = false))
    }
    for (const digests of stored?.digests ?? []) note(transfer, digests)
    byId.set(transfer.id, transfer)
    return transfer
  }

  function get(id: TransferId): Transfer | undefined {
    const known = byId.get(id)
    if (known !== undefined) return known
    if (leaving.has(id)) return undefined
    const stored = store.find(id)
    return stored === null ? undefined : add(stored.head, stored)
  }

  function note(transfer: Transfer, digests: SignedDigests): void {
    for (const [chunk, digest] of digests.entries) {
      if (learn(transfer, chunk, digest)) continue
      problem(
        transfer,
        `${digests.signed.issuer} signed another digest for chunk ${chunk} than the one known`
      )
    }
  }

  function learn(transfer: Transfer, chunk: number, digest: Digest): boolean {
    if (!transfer.digests.note(chunk, digest)) return false
    learnt(transfer, chunk, digest)
    return true
  }

  function problem(transfer: Transfer, sentence: string): void {
    if (transfer.problems.at(-1) === sentence) return
    transfer.problems.push(sentence)
    if (transfer.problems.length > problemsMax) transfer.problems.shift()
    log.warn({ transfer: transfer.id }, sentence)
    counters.touched()
  }

  /** The store's writes of one transfer's manifest in order, and none before it is open. */
  function afterOpening(transfer: Transfer, what: string, write: () => Promise<void>): void {
    transfer.opened = transfer.opened.then(write).catch((error: unknown) => {
      problem(transfer, `${what} could not be kept: ${messageOf(error)}`)
    })
  }

  return {
    get,
    peek: id => byId.get(id),
    open(head) {
      const known = get(head.transfer)
      const transfer = known ?? add(head, undefined)
      transfer.evictWhenUnread = false
      if (known !== undefined && known.head.signed.serial > head.signed.serial) return transfer
      transfer.head = head
      if (transfer.promised === null && head.head.promised !== null) {
        transfer.promised = head.head.promised
        transfer.promiseKept = false
      }
      afterOpening(transfer, 'the head', () => store.open(head))
      counters.touched()
      return transfer
    },
    async forget(transfer) {
      byId.delete(transfer.id)
      transfer.closing.abort()
      counters.touched()
      const removed = transfer.opened
        .then(() => store.remove(transfer.id))
        .catch((error: unknown) => {
          log.warn(
            { transfer: transfer.id, error: messageOf(error) },
            'a transfer could not be removed from the store'
          )
        })
      leaving.set(transfer.id, removed)
      await removed
      if (leaving.get(transfer.id) === removed) leaving.delete(transfer.id)
    },
    keepDigests(digests) {
      const transfer = get(digests.transfer)
      if (transfer === undefined) return
      note(transfer, digests)
      afterOpening(transfer, 'digests', () => store.keepDigests(digests))
    },
    learn,
    wake(transfer) {
      for (const reader of transfer.readers) reader.wake?.()
    },
    problem,
    arrivals: () => arrivals,
    arrived(transfer, chunk) {
      arrivals += 1
      transfer.arrivedAs[chunk] = arrivals
    },
    all: () => byId.values()
  }
}
