/** The history as a line has it: each hour or day once, also those in which nothing happened. Pure. */
import type { HistoryView, SourceBytes } from '../../views.ts'

export const spans = ['day', 'week', 'month', 'year'] as const
export type SpanName = (typeof spans)[number]

const hourMs = 3_600_000
const dayMs = 24 * hourMs
const nothing: SourceBytes = { lan: 0, gateway: 0, origin: 0, disk: 0, toPeers: 0, files: 0, far: 0 }

export interface SeriesPoint {
  readonly at: number
  readonly bytes: SourceBytes
}

/** Hours for a day and a week, days for what is longer; the present one is the last. */
export function seriesOf(history: HistoryView, span: SpanName): readonly SeriesPoint[] {
  if (span === 'day' || span === 'week') {
    const known = new Map(history.hours.map(hour => [Math.floor(hour.at / hourMs), hour]))
    const last = Math.floor(history.now / hourMs)
    const count = span === 'day' ? 24 : 7 * 24
    return Array.from({ length: count }, (_, index) => {
      const hour = last - count + 1 + index
      return { at: hour * hourMs, bytes: known.get(hour) ?? nothing }
    })
  }
  const known = new Map(history.days.map(day => [day.day, day]))
  const count = span === 'month' ? 31 : 366
  // Noon, so that the hour that summer time takes or gives does not move a day.
  const today = new Date(history.now).setHours(12, 0, 0, 0)
  return Array.from({ length: count }, (_, index) => {
    const at = today - (count - 1 - index) * dayMs
    const date = new Date(at)
    const two = (value: number) => String(value).padStart(2, '0')
    const name = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
    return { at, bytes: known.get(name) ?? nothing }
  })
}
