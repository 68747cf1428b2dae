import { describe, expect, test } from 'vitest'
import { limitsShape, type ClientLimits } from '@starling/shared/policy/access.ts'
import { clientsMax, createClientLimits, dayBytesOf, localDay, type DayBytes } from './client-limits.ts'

const none = { requestsPerSecond: 0, requestsAtOnce: 0, connections: 0 }
const dayMs = 86_400_000
/** Days of UTC, so that the test is the same everywhere. */
const day = (now: number) => ({
  day: String(Math.floor(now / dayMs)),
  endsAt: (Math.floor(now / dayMs) + 1) * dayMs
})
const limitsOf = (given: Partial<ClientLimits>, before: DayBytes | null = null) =>
  createClientLimits({ ...limitsShape.parse({}), ...none, ...given }, day, before)

test('without limits nobody is refused', () => {
  const limits = limitsOf({})
  for (let index = 0; index < 10_000; index++) {
    expect(limits.connected('a', 0)).toBeNull()
    expect(limits.asked('a', 0)).toBeNull()
  }
})

test('a burst passes, then so many a second, and another client does not notice', () => {
  const limits = limitsOf({ requestsPerSecond: 10, requestBurst: 3 })
  const passes = (client: string, now: number) => limits.asked(client, now) === null
  expect([1, 2, 3, 4].map(() => passes('a', 0))).toEqual([true, true, true, false])
  expect(limits.asked('a', 0)).toMatchObject({ rule: 'requests', retryAfterMs: 100 })
  expect(passes('b', 0)).toBe(true)
  expect([passes('a', 99), passes('a', 100), passes('a', 101)]).toEqual([false, true, false])
  // A pause saves up no more than a burst.
  expect([1, 2, 3, 4].map(() => passes('a', 60_000))).toEqual([true, true, true, false])
})

test('other limits hold from the next request on, for what has begun, too', () => {
  const limits = limitsOf({ requestsAtOnce: 2, requestsPerSecond: 1, requestBurst: 10 })
  const given = { ...limitsShape.parse({}), ...none }
  limits.asked('a', 0)
  limits.asked('a', 0)
  limits.follow({ ...given, requestsAtOnce: 3, requestsPerSecond: 1, requestBurst: 2 })
  expect(limits.asked('a', 0)).toBeNull()
  expect(limits.asked('a', 0)).toMatchObject({ rule: 'requests-at-once' })
  for (let ended = 0; ended < 3; ended++) limits.ended('a')
  expect(limits.asked('a', 0)).toBeNull()
  // Of a smaller burst no more is left than it has.
  expect(limits.asked('a', 0)).toMatchObject({ rule: 'requests' })
  limits.follow({ ...given, requestsPerSecond: 1, requestBurst: 3 })
  expect([1, 2].map(() => limits.asked('a', 0)?.rule)).toEqual([undefined, 'requests'])
})

test('a clock that is set back does not lock a client out', () => {
  const limits = limitsOf({ requestsPerSecond: 1, requestBurst: 1 })
  limits.asked('a', 1_000_000)
  expect(limits.asked('a', 0)).not.toBeNull()
  expect(limits.asked('a', 1000)).toBeNull()
})

test('requests at once and connections are free again when they end', () => {
  const limits = limitsOf({ requestsAtOnce: 1, connections: 2 })
  expect(limits.asked('a', 0)).toBeNull()
  expect(limits.asked('a', 0)).toMatchObject({ rule: 'requests-at-once' })
  limits.ended('a')
  expect(limits.asked('a', 0)).toBeNull()
  expect([1, 2, 3].map(() => limits.connected('a', 0)?.rule ?? null)).toEqual([null, null, 'connections'])
  limits.disconnected('a')
  expect(limits.connected('a', 0)).toBeNull()
})

describe('the bytes of a day', () => {
  test('are used up until the next day', () => {
    const limits = limitsOf({ bytesPerDay: 100 })
    limits.moved('a', 99, 5)
    expect(limits.asked('a', 5)).toBeNull()
    limits.moved('a', 1, 5)
    expect(limits.asked('a', 5)).toMatchObject({ rule: 'bytes-per-day', retryAfterMs: dayMs - 5 })
    expect([limits.isUsedUp('a', 5), limits.isUsedUp('b', 5)]).toEqual([true, false])
    expect(limits.asked('a', dayMs)).toBeNull()
  })

  test('outlive a restart on the same day only', () => {
    const first = limitsOf({ bytesPerDay: 100 })
    first.moved('a', 100, 5)
    const kept = dayBytesOf(JSON.parse(JSON.stringify(first.dayBytes(5))))
    expect(limitsOf({ bytesPerDay: 100 }, kept).asked('a', 6)).not.toBeNull()
    expect(limitsOf({ bytesPerDay: 100 }, kept).asked('a', dayMs)).toBeNull()
  })

  test('are not believed in another shape', () => {
    expect([null, 7, {}, { day: 'x', clients: 7 }].map(dayBytesOf)).toEqual([null, null, null, null])
    expect(dayBytesOf({ day: 'x', clients: [['a', 1], ['b'], 7] })?.clients).toEqual([['a', 1]])
  })
})

test('of many clients those are forgotten that are not connected and were heard of longest ago', () => {
  const limits = limitsOf({ connections: 1, requestsPerSecond: 1, requestBurst: 1 })
  limits.connected('connected', 0)
  limits.asked('gone', 0)
  limits.ended('gone')
  for (let index = 0; index < clientsMax; index++) {
    limits.asked(`c${index}`, 0)
    limits.ended(`c${index}`)
  }
  expect(limits.connected('connected', 0)).toMatchObject({ rule: 'connections' })
  expect(limits.asked('gone', 0)).toBeNull()
  expect(limits.asked(`c${clientsMax - 1}`, 0)).not.toBeNull()
})

test('a day ends at midnight of this place', () => {
  const noon = new Date(2026, 10, 6, 12).getTime()
  expect(localDay(noon)).toEqual({ day: '2026-11-06', endsAt: new Date(2026, 10, 7).getTime() })
})
