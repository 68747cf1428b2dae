import { KiB, MiB, secondMs } from '@starling/shared/units.ts'
import { describe, expect, test } from 'vitest'
import { isLate, nextStepAt, stepEnd, type Pace } from './pace.ts'

test('a step is four seconds of the rate in whole chunks, never less than one, never more than 64 MiB', () => {
  const steps = [null, 100 * KiB, MiB, 2 * MiB, 100 * MiB].map(rate => stepEnd(8 * MiB, rate) / MiB - 8)
  expect(steps).toEqual([64, 1, 4, 8, 64])
})

test('the next step begins when the bytes of the last have had their time', () => {
  expect(nextStepAt(1000, 4 * MiB, 2 * MiB)).toBe(3000)
  expect(nextStepAt(1000, MiB, 100 * KiB)).toBe(1000 + 10.24 * secondMs)
  expect(nextStepAt(1000, 4 * MiB, null)).toBe(1000)
})

describe('an order is late', () => {
  const pace: Pace = { first: { bytes: 0, at: 0 }, bytes: 10, length: 100, rate: null, by: 100_000 }

  test('when the rest takes longer than there is time, at the pace so far', () => {
    // A byte a second, 90 to come.
    expect(isLate(pace, 10_000)).toBe(false)
    expect(isLate({ ...pace, by: 99_000 }, 10_000)).toBe(true)
  })

  test('counting what this run brought and not what was here', () => {
    expect(isLate({ ...pace, first: { bytes: 9, at: 0 } }, 10_000)).toBe(true)
  })

  test('at once when the rate that is allowed cannot do it', () => {
    expect(isLate({ ...pace, rate: 1 }, 0)).toBe(false)
    expect(isLate({ ...pace, rate: 0.8 }, 0)).toBe(true)
  })

  test('not while nothing is known, when it has no deadline, and when all is here', () => {
    expect(isLate(pace, 0)).toBe(false)
    expect(isLate({ ...pace, length: null, rate: 0.1 }, 0)).toBe(false)
    expect(isLate({ ...pace, by: null, rate: 0.1 }, 0)).toBe(false)
    expect(isLate({ ...pace, bytes: 100 }, 200_000)).toBe(false)
  })
})
