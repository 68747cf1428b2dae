import { describe, expect, test } from 'vitest'
import type { HistoryView, SourceBytes } from '../views.ts'
import { seriesOf } from './web/history-series.ts'

const some: SourceBytes = { lan: 5, gateway: 0, origin: 1, disk: 0, toPeers: 0, files: 1, far: 0 }
const now = new Date(2026, 10, 26, 14, 20).getTime()
const hour = 3_600_000

const history: HistoryView = {
  now,
  today: some,
  week: some,
  month: some,
  hours: [{ ...some, at: new Date(2026, 10, 26, 12).getTime() }],
  days: [
    { ...some, day: '2026-11-01' },
    { ...some, day: '2026-11-26' }
  ]
}

describe('the history as a line', () => {
  test('a day has 24 hours, also those in which nothing happened; the present one is the last', () => {
    const day = seriesOf(history, 'day')
    expect(day).toHaveLength(24)
    expect(day.at(-1)!.at).toBe(Math.floor(now / hour) * hour)
    expect(day.map(({ bytes }) => bytes.lan)).toEqual([...Array<number>(21).fill(0), 5, 0, 0])
    expect(seriesOf(history, 'week')).toHaveLength(7 * 24)
  })

  test('a month has 31 days and a year 366, each once', () => {
    const month = seriesOf(history, 'month')
    expect(month).toHaveLength(31)
    expect(month.at(-1)!.bytes.lan).toBe(5)
    expect(month.filter(({ bytes }) => bytes.lan > 0).map(({ at }) => new Date(at).getDate())).toEqual([
      1, 26
    ])
    const year = seriesOf(history, 'year')
    expect(new Set(year.map(({ at }) => new Date(at).toDateString())).size).toBe(366)
  })
})
