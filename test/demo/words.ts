/** How the demo and the bench write numbers: for people, in few signs, always with the unit. */
import { GiB, KiB, MiB, type Bytes, type Millis } from '@starling/shared/units.ts'

export function bytesText(bytes: Bytes): string {
  if (bytes >= 10 * GiB) return `${(bytes / GiB).toFixed(1)} GiB`
  if (bytes >= MiB) return `${(bytes / MiB).toFixed(1)} MiB`
  if (bytes >= KiB) return `${Math.round(bytes / KiB)} KiB`
  return `${bytes} B`
}

export function secondsText(ms: Millis): string {
  return `${(ms / 1000).toFixed(1)} s`
}

export function percentText(part: number, whole: number): string {
  return whole === 0 ? '-' : `${((part / whole) * 100).toFixed(1)} %`
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  if (sorted.length === 0) return Number.NaN
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** Columns as wide as they need to be; numbers to the right, which is every column but the first. */
export function table(rows: ReadonlyArray<readonly string[]>): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map(row => width(row[column] ?? ''))))
  return rows.map(row =>
    row
      .map((cell, column) => {
        const space = ' '.repeat(widths[column]! - width(cell))
        return column === 0 ? cell + space : space + cell
      })
      .join('   ')
      .trimEnd()
  )
}

// oxlint-disable-next-line no-control-regex -- terminal colours are control characters
const colours = /\u001b\[\d+m/g

function width(text: string): number {
  return text.replace(colours, '').length
}
