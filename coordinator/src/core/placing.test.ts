import { unknownHost } from '@starling/shared/policy/host-facts.ts'
import { expect, it } from 'vitest'
import { placements, type Placeable } from './placing.ts'

const definitions = [
  { id: 'north', networks: ['10.1.0.0/16'] },
  { id: 'south', networks: ['10.2.0.0/16'] }
]
const at = (agent: string, site: string, ...subnets: string[]): Placeable => ({
  agent,
  site,
  definitions,
  host: { ...unknownHost, subnets }
})
const nothing = new Map<string, string>()

it('moves who is elsewhere, once that was seen twice in a row', () => {
  const away = at('a', 'north', '10.2.0.7/24')
  const first = placements([away], nothing)
  expect([first.sure, [...first.found]]).toEqual([[], [['a', 'south']]])
  const { sure, found } = placements([away], first.found)
  expect(sure).toEqual([{ agent: 'a', site: 'south', why: 'an address of this machine is in 10.2.0.0/16' }])
  expect(found.size).toBe(0)
})

it('leaves alone who is where it belongs, who is nowhere, and who is somewhere else at each look', () => {
  const before = new Map([
    ['home', 'north'],
    ['road', 'south'],
    ['roams', 'north']
  ])
  const looked = placements(
    [
      at('home', 'north', '10.1.9.9/16'),
      at('road', 'north', '192.168.1.4/24'),
      at('roams', 'x', '10.2.1.1/16')
    ],
    before
  )
  expect([looked.sure, [...looked.found]]).toEqual([[], [['roams', 'south']]])
})
