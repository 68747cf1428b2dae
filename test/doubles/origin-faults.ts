/**
 * How an origin can be wrong, per path, switched while it runs. Offsets are offsets in the content, not in the
 * response, so that a fault stays at its place whatever Range is asked for. (An answer of several ranges has no offset
 * in the content; there they are offsets in its body.)
 */
import type { Bytes, BytesPerSecond, Millis } from '@starling/shared/units.ts'

export interface Faults {
  /** Only the first so many requests that would get a body are faulty; without it all are. */
  readonly times?: number
  /** Answers 200 with everything, whatever Range was asked. */
  readonly ignoreRange?: boolean
  /** Of a Range header that is repeated the first counts, where others take the last. */
  readonly firstRange?: boolean
  /** The body ends so many bytes before its Content-Length, and the connection with it. */
  readonly shortBy?: Bytes
  /** So many bytes follow after the Content-Length is reached. */
  readonly longBy?: Bytes
  /** A 206 goes so many bytes further than asked, and says so in its Content-Range. */
  readonly widerBy?: Bytes
  /** Says nothing more once this offset is reached, and keeps the connection. */
  readonly stallAt?: Bytes
  /** Resets the connection at this offset (RST, not FIN). */
  readonly resetAt?: Bytes
  /** One bit is flipped at each of these offsets. */
  readonly corruptAt?: readonly Bytes[]
  /** Each response is so slow. */
  readonly dripBytesPerSecond?: BytesPerSecond
  /** The answer begins so much later. */
  readonly firstByteAfterMs?: Millis
  /** Answers with this status instead: 404, 429, 503, ... */
  readonly status?: number
  /** Retry-After of such an answer. */
  readonly retryAfterSeconds?: number
  /** No Content-Length: chunked transfer coding. */
  readonly chunked?: boolean
  /** Response headers replaced or added; null takes one away. For no-store, private, Vary, Set-Cookie, ... */
  readonly headers?: Readonly<Record<string, string | readonly string[] | null>>
}

const numbers = [
  'times',
  'shortBy',
  'longBy',
  'widerBy',
  'stallAt',
  'resetAt',
  'dripBytesPerSecond',
  'firstByteAfterMs',
  'status',
  'retryAfterSeconds'
]
const flags = ['ignoreRange', 'firstRange', 'chunked']

/** For the control endpoint: what is misspelt must not pass as "no fault". @throws Error */
export function parseFaults(value: unknown): Faults {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Error('faults must be an object')
  for (const [name, given] of Object.entries(value)) {
    const fits =
      (numbers.includes(name) && typeof given === 'number') ||
      (flags.includes(name) && typeof given === 'boolean') ||
      (name === 'corruptAt' && Array.isArray(given)) ||
      (name === 'headers' && typeof given === 'object')
    if (!fits)
      throw new Error(`there is no fault ${JSON.stringify(name)} with the value ${JSON.stringify(given)}`)
  }
  return value as Faults
}

/** Flips the bits that lie in `piece`, which starts at `offset`; `piece` itself stays as it is. */
export function corrupted(piece: Uint8Array, offset: Bytes, corruptAt: readonly Bytes[]): Uint8Array {
  const hit = corruptAt.filter(at => at >= offset && at < offset + piece.length)
  if (hit.length === 0) return piece
  const bad = piece.slice()
  for (const at of hit) bad[at - offset]! ^= 0x01
  return bad
}
