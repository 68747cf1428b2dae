import { dayMs, hourMs, minuteMs } from './units.ts'
import { describe, expect, it } from 'vitest'
import { added, figuresOf, keptMs, rollupsDue, spanMs } from './fleet-series.ts'

describe('counters of runs', () => {
  const told = (run: number, x: number) => ({ run, counters: { x } })

  it('count what is new of a run, and each restart from nothing', () => {
    expect(added(null, [told(1, 5)]).sums).toEqual({ x: 5 })
    expect(added(told(1, 5), [told(1, 9)]).sums).toEqual({ x: 4 })
    expect(added(told(1, 5), [told(2, 3)])).toEqual({ sums: { x: 3 }, run: 2, counters: { x: 3 } })
  })

  it('lose nothing of a run that ended unheard, and count it once', () => {
    const first = added(told(1, 5), [told(3, 1), told(1, 9), told(2, 4)])
    expect(first.sums).toEqual({ x: 4 + 4 + 1 })
    expect(added(first, [told(3, 1), told(1, 9), told(2, 4)]).sums).toEqual({})
  })

  it('take what comes late for what it is', () => {
    expect(added(told(2, 7), [told(2, 6)])).toEqual({ sums: {}, run: 2, counters: { x: 7 } })
    expect(added(told(2, 7), [told(1, 100)]).sums).toEqual({})
  })
})

it('what a gateway of the site gives does not cross the WAN; of another, it does', () => {
  const sums = { fromGateway: 10, fromUpstream: 1 }
  expect([figuresOf(sums, true).wan, figuresOf(sums, false).wan]).toEqual([1, 11])
})

describe('rolling up', () => {
  const now = 1000 * dayMs + 5 * hourMs + 7 * minuteMs

  it('makes the running rows anew, and the one before', () => {
    const due = rollupsDue(now, now - minuteMs)
    expect(due.map(({ to, at }) => [to, at / spanMs[to]])).toEqual([
      ['hour', 1000 * 24 + 4],
      ['hour', 1000 * 24 + 5],
      ['day', 999],
      ['day', 1000]
    ])
  })

  it('after a time without coordinator makes all whose parts are still there, and no other', () => {
    for (const lastAt of [null, now - 300 * dayMs]) {
      const due = rollupsDue(now, lastAt)
      expect(due.every(({ from, at }) => at >= now - keptMs[from])).toBe(true)
      expect(due.filter(({ to }) => to === 'hour')).toHaveLength(26)
      expect(due.filter(({ to }) => to === 'day')).toHaveLength(91)
    }
  })
})
