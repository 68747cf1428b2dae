import { expect, test } from 'vitest'
import { momentFrom } from './moment.ts'

const now = new Date(2026, 10, 26, 16, 30)
const said = (text: string): string | null => {
  const at = momentFrom(text, now)
  return at === null ? null : new Date(at).toString().slice(4, 21)
}

test('a time of day is the next one that there is', () => {
  expect(['06:00', '16:29', '16:30', '16:31', '23:59'].map(said)).toEqual([
    'Nov 27 2026 06:00',
    'Nov 27 2026 16:29',
    'Nov 27 2026 16:30',
    'Nov 26 2026 16:31',
    'Nov 26 2026 23:59'
  ])
})

test('a date and a span are what they say', () => {
  expect(['2026-12-01T06:00', '8h', '1h30m', '2d'].map(said)).toEqual([
    'Dec 01 2026 06:00',
    'Nov 27 2026 00:30',
    'Nov 26 2026 18:00',
    'Nov 28 2026 16:30'
  ])
})

test('what is no time is none', () => {
  expect(['', '24:00', '6', '12:60', '2026-13-01', 'tomorrow', '90'].map(said)).toEqual(Array(7).fill(null))
})
