/**
 * The Range header (RFC 9110, 14), pure. What is not exactly of its grammar is ignored, as the RFC demands: the client
 * then gets everything, never something that it did not ask for.
 */
import type { Span } from '@starling/shared/chunking.ts'
import type { Bytes } from '@starling/shared/units.ts'
import { rangesMax } from './limits.ts'

export type OneRange =
  /** `last` is inclusive as in the header; null: to the end. */
  | { readonly kind: 'from'; readonly first: Bytes; readonly last: Bytes | null }
  | { readonly kind: 'suffix'; readonly length: Bytes }

export type Range =
  | { readonly kind: 'none' }
  | OneRange
  | { readonly kind: 'several'; readonly ranges: readonly OneRange[] }

const none: Range = { kind: 'none' }

/**
 * @param values of all Range headers. Real clients repeat the header when they resume, and mean the last one; joined
 * by a comma (as Node does in `headers`) they would look like several ranges.
 */
export function parseRange(values: readonly string[]): Range {
  const set = /^bytes\s*=(.*)$/is.exec(values.at(-1)?.trim() ?? '')?.[1]
  if (set === undefined) return none
  const specs = set
    .split(',')
    .map(spec => spec.trim())
    .filter(spec => spec !== '')
  const ranges = specs.map(parseSpec).filter(range => range !== null)
  const [first] = ranges
  if (first === undefined || ranges.length < specs.length) return none
  return ranges.length === 1 ? first : { kind: 'several', ranges }
}

function parseSpec(spec: string): OneRange | null {
  const match = /^(\d*)-(\d*)$/.exec(spec)
  if (match === null) return null
  const [, first, last] = match
  if (first === '') return last === '' ? null : { kind: 'suffix', length: Number(last) }
  if (last === '') return { kind: 'from', first: Number(first), last: null }
  // Numbers beyond 2^53 lose digits, and are beyond any content all the same.
  return Number(last) < Number(first) ? null : { kind: 'from', first: Number(first), last: Number(last) }
}

/**
 * The bytes that a range means of content that long, in order, what overlaps as one; null: not satisfiable (416).
 * Of more than `rangesMax` the first ones: a server may send a part of what was asked for (RFC 9110, 15.3.7), and many small ranges
 * are how a small request makes a large answer.
 */
export function satisfy(range: Range, length: Bytes): readonly Span[] | null {
  if (range.kind === 'none') return [{ start: 0, end: length }]
  const asked = range.kind === 'several' ? range.ranges : [range]
  const spans = merged(asked.map(one => satisfyOne(one, length)).filter(span => span !== null))
  return spans.length === 0 ? null : spans.slice(0, rangesMax)
}

function satisfyOne(range: OneRange, length: Bytes): Span | null {
  if (range.kind === 'suffix') {
    return range.length === 0 || length === 0
      ? null
      : { start: Math.max(0, length - range.length), end: length }
  }
  if (range.first >= length) return null
  return { start: range.first, end: range.last === null ? length : Math.min(length, range.last + 1) }
}

/** Neighbours stay apart: the client has a reason for it, and BITS counts its parts. */
function merged(spans: readonly Span[]): Span[] {
  const result: Span[] = []
  for (const span of spans.toSorted((a, b) => a.start - b.start)) {
    const before = result.at(-1)
    if (before !== undefined && span.start < before.end)
      result[result.length - 1] = { start: before.start, end: Math.max(before.end, span.end) }
    else result.push(span)
  }
  return result
}

/** The Range header for an upstream that is asked for the same; null: for everything. */
export function rangeHeader(range: Range): string | null {
  if (range.kind === 'none') return null
  if (range.kind !== 'several') return `bytes=${specOf(range)}`
  const ends = range.ranges.filter(one => one.kind === 'suffix')
  const suffix = ends.length === 0 ? null : Math.max(...ends.map(one => one.length))
  const spans = merged(
    range.ranges
      .filter(one => one.kind === 'from')
      .map(({ first, last }) => ({ start: first, end: last === null ? Infinity : last + 1 }))
  )
  const specs = spans.map(({ start, end }) => `${start}-${end === Infinity ? '' : end - 1}`)
  return `bytes=${[...specs, ...(suffix === null ? [] : [`-${suffix}`])].slice(0, rangesMax).join(',')}`
}

function specOf(range: OneRange): string {
  return range.kind === 'suffix' ? `-${range.length}` : `${range.first}-${range.last ?? ''}`
}
