/**
 * The framing of an answer to several ranges (RFC 9110, 14.6), pure. BITS is stricter than the RFC: at most two line ends before the
 * first boundary, and of headers in a part little more than Content-Range and Content-Type.
 */
import { randomBytes } from 'node:crypto'
import type { Span } from '@starling/shared/chunking.ts'
import type { Bytes } from '@starling/shared/units.ts'

export interface Multipart {
  readonly contentType: string
  /** Of the whole body, framing and all. */
  readonly length: Bytes
  readonly parts: ReadonlyArray<{ readonly before: Uint8Array; readonly span: Span }>
  readonly after: Uint8Array
}

/** @param partType the content's own type; null: it has none */
export function multipart(spans: readonly Span[], length: Bytes, partType: string | null): Multipart {
  // Nobody can have put it into a content: it is drawn anew for each answer.
  const boundary = randomBytes(16).toString('hex')
  const type = partType === null ? '' : `Content-Type: ${partType}\r\n`
  const parts = spans.map(span => ({
    before: Buffer.from(
      `\r\n--${boundary}\r\n${type}Content-Range: bytes ${span.start}-${span.end - 1}/${length}\r\n\r\n`,
      'latin1'
    ),
    span
  }))
  const after = Buffer.from(`\r\n--${boundary}--\r\n`)
  return {
    contentType: `multipart/byteranges; boundary=${boundary}`,
    length: parts.reduce(
      (sum, { before, span }) => sum + before.length + span.end - span.start,
      after.length
    ),
    parts,
    after
  }
}
