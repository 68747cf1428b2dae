/**
 * Which part of the content a request is answered with, by RFC 9110: preconditions first, then the Range. What we do
 * not understand gets everything, as the RFC allows.
 */
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http'
import type { Span } from '@starling/shared/chunking.ts'
import { secondMs, type Bytes } from '@starling/shared/units.ts'
import type { Content } from './content.ts'

export type RangeChoice =
  | { readonly kind: 'span'; readonly partial: boolean; readonly start: Bytes; readonly end: Bytes }
  /** Two or more, as they were asked for. */
  | { readonly kind: 'several'; readonly spans: readonly Span[] }
  | { readonly kind: 'none'; readonly status: number; readonly headers: OutgoingHttpHeaders }

/** Where the header is repeated, `headers.range` is the one that counts. */
export function selectRange(headers: IncomingHttpHeaders, content: Content): RangeChoice {
  const { length, etag, lastModified } = content
  const failed = { kind: 'none', status: 412, headers: { etag } } as const
  const unchanged = { kind: 'none', status: 304, headers: { etag } } as const
  // A date counts only where no tag was given.
  const ifMatch = headers['if-match']
  if (ifMatch === undefined) {
    if (isAfter(lastModified, headers['if-unmodified-since'])) return failed
  } else if (ifMatch !== '*' && !list(ifMatch).includes(etag)) return failed
  const ifNoneMatch = headers['if-none-match']
  if (ifNoneMatch === undefined) {
    const since = headers['if-modified-since']
    if (since !== undefined && !isAfter(lastModified, since)) return unchanged
  } else if (ifNoneMatch === '*' || list(ifNoneMatch).includes(etag)) return unchanged

  const whole = { kind: 'span', partial: false, start: 0, end: length } as const
  const range = headers.range
  if (range === undefined) return whole
  const ifRange = headers['if-range']
  if (ifRange !== undefined && ifRange !== etag && ifRange !== lastModified.toUTCString()) return whole

  const specs = /^bytes=(.*)$/.exec(range.replaceAll(' ', ''))?.[1]?.split(',') ?? []
  const asked = specs.map(spec => spanOf(spec, length))
  if (asked.length === 0 || asked.includes('no range')) return whole
  const spans = asked.filter(span => typeof span === 'object')
  const [first] = spans
  if (first === undefined) {
    return { kind: 'none', status: 416, headers: { 'content-range': `bytes */${length}` } }
  }
  return spans.length > 1 ? { kind: 'several', spans } : { kind: 'span', partial: true, ...first }
}

function spanOf(spec: string, length: Bytes): Span | 'no range' | 'beyond the end' {
  const [, first = '', last = ''] = /^(\d*)-(\d*)$/.exec(spec) ?? []
  if (first === '' && last === '') return 'no range'
  if (first !== '' && last !== '' && Number(last) < Number(first)) return 'no range'
  const start = first === '' ? Math.max(0, length - Number(last)) : Number(first)
  const end = first === '' || last === '' ? length : Math.min(length, Number(last) + 1)
  return start >= length || end <= start ? 'beyond the end' : { start, end }
}

/** HTTP dates have no fractions of a second. */
function isAfter(lastModified: Date, date: string | undefined): boolean {
  return date !== undefined && Math.floor(lastModified.getTime() / secondMs) * secondMs > Date.parse(date)
}

function list(header: string): string[] {
  return header.split(',').map(tag => tag.trim())
}
