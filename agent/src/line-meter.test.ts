import { expect, it } from 'vitest'
import { createLineMeter } from './line-meter.ts'

it('the best few seconds are what the line gives', () => {
  const meter = createLineMeter(undefined)
  expect(meter.bytesPerSecond).toBeNull()
  meter.note(0, false, 0)
  meter.note(10_000_000, false, 5000)
  meter.note(11_500_000, false, 10_000)
  expect(meter.bytesPerSecond).toBe(2_000_000)
})

it('nothing is learnt while a limit of ours holds downloads back, or nobody downloads', () => {
  const meter = createLineMeter(3_000_000)
  meter.note(0, false, 0)
  meter.note(50_000_000, true, 5000)
  meter.note(90_000_000, false, 10_000)
  expect(meter.bytesPerSecond).toBe(3_000_000)
  const idle = createLineMeter(undefined)
  idle.note(0, false, 0)
  idle.note(999, false, 5000)
  expect(idle.bytesPerSecond).toBeNull()
})
