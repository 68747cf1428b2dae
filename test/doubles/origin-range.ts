/**
 * Which part of the content a request is answered with, by RFC 9110: preconditions first, then the Range. One
 * range only; several, or none we understand, get everything, as the RFC allows.
 */
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http'
import type { Bytes } from '@starling/shared/units.ts'
import type { Content } from './content.ts'

export type RangeChoice =
  | { readonly kind: 'span'; readonly partial: boolean; readonly start: Bytes; readonly end: Bytes }
  | { readonly kind: 'none'; readonly status: number; readonly headers: OutgoingHttpHeaders }

export function selectRange(
  headers: IncomingHttpHeaders,
  content: Content,
  ignoreRange: boolean
): RangeChoice {
  const { length, etag, lastModified } = content
  const ifMatch = headers['if-match']
  if (ifMatch !== undefined && ifMatch !== '*' && !list(ifMatch).includes(etag)) {
    return { kind: 'none', status: 412, headers: { etag } }
  }
  const ifNoneMatch = headers['if-none-match']
  if (ifNoneMatch !== undefined && (ifNoneMatch === '*' || list(ifNoneMatch).includes(etag))) {
    return { kind: 'none', status: 304, headers: { etag } }
  }

  const whole = { kind: 'span', partial: false, start: 0, end: length } as const
  const range = headers.range
  if (range === undefined || ignoreRange) return whole
  const ifRange = headers['if-range']
  if (ifRange !== undefined && ifRange !== etag && ifRange !== lastModified.toUTCString()) return whole

  const match = /^bytes=(\d*)-(\d*)$/.exec(range.replaceAll(' ', ''))
  const [first = '', last = ''] = match?.slice(1) ?? []
  if (first === '' && last === '') return whole
  const start = first === '' ? Math.max(0, length - Number(last)) : Number(first)
  const end = first === '' || last === '' ? length : Math.min(length, Number(last) + 1)
  if (first !== '' && last !== '' && Number(last) < start) return whole
  if (start >= length || end <= start) {
    return { kind: 'none', status: 416, headers: { 'content-range': `bytes */${length}` } }
  }
  return { kind: 'span', partial: true, start, end }
}

function list(header: string): string[] {
  return header.split(',').map(tag => tag.trim())
}
