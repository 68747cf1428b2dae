/**
 * The store in memory: a small true implementation of StorePort, held to the same contract suite as the real one
 * (test/contracts/store.contract.ts). Bytes are copied in and out, as a disk would, so that a caller who uses a
 * pooled buffer again is found out. Nothing outlives the process.
 */
import { createHash } from 'node:crypto'
import type { StoredOutline, StoredTransfer, StorePort } from '@starling/agent/ports.ts'
import { Bitfield } from '@starling/shared/bitfield.ts'
import { chunkCount, chunkLength } from '@starling/shared/chunking.ts'
import { StarlingError } from '@starling/shared/errors.ts'
import { parseTransferId, type ContentId, type TransferId } from '@starling/shared/ids.ts'
import {
  contentIdOf,
  uncovered,
  type Digest,
  type SignedDigests,
  type SignedHead
} from '@starling/shared/manifest.ts'
import type { Bytes, Millis } from '@starling/shared/units.ts'

export interface MemoryStoreTunables {
  readonly quotaBytes?: Bytes
  readonly now?: () => Millis
}

interface Kept {
  head: SignedHead
  readonly have: Bitfield
  readonly chunks: Map<number, { readonly digest: Digest; readonly bytes: Uint8Array }>
  readonly digests: SignedDigests[]
  lastUsedAt: Millis
  pinned: boolean
  contentId: ContentId | null
  completedAt: Millis | null
}

export function createMemoryStore(tunables: MemoryStoreTunables = {}): StorePort {
  const { now = Date.now } = tunables
  let { quotaBytes = Number.MAX_SAFE_INTEGER } = tunables
  let floorBytes = 0
  const transfers = new Map<TransferId, Kept>()
  const facts = new Map<string, string>()
  let usedBytes = 0

  function opened(transfer: TransferId): Kept {
    const kept = transfers.get(parseTransferId(transfer))
    if (kept === undefined)
      throw new StarlingError('not-open', `transfer ${transfer} is not in the store: open it first`)
    return kept
  }

  function drop(kept: Kept, chunk: number): void {
    if (!kept.have.clear(chunk)) return
    usedBytes -= kept.chunks.get(chunk)!.bytes.length
    kept.chunks.delete(chunk)
    kept.contentId = null
    kept.completedAt = null
  }

  function snapshot(kept: Kept): StoredTransfer {
    return {
      head: kept.head,
      have: kept.have.copy(),
      digests: [...kept.digests],
      lastUsedAt: kept.lastUsedAt,
      pinned: kept.pinned,
      contentId: kept.contentId,
      completedAt: kept.completedAt
    }
  }

  function outline({ head, have, chunks, lastUsedAt, pinned, completedAt }: Kept): StoredOutline {
    const keptBytes = [...chunks.values()].reduce((sum, { bytes }) => sum + bytes.length, 0)
    return { head, keptBytes, complete: have.full, lastUsedAt, pinned, completedAt }
  }

  return {
    load: async () =>
      [...transfers.values()].map(kept => {
        const entries = [...kept.chunks].map(([chunk, { digest }]) => [chunk, digest] as const)
        return { ...snapshot(kept), unsigned: uncovered(entries, kept.digests) }
      }),

    async open(head) {
      const kept = transfers.get(parseTransferId(head.transfer))
      if (kept === undefined) {
        const chunks = chunkCount(head.head.length, head.head.chunkBytes)
        transfers.set(head.transfer, {
          head,
          have: new Bitfield(chunks),
          chunks: new Map(),
          digests: [],
          lastUsedAt: now(),
          pinned: false,
          contentId: null,
          completedAt: null
        })
        return
      }
      if (kept.head.head.length !== head.head.length || kept.head.head.chunkBytes !== head.head.chunkBytes) {
        throw new StarlingError(
          'head-differs',
          `transfer ${head.transfer} is kept with another length: remove it first`
        )
      }
      if (head.signed.serial > kept.head.signed.serial) kept.head = head
    },

    async keepDigests(digests) {
      const kept = opened(digests.transfer)
      if (kept.digests.some(known => Buffer.compare(known.signed.bytes, digests.signed.bytes) === 0)) return
      kept.digests.push(digests)
    },

    async put(transfer, chunk, digest, bytes) {
      const kept = opened(transfer)
      const { length, chunkBytes } = kept.head.head
      if (
        !Number.isInteger(chunk) ||
        chunk < 0 ||
        chunk >= kept.have.size ||
        bytes.length !== chunkLength(chunk, length, chunkBytes)
      ) {
        throw new StarlingError(
          'bad-chunk',
          `${bytes.length} bytes as chunk ${chunk} of ${transfer}: not its size`
        )
      }
      const before = kept.chunks.get(chunk)
      if (before !== undefined) {
        if (Buffer.compare(before.digest, digest) === 0) return 'kept'
        throw new StarlingError(
          'digest-differs',
          `chunk ${chunk} of ${transfer} is kept with another digest: drop it first`
        )
      }
      if (usedBytes + bytes.length > quotaBytes) return 'full'
      kept.chunks.set(chunk, { digest: digest.slice(), bytes: bytes.slice() })
      kept.have.set(chunk)
      usedBytes += bytes.length
      return 'kept'
    },

    has: (transfer, chunk) => transfers.get(transfer)?.have.has(chunk) ?? false,

    async read(transfer, chunk, offset, target) {
      const bytes = transfers.get(parseTransferId(transfer))?.chunks.get(chunk)?.bytes
      if (bytes === undefined)
        throw new StarlingError('not-kept', `chunk ${chunk} of ${transfer} is not kept: fetch it again`)
      if (!Number.isInteger(offset) || offset < 0 || offset > bytes.length)
        throw new RangeError(`offset ${offset} of a chunk`)
      const part = bytes.subarray(offset, offset + target.length)
      target.set(part)
      return part.length
    },

    async complete(transfer, digests) {
      const kept = opened(transfer)
      if (!kept.have.full || digests.length !== kept.have.size) {
        throw new StarlingError(
          'not-complete',
          `${kept.have.count} of ${kept.have.size} chunks of ${transfer} are kept: fetch the rest first`
        )
      }
      const other = digests.findIndex(
        (digest, chunk) => Buffer.compare(digest, kept.chunks.get(chunk)!.digest) !== 0
      )
      if (other !== -1) {
        throw new StarlingError(
          'digest-differs',
          `chunk ${other} of ${transfer} is kept with another digest: drop it first`
        )
      }
      const { length, chunkBytes } = kept.head.head
      const contentId = contentIdOf({ length, chunkBytes, digests })
      if (kept.contentId !== contentId) kept.completedAt = now()
      kept.contentId = contentId
      return kept.contentId
    },

    async drop(transfer, chunk) {
      const kept = transfers.get(parseTransferId(transfer))
      if (kept !== undefined) drop(kept, chunk)
    },

    async remove(transfer) {
      const kept = transfers.get(parseTransferId(transfer))
      if (kept === undefined) return
      for (const chunk of kept.have.indices()) usedBytes -= kept.chunks.get(chunk)!.bytes.length
      transfers.delete(transfer)
    },

    async pin(transfer, pinned) {
      opened(transfer).pinned = pinned
    },

    touch(transfer, at) {
      const kept = transfers.get(transfer)
      if (kept !== undefined) kept.lastUsedAt = Math.max(kept.lastUsedAt, at)
    },

    list: () => [...transfers.values()].map(snapshot),
    find(transfer) {
      const kept = transfers.get(transfer)
      return kept === undefined ? null : snapshot(kept)
    },
    outlines: () => [...transfers.values()].map(outline),
    outline(transfer) {
      const kept = transfers.get(transfer)
      return kept === undefined ? null : outline(kept)
    },

    usage: async () => ({ usedBytes, quotaBytes, freeBytes: Number.MAX_SAFE_INTEGER, floorBytes }),
    limit(limits) {
      ;({ quotaBytes, floorBytes } = limits)
    },

    async *verify() {
      for (const [transfer, kept] of transfers) {
        const chunks = kept.have.count
        const bad = [...kept.have.indices()].filter(chunk => {
          const { bytes, digest } = kept.chunks.get(chunk)!
          return !createHash('sha256').update(bytes).digest().equals(digest)
        })
        for (const chunk of bad) drop(kept, chunk)
        yield { transfer, key: kept.head.head.key, chunks, bad }
      }
    },

    async remember(name, value) {
      if (value === undefined) facts.delete(name)
      else facts.set(name, JSON.stringify(value))
    },
    async recall(name) {
      return facts.has(name) ? JSON.parse(facts.get(name)!) : undefined
    },
    close: async () => {}
  }
}
