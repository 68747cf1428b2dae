/**
 * Reads multipart/byteranges as BITS does, which is stricter than RFC 9110: at most two line ends before the first boundary,
 * and in each part's head Content-Range, Content-Type and at most 180 bytes of anything else.
 */
import type { Bytes } from '@starling/shared/units.ts'

export interface Multipart {
  readonly parts: ReadonlyArray<{ readonly start: Bytes; readonly bytes: Uint8Array }>
  readonly complaints: readonly string[]
}

const otherHeaderBytesMax = 180
const lineEndsMax = 2

export function readMultipart(contentType: string, body: Buffer, total: Bytes): Multipart {
  const boundary = /^multipart\/byteranges\s*;\s*boundary="?([^";]+)"?/i.exec(contentType)?.[1]
  if (boundary === undefined) {
    return {
      parts: [],
      complaints: [`Content-Type is ${contentType || 'missing'} instead of multipart/byteranges`]
    }
  }
  const complaints: string[] = []
  const parts: Array<Multipart['parts'][number]> = []
  let at = body.indexOf(`--${boundary}`)
  const before = body.toString('latin1', 0, Math.max(0, at))
  if (!new RegExp(`^(?:\r\n){0,${lineEndsMax}}$`).test(before)) {
    complaints.push(`${before.length} bytes before the first boundary are more than ${lineEndsMax} line ends`)
  }
  while (at >= 0) {
    const headStart = at + boundary.length + 2
    if (body.toString('latin1', headStart, headStart + 2) === '--') return { parts, complaints }
    const headEnd = body.indexOf('\r\n\r\n', headStart)
    if (headEnd < 0) break
    const head = body.toString('latin1', headStart + 2, headEnd).split('\r\n')
    const others = head.filter(line => !/^content-(range|type):/i.test(line)).join('\r\n')
    if (others.length > otherHeaderBytesMax) {
      complaints.push(`a part has ${others.length} bytes of other headers, more than ${otherHeaderBytesMax}`)
    }
    const place = head.map(line => /^content-range: *bytes (\d+)-(\d+)\/(\d+)$/i.exec(line)).find(Boolean)
    if (place === undefined || place === null || Number(place[3]) !== total) {
      complaints.push(`a part has no Content-Range of ${total} bytes: ${head.join(', ')}`)
      return { parts, complaints }
    }
    const start = Number(place[1])
    const bytesEnd = headEnd + 4 + Number(place[2]) + 1 - start
    parts.push({ start, bytes: body.subarray(headEnd + 4, bytesEnd) })
    at =
      body.toString('latin1', bytesEnd, bytesEnd + boundary.length + 4) === `\r\n--${boundary}`
        ? bytesEnd + 2
        : -1
  }
  complaints.push('the body ends without its last boundary')
  return { parts, complaints }
}
