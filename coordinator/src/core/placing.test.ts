import { unknownHost } from '@starling/shared/policy/host-facts.ts'
import { hourMs, minuteMs } from '@starling/shared/units.ts'
import { expect, it } from 'vitest'
import { placementOf, type Placeable } from './placing.ts'

const definitions = [
  { id: 'north', networks: ['10.1.0.0/16'] },
  { id: 'south', networks: ['10.9.0.0/16', '10.2.0.0/16'] }
]
const at = (site: string, subnet: string, more: Partial<Placeable> = {}): Placeable => ({
  site,
  definitions,
  host: { ...unknownHost, subnets: [subnet] },
  enrolledForMs: hourMs,
  before: null,
  ...more
})

it('is sure of who is elsewhere once that was seen twice in a row, and of who has just joined', () => {
  const there = { site: 'south', why: 'an address of this machine is in 10.2.0.0/16' }
  expect(placementOf(at('north', '10.2.0.7/24'))).toEqual({ ...there, sure: false })
  expect(placementOf(at('north', '10.2.0.7/24', { before: 'south' }))).toEqual({ ...there, sure: true })
  expect(placementOf(at('north', '10.2.0.7/24', { before: 'north' }))).toMatchObject({ sure: false })
  expect(placementOf(at('north', '10.2.0.7/24', { enrolledForMs: minuteMs }))).toEqual({
    ...there,
    sure: true
  })
})

it('leaves alone who is where it belongs, and who is nowhere', () => {
  expect(placementOf(at('north', '10.1.9.9/16'))).toBeNull()
  expect(placementOf(at('north', '192.168.1.4/24', { before: 'south' }))).toBeNull()
})
