/**
 * The Range header (RFC 9110, 14), pure. What is not exactly of its grammar is ignored, as the RFC demands: the client
 * then gets everything, never something that it did not ask for.
 */
import type { Span } from '@starling/shared/chunking.ts'
import type { Bytes } from '@starling/shared/units.ts'

export type Range =
  | { readonly kind: 'none' }
  /** `last` is inclusive as in the header; null: to the end. */
  | { readonly kind: 'from'; readonly first: Bytes; readonly last: Bytes | null }
  | { readonly kind: 'suffix'; readonly length: Bytes }
  | { readonly kind: 'several' }

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
  if (specs.length > 1) return specs.every(spec => parseSpec(spec) !== none) ? { kind: 'several' } : none
  return parseSpec(specs[0] ?? '')
}

function parseSpec(spec: string): Range {
  const match = /^(\d*)-(\d*)$/.exec(spec)
  if (match === null) return none
  const [, first, last] = match
  if (first === '') return last === '' ? none : { kind: 'suffix', length: Number(last) }
  if (last === '') return { kind: 'from', first: Number(first), last: null }
  // Numbers beyond 2^53 lose digits, and are beyond any content all the same.
  return Number(last) < Number(first) ? none : { kind: 'from', first: Number(first), last: Number(last) }
}

/** The bytes that a range means of content that long; null: not satisfiable (416). */
export function satisfy(range: Range, length: Bytes): Span | null {
  if (range.kind === 'from') {
    if (range.first >= length) return null
    return { start: range.first, end: range.last === null ? length : Math.min(length, range.last + 1) }
  }
  if (range.kind === 'suffix') {
    return range.length === 0 || length === 0
      ? null
      : { start: Math.max(0, length - range.length), end: length }
  }
  return { start: 0, end: length }
}
