import { minuteMs } from '@starling/shared/units.ts'
import { beforeEach, expect, test } from 'vitest'
import { createDialOutcomes, type DialOutcomes } from './dial-outcomes.ts'

let now: number
let outcomes: DialOutcomes
beforeEach(() => {
  now = 0
  outcomes = createDialOutcomes('m', () => now)
})

function failFor(peer: string, minutes: number): void {
  for (let minute = 0; minute <= minutes; minute++, now += minuteMs) outcomes.failed(peer)
}

test('who cannot be reached for minutes is told, not who failed a few times in a row', () => {
  for (let count = 0; count < 9; count++) outcomes.failed('a')
  expect(outcomes.unreached()).toEqual([])
  failFor('a', 5)
  expect(outcomes.unreached()).toEqual(['a'])
})
test('who was reached once meanwhile, or has come by itself, is not told', () => {
  failFor('a', 3)
  outcomes.met('a')
  failFor('a', 3)
  expect(outcomes.unreached()).toEqual([])
})
test('who is dialled no more is forgotten, and begins anew', () => {
  failFor('a', 5)
  now += 16 * minuteMs
  expect(outcomes.unreached()).toEqual([])
  outcomes.failed('a')
  expect(outcomes.unreached()).toEqual([])
})
test('those next in the order of ids come first, so that all are told by somebody', () => {
  for (let minute = 0; minute <= 5; minute++, now += minuteMs)
    for (const peer of ['a', 'b', 'z', 'n']) outcomes.failed(peer)
  expect(outcomes.unreached()).toEqual(['n', 'z', 'a', 'b'])
})
test('dials for chunks count, but for those that were given up', async () => {
  const dial = async (error: object | null) => {
    await outcomes.watch('a', error === null ? Promise.resolve(1) : Promise.reject(error)).catch(() => null)
  }
  for (let minute = 0; minute <= 5; minute++, now += minuteMs) await dial({ code: 'aborted' })
  expect(outcomes.unreached()).toEqual([])
  for (let minute = 0; minute <= 5; minute++, now += minuteMs) await dial({ code: 'timeout' })
  expect(outcomes.unreached()).toEqual(['a'])
  await dial(null)
  expect(outcomes.unreached()).toEqual([])
})
