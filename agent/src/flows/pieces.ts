/**
 * What Microsoft's own piece hashes say of a content: a pieces hash file has the SHA-256 of each MiB, which is what our
 * chunks are. A client fetches one before the content; whoever served us something else is then found out, here and not
 * only at the client.
 *
 * The file comes over plain HTTP like the content, so it proves nothing by itself. Two that contradict each other are both
 * forgotten, and asked for again they come from the origin; only what its name promised, and was found to be, stays.
 */
import { LRUCache } from 'lru-cache'
import { chunkBytesDefault } from '@starling/shared/chunking.ts'
import type { Digest } from '@starling/shared/manifest.ts'
import type { PieceHashes } from '../ports.ts'
import { sameBytes } from './hashing.ts'
import type { Transfer } from './transfers.ts'

export interface Pieces {
  expect(key: string, hashes: PieceHashes): void
  /** @returns false if the hashes say something else for this chunk; they are forgotten then */
  agrees(transfer: Transfer, chunk: number, digest: Digest): boolean
  /** @returns the first chunk whose known digest is another one than the hashes say; null: none */
  firstContradiction(transfer: Transfer): number | null
}

/** Those of the contents that are being fetched, and some more: the largest (20 GiB) takes 640 KiB. */
const piecesMax = 64

export function createPieces(): Pieces {
  const byKey = new LRUCache<string, PieceHashes>({ max: piecesMax })

  function hashesOf({ head, length, chunkBytes }: Transfer): PieceHashes | null {
    const hashes = byKey.get(head.head.key)
    // Hashes of another version, or in pieces of another size, say nothing of this one.
    return hashes !== undefined && hashes.length === length && chunkBytes === chunkBytesDefault
      ? hashes
      : null
  }
  function agrees(transfer: Transfer, chunk: number, digest: Digest): boolean {
    const expected = hashesOf(transfer)?.digests[chunk]
    if (expected === undefined || sameBytes(expected, digest)) return true
    const { key } = transfer.head.head
    byKey.get(key)?.doubted()
    byKey.delete(key)
    return false
  }

  return {
    expect: (key, hashes) => void byKey.set(key, hashes),
    agrees,
    firstContradiction(transfer) {
      for (let chunk = 0; chunk < transfer.chunks; chunk++) {
        const digest = transfer.digests.get(chunk)
        if (digest !== null && !agrees(transfer, chunk, digest)) return chunk
      }
      return null
    }
  }
}
