import { expect, it } from 'vitest'
import { createFarUploads } from './far-uploads.ts'

it('DOMonthlyUploadDataCap counts a calendar month, over restarts', () => {
  let at = new Date(2026, 10, 30, 23, 59)
  const one = createFarUploads(undefined, () => at)
  one.add(5)
  one.add(7)
  const again = createFarUploads(JSON.parse(JSON.stringify(one.snapshot())), () => at)
  expect(again.now()).toBe(12)
  at = new Date(2026, 11, 1, 0, 0)
  expect(again.now()).toBe(0)
  again.add(3)
  expect(again.snapshot()).toEqual({ month: '2026-12', bytes: 3 })
})

it.each([null, 'x', { month: 3 }, { month: '2026-11', bytes: -1 }])(
  'what is no such count (%j) is none',
  kept => {
    expect(createFarUploads(kept, () => new Date(2026, 10, 1)).now()).toBe(0)
  }
)
