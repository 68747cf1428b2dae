/**
 * Pieces hash files of Delivery Optimization, pure: which content one is about, and what it says. JSON with the length, the size of
 * a piece and the SHA-256 of each in base64.
 */
import { z } from 'zod'
import { chunkBytesDefault, chunkCount } from '@starling/shared/chunking.ts'
import { recognise } from '@starling/shared/content-classes/recognise.ts'
import type { ContentClass } from '@starling/shared/content-classes/content-class.ts'
import type { PieceHashes } from '../ports.ts'

/**
 * The key of the content whose pieces hash file lies at this URL; null: it is no address of such a file. The forms are
 * `<content>/pieceshash`, `<content>.phf`, and `/phf/<...>/<SHA-1 of the content>/<hash of hashes>`. The last one names content
 * of any host, so only the vendor's own hosts may say it: else any web page could have Windows Update's files thrown away.
 */
export function contentKeyOfPieces(url: string, classes: readonly ContentClass[]): string | null {
  const { origin, pathname, search } = new URL(url)
  const [, sha1] = /^\/phf\/(?:.*\/)?([0-9a-f]{40})\/[0-9a-f]{64}$/i.exec(pathname) ?? []
  if (sha1 !== undefined)
    return recognise(url, classes).contentClass === 'piece-hashes' ? `sha1:${sha1.toLowerCase()}` : null
  const [, path] = /^(.+)(?:\/pieceshash|\.phf)$/i.exec(pathname) ?? []
  return path === undefined ? null : recognise(`${origin}${path}${search}`, classes).key
}

const shape = z.object({
  ContentLength: z.number().int().positive(),
  PieceSize: z.literal(chunkBytesDefault as number),
  Pieces: z.array(z.base64().length(44)).max(1_000_000)
})

/** Null for anything else, and for pieces that are no chunks of ours. */
export function parsePieceHashes(body: Uint8Array): Omit<PieceHashes, 'doubted'> | null {
  let value: unknown
  try {
    value = JSON.parse(Buffer.from(body).toString('utf8'))
  } catch {
    return null
  }
  const parsed = shape.safeParse(value)
  if (!parsed.success) return null
  const { ContentLength: length, Pieces } = parsed.data
  if (Pieces.length !== chunkCount(length, chunkBytesDefault)) return null
  return { length, digests: Pieces.map(piece => new Uint8Array(Buffer.from(piece, 'base64'))) }
}
