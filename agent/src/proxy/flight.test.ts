import { describe, expect, test } from 'vitest'
import { createFlights, type FlightEnd } from './flight.ts'

const subject = { key: 'k', contentClass: 'c' }
const own: FlightEnd = { kind: 'own' }
const never = new AbortController().signal

describe('a flight', () => {
  test('is joined while it lasts, and wakes all by its first end', async () => {
    const flights = createFlights()
    const flight = flights.open(subject, never)
    const ends = [flight.wait(never), flights.get('k')!.wait(never)]
    flight.end(own)
    flight.end({ kind: 'nothing' })
    expect(await Promise.all(ends)).toEqual([own, own])
    expect(flights.get('k')).toBeUndefined()
  })

  test('whose place another has taken does not end that one', () => {
    const flights = createFlights()
    const first = flights.open(subject, never)
    const second = flights.open(subject, never)
    first.end(own)
    expect(flights.get('k')).toBe(second)
  })

  test('goes on until the last who wants it is gone, in whatever order', async () => {
    for (const order of [
      [0, 1],
      [1, 0]
    ]) {
      const clients = [new AbortController(), new AbortController()]
      const flight = createFlights().open(subject, clients[0]!.signal)
      const waiting = flight.wait(clients[1]!.signal)
      waiting.catch(() => {})
      clients[order[0]!]!.abort()
      expect(flight.signal.aborted).toBe(false)
      clients[order[1]!]!.abort(new Error('gone'))
      expect(flight.signal.aborted).toBe(true)
      await expect(waiting).rejects.toThrow()
    }
  })

  test('after its end is only the leader\u2019s', async () => {
    const [leader, other] = [new AbortController(), new AbortController()]
    const flight = createFlights().open(subject, leader.signal)
    const waiting = flight.wait(other.signal)
    flight.end(own)
    await waiting
    other.abort()
    expect(flight.signal.aborted).toBe(false)
    leader.abort()
    expect(flight.signal.aborted).toBe(true)
  })

  test('that nobody wants any more is not joined', () => {
    const flights = createFlights()
    const leader = new AbortController()
    flights.open(subject, leader.signal)
    leader.abort()
    expect(flights.get('k')).toBeUndefined()
  })

  test('counts nobody twice who leaves just when it ends', async () => {
    const [leader, other] = [new AbortController(), new AbortController()]
    const flight = createFlights().open(subject, leader.signal)
    const waiting = flight.wait(other.signal)
    flight.end(own)
    other.abort()
    await waiting.catch(() => {})
    leader.abort()
    expect(flight.signal.aborted).toBe(true)
  })

  test('of one who was gone before is over at once', () => {
    expect(createFlights().open(subject, AbortSignal.abort()).signal.aborted).toBe(true)
  })
})

test('a purge reaches those too whose place another has taken, and not those that it does not mean', () => {
  const flights = createFlights()
  const all = [
    flights.open(subject, never),
    flights.open(subject, never),
    flights.open({ key: 'other', contentClass: 'c' }, never)
  ]
  flights.purge(key => key === 'k')
  expect(all.map(({ isPurged }) => isPurged)).toEqual([true, true, false])
  expect([flights.get('k'), flights.get('other')]).toEqual([undefined, all[2]])
})
