import { expect, it } from 'vitest'
import { createFailureBrake } from './rate-limit.ts'

it('ten failures are free, then one is forgiven every six seconds, and other callers are not held', () => {
  let now = 1000
  const brake = createFailureBrake(() => now)
  for (let n = 0; n < 10; n++) {
    expect(brake.waitMs('10.0.0.1')).toBe(0)
    brake.failed('10.0.0.1')
  }
  expect(brake.waitMs('10.0.0.1')).toBe(6000)
  expect(brake.waitMs('::ffff:10.0.0.1')).toBe(6000)
  expect(brake.waitMs('10.0.0.2')).toBe(0)
  now += 6000
  expect(brake.waitMs('10.0.0.1')).toBe(0)
  brake.failed('10.0.0.1')
  expect(brake.waitMs('10.0.0.1')).toBe(6000)
  now += 60_000
  expect(brake.waitMs('10.0.0.1')).toBe(0)
})

it('an IPv6 caller is its /64, however it is written', () => {
  const brake = createFailureBrake(() => 0)
  for (let n = 0; n < 10; n++) brake.failed(`2001:db8:1:2::${n.toString(16)}`)
  expect(brake.waitMs('2001:db8:1:2:3:4:5:6')).toBeGreaterThan(0)
  expect(brake.waitMs('2001:db8:1:3::1')).toBe(0)
})

it('a flood of callers does not grow the memory without end', () => {
  const brake = createFailureBrake(() => 0)
  for (let n = 0; n < 10; n++) brake.failed('10.0.0.1')
  for (let n = 0; n < 10_001; n++) brake.failed(`${(n >> 8) & 255}.${n & 255}.9.${n >> 16}`)
  expect(brake.waitMs('10.0.0.1')).toBe(0)
})

it('however many fail at once, the wait is about a minute', () => {
  const brake = createFailureBrake(() => 0)
  for (let n = 0; n < 1000; n++) brake.failed('10.0.0.1')
  expect(brake.waitMs('10.0.0.1')).toBe(66_000)
})
