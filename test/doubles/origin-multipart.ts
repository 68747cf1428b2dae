/**
 * The body of an answer to several ranges (RFC 9110, 14.6), as content of its own that is never in memory. Its framing is
 * what IIS sends: one empty line before each boundary, and of headers only those that a part must have.
 */
import type { Span } from '@starling/shared/chunking.ts'
import type { Bytes } from '@starling/shared/units.ts'
import type { Content } from './content.ts'

/** Random content does not hold it: 24 digits that were drawn once. */
const boundary = '480593321704415599626110'
export const multipartType = `multipart/byteranges; boundary=${boundary}`
export const partType = 'application/octet-stream'

type Part = Span & { read(start: Bytes, end: Bytes): Promise<Uint8Array> }

/** The parts in this order, each with its place in `content`. */
export function multipart(content: Content, spans: readonly Span[]): Content {
  const parts: Part[] = []
  let length: Bytes = 0
  const add = (bytes: Bytes, read: Part['read']): void => {
    parts.push({ start: length, end: length + bytes, read })
    length += bytes
  }
  const addText = (text: string): void => {
    const bytes = Buffer.from(text, 'latin1')
    add(bytes.length, async (start, end) => bytes.subarray(start, end))
  }
  for (const { start, end } of spans) {
    const place = `Content-Range: bytes ${start}-${end - 1}/${content.length}`
    addText(`\r\n--${boundary}\r\nContent-Type: ${partType}\r\n${place}\r\n\r\n`)
    add(end - start, (from, to) => content.read(start + from, start + to))
  }
  addText(`\r\n--${boundary}--\r\n`)

  return {
    ...content,
    length,
    async read(start, end) {
      const pieces = parts
        .filter(part => part.start < end && part.end > start)
        .map(part =>
          part.read(Math.max(start, part.start) - part.start, Math.min(end, part.end) - part.start)
        )
      return Buffer.concat(await Promise.all(pieces))
    }
  }
}
