/**
 * Numbers as people write them: `10GiB`, `500 MB`, `30s`, `1h30m`, `off`. One reading for config files, the
 * environment, the command line and policy, so that nobody has to count zeros. A plain number stays what it is, in the
 * unit of its field. A text that cannot be read gives null: the caller knows which field it was and says so.
 */
import { dayMs, hourMs, minuteMs, secondMs, type Bytes, type Millis } from '../units.ts'

/** Decimal and binary prefixes mean what they say: 1 MB is a million bytes, 1 MiB is 1,048,576. */
const byteUnits = new Map<string, number>([
  ['', 1],
  ['b', 1],
  ['kb', 1e3],
  ['mb', 1e6],
  ['gb', 1e9],
  ['tb', 1e12],
  ['kib', 2 ** 10],
  ['mib', 2 ** 20],
  ['gib', 2 ** 30],
  ['tib', 2 ** 40]
])
const spanUnits = new Map<string, Millis>([
  ['ms', 1],
  ['s', secondMs],
  ['m', minuteMs],
  ['min', minuteMs],
  ['h', hourMs],
  ['d', dayMs]
])

/** @returns null for what is not a size. */
export function bytesFromText(text: string): Bytes | null {
  const [, amount, unit] = /^\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*$/i.exec(text) ?? []
  const factor = byteUnits.get(unit?.toLowerCase() ?? '?')
  if (amount === undefined || factor === undefined) return null
  return safe(Number(amount) * factor)
}

/** @returns null for what is not a span of time. A plain number counts milliseconds. */
export function millisFromText(text: string): Millis | null {
  const compact = text.replace(/\s+/g, '').toLowerCase()
  if (/^\d+$/.test(compact)) return safe(Number(compact))
  if (!/^(\d+(\.\d+)?(ms|min|s|m|h|d))+$/.test(compact)) return null
  let sum = 0
  for (const [, amount, unit] of compact.matchAll(/(\d+(?:\.\d+)?)(ms|min|s|m|h|d)/g)) {
    sum += Number(amount) * spanUnits.get(unit!)!
  }
  return safe(sum)
}

/** Exact, and as short as that allows: `20GiB`, `1500` bytes. The counterpart of `bytesFromText`. */
export function bytesToText(bytes: Bytes): string {
  for (const [unit, factor] of [
    ['TiB', 2 ** 40],
    ['GiB', 2 ** 30],
    ['MiB', 2 ** 20],
    ['KiB', 2 ** 10]
  ] as const) {
    if (bytes > 0 && bytes % factor === 0) return `${bytes / factor}${unit}`
  }
  return `${bytes}B`
}

/** Exact, and as short as that allows: `2s`, `1500ms`. The counterpart of `millisFromText`. */
export function millisToText(ms: Millis): string {
  for (const [unit, factor] of [
    ['d', dayMs],
    ['h', hourMs],
    ['m', minuteMs],
    ['s', secondMs]
  ] as const) {
    if (ms > 0 && ms % Number(factor) === 0) return `${ms / Number(factor)}${unit}`
  }
  return `${ms}ms`
}

/** @returns null for what is neither yes nor no. */
export function booleanFromText(text: string): boolean | null {
  if (/^(true|yes|on|1)$/i.test(text.trim())) return true
  if (/^(false|no|off|0)$/i.test(text.trim())) return false
  return null
}

function safe(value: number): number | null {
  const rounded = Math.round(value)
  return Number.isSafeInteger(rounded) ? rounded : null
}
