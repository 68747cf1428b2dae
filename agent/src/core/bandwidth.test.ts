import { corePolicyDefaults } from '@starling/shared/policy/effective.ts'
import { MiB, minuteMs } from '@starling/shared/units.ts'
import { describe, expect, test } from 'vitest'
import { Bandwidth } from './bandwidth.ts'
import { Budget } from './budget.ts'
import type { AgentEffect, CorePolicy } from './events.ts'
import { floorBytesPerSecond, startBytesPerSecond, Yielding } from './yielding.ts'

const url = 'http://origin.example/update.msu'

function bandwidth(policy: Partial<CorePolicy>) {
  const effects: AgentEffect[] = []
  const all = { ...corePolicyDefaults, ...policy }
  const one = new Bandwidth(
    () => all,
    effect => void effects.push(effect)
  )
  return {
    one,
    /** What it does when it is asked. */
    advance: (backgroundUrl: string | null, now: number): AgentEffect[] => {
      one.advance(backgroundUrl, now)
      return effects.splice(0)
    }
  }
}

describe('rates over the WAN', () => {
  test('nothing is told, asked or measured where nothing is limited and nothing yields', () => {
    const { one, advance } = bandwidth({})
    expect(advance(null, 0)).toEqual([])
    expect(one.advance(null, 0)).toBeNull()
  })

  test('are those of policy, told once', () => {
    const { advance } = bandwidth({
      maxForegroundDownloadBytesPerSecond: 900_000,
      maxBackgroundDownloadBytesPerSecond: 200_000,
      maxBackgroundQueueDelayMs: 0
    })
    const rates = { all: null, foreground: 900_000, background: 200_000 }
    expect(advance(url, 0)).toEqual([{ type: 'set-rates', rates }])
    expect(advance(url, 1000)).toEqual([])
  })

  test('are those of the hour, by the clock of the wall, which is asked for each minute', () => {
    const { one, advance } = bandwidth({
      maxBackgroundDownloadBytesPerSecond: 900_000,
      hoursToLimitBackgroundDownload: ['mon-fri 8-18 100KB', 'daily 22-6 0'],
      maxBackgroundQueueDelayMs: 0
    })
    const told = (background: number | null): AgentEffect => ({
      type: 'set-rates',
      rates: { all: null, foreground: null, background }
    })
    // Not knowing the time, the strictest limit holds.
    expect(advance(null, 0)).toEqual([{ type: 'ask-local-time' }, told(100_000)])
    one.localTime({ day: 2, minute: 17 * 60 + 59 })
    expect(advance(null, 1)).toEqual([])
    expect(one.advance(null, 1)).toBe(minuteMs)
    expect(advance(null, minuteMs)).toEqual([{ type: 'ask-local-time' }])
    one.localTime({ day: 2, minute: 18 * 60 })
    expect(advance(null, minuteMs)).toEqual([told(900_000)])
    one.localTime({ day: 2, minute: 23 * 60 })
    expect(advance(null, minuteMs)).toEqual([told(null)])
  })

  test('while something comes in the background the way is measured, one handshake at a time', () => {
    const { one, advance } = bandwidth({})
    expect(advance(url, 0)).toEqual([
      { type: 'measure-delay', url },
      { type: 'set-rates', rates: { all: null, foreground: null, background: startBytesPerSecond } }
    ])
    expect(advance(url, 5000)).toEqual([])
    one.sampled({ ms: 20, lateMs: 0 }, 0, 5000)
    expect(one.advance(url, 5000)).toBeGreaterThan(5000)
    expect(advance(url, 6000)).toEqual([{ type: 'measure-delay', url }])
    one.sampled({ ms: 20, lateMs: 0 }, 0, 6000)
    expect(one.advance(null, 6000)).toBeNull()
    expect(advance(null, 7000)).toEqual([])
  })

  test('what yields stays under the limit of policy too', () => {
    const { advance } = bandwidth({ maxBackgroundDownloadBytesPerSecond: 50_000 })
    expect(advance(url, 0)).toContainEqual({
      type: 'set-rates',
      rates: { all: null, foreground: null, background: 50_000 }
    })
  })
})

describe('yielding', () => {
  const stepMs = 250

  /** A line that carries so much, with what others send over it; measurements come every quarter of a second. */
  function on(capacity: number) {
    const yielding = new Yielding()
    const world = { now: 0, queueMs: 0, others: 0, queues: [] as number[] }
    return {
      yielding,
      world,
      run: (steps: number): void => {
        for (let step = 0; step < steps; step++) {
          world.now += stepMs
          const offered = yielding.rate + world.others
          world.queueMs = Math.max(0, Math.min(250, world.queueMs + (offered / capacity - 1) * stepMs))
          world.queues.push(world.queueMs)
          const came = (Math.min(yielding.rate, capacity) * stepMs) / 1000
          yielding.sample({ ms: 20 + world.queueMs, lateMs: 0 }, came, 60, world.now)
        }
      }
    }
  }

  test('alone on a line it finds its rate, and its queue stays under what is allowed', () => {
    const { run, world, yielding } = on(2_500_000)
    run(40)
    world.queues.length = 0
    let sum = 0
    for (let step = 0; step < 200; step++) {
      run(1)
      sum += Math.min(yielding.rate, 2_500_000)
    }
    expect(sum / 200).toBeGreaterThan(0.75 * 2_500_000)
    expect(world.queues.filter(ms => ms > 60).length).toBeLessThan(10)
  })

  test('beside others who fill the line it falls to next to nothing, and comes back when they are gone', () => {
    const { run, world, yielding } = on(2_500_000)
    run(60)
    world.others = 2_500_000
    run(20)
    expect(yielding.rate).toBe(floorBytesPerSecond)
    world.others = 0
    run(40)
    expect(yielding.rate).toBeGreaterThan(1_250_000)
  })

  test('one long round trip is no queue, two are; one beyond all that is allowed is', () => {
    const after = (...roundTrips: number[]): number => {
      const yielding = new Yielding()
      roundTrips.forEach((ms, at) => {
        yielding.sample({ ms, lateMs: 0 }, 0, 60, 2000 * at)
      })
      return yielding.rate
    }
    expect(after(20, 20, 50, 20)).toBe(after(20, 20, 20))
    expect(after(20, 20, 50, 50)).toBe(startBytesPerSecond / 2)
    expect(after(20, 20, 100)).toBeLessThan(startBytesPerSecond)
  })

  test('our own lateness is not held against the line, nor taken for its best', () => {
    const yielding = new Yielding()
    yielding.sample({ ms: 20, lateMs: 0 }, 0, 60, 0)
    for (let step = 1; step < 10; step++) yielding.sample({ ms: 220, lateMs: 200 }, 0, 60, 2000 * step)
    expect(yielding.rate).toBe(startBytesPerSecond)
    for (let step = 10; step < 20; step++) yielding.sample({ ms: 220, lateMs: 50 }, 0, 60, 2000 * step)
    expect(yielding.rate).toBe(floorBytesPerSecond)
  })

  test('it does not grow away from what really comes', () => {
    const yielding = new Yielding()
    for (let step = 0; step < 100; step++)
      yielding.sample({ ms: 20, lateMs: 0 }, 500_000 / 4, 60, stepMs * step)
    expect(yielding.rate).toBeLessThanOrEqual(1_000_000)
  })

  test('where nothing can ever be measured it does not hold back', () => {
    const yielding = new Yielding()
    for (let step = 0; step < 20; step++)
      yielding.sample(null, (yielding.rate * stepMs) / 1000, 60, stepMs * step)
    expect(yielding.rate).toBeGreaterThan(4 * startBytesPerSecond)
  })
})

describe('a budget of chunks', () => {
  test('over any time grants the rate and one chunk more, with no burst after a pause', () => {
    const budget = new Budget(() => 2 * MiB)
    let granted = 0
    for (let now = 60_000; now < 70_000; now++) {
      while (budget.freeAt() <= now) {
        budget.take(MiB, now)
        granted++
      }
    }
    expect(granted).toBeGreaterThanOrEqual(20)
    expect(granted).toBeLessThanOrEqual(21)
  })

  test('without a limit grants at once', () => {
    const budget = new Budget(() => 0)
    budget.take(1000 * MiB, 5)
    expect(budget.freeAt()).toBe(0)
  })
})
