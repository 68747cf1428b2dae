/**
 * Pieces hash files (PHF): what Delivery Optimization checks each piece against, whoever it came from. JSON with the
 * SHA-256 of every MiB. The client learns the hash of the hashes and the file's address from the cloud over TLS, and
 * then fetches it over plain HTTP, also through a cache host.
 *
 * How the real hash of hashes is made is not public. Here it is the SHA-256 over the digests one after the other.
 */
import { createHash } from 'node:crypto'
import { chunkBytesDefault } from '@starling/shared/chunking.ts'
import type { Bytes } from '@starling/shared/units.ts'
import type { Content } from '../content.ts'

export const pieceBytes: Bytes = chunkBytesDefault

export interface PieceHashes {
  readonly MajorVersion: 1
  readonly MinorVersion: 0
  /** All digests are base64 of SHA-256. */
  readonly HashOfHashes: string
  readonly ContentLength: Bytes
  readonly PieceSize: Bytes
  readonly Pieces: readonly string[]
}

export async function pieceHashesOf(content: Content): Promise<PieceHashes> {
  const pieces: string[] = []
  for (let at = 0; at < content.length; at += pieceBytes) {
    const piece = await content.read(at, Math.min(content.length, at + pieceBytes))
    pieces.push(createHash('sha256').update(piece).digest('base64'))
  }
  return {
    MajorVersion: 1,
    MinorVersion: 0,
    HashOfHashes: hashOfHashes(pieces),
    ContentLength: content.length,
    PieceSize: pieceBytes,
    Pieces: pieces
  }
}

export function hashOfHashes(pieces: readonly string[]): string {
  const all = createHash('sha256')
  for (const piece of pieces) all.update(piece, 'base64')
  return all.digest('base64')
}
