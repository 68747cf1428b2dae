import { describe, expect, test } from 'vitest'
import { inOrder, type Candidate } from './balance.ts'
import { failed, healthy, isInDoubt, mayAsk, tried, untold, worked, type Health } from './health-state.ts'
import { retriesAtOnce } from './limits.ts'
import { createRetryBudget } from './retry-budget.ts'

const limits = { maxFails: 3, failTimeoutMs: 10_000 }
const down: Health = { kind: 'down', since: 0, tryAt: 10_000, isTrying: false }
const server = (name: string, more: Partial<Candidate> = {}): Candidate => ({
  name,
  kind: 'proxy',
  weight: 1,
  inFlight: 0,
  health: healthy,
  ...more
})
const names = (servers: readonly Candidate[]): string[] => servers.map(({ name }) => name)
const keys = Array.from({ length: 3000 }, (_, index) => `key ${index}`)
const firsts = (group: readonly Candidate[]): Map<string, string> =>
  new Map(keys.map(key => [key, inOrder([group], key, 0).ready[0]!.name]))
const shareOf = (chosen: Map<string, string>, name: string): number =>
  [...chosen.values()].filter(one => one === name).length / chosen.size

describe('the order of servers', () => {
  test('who would have the least for its weight goes first', () => {
    const group = [
      server('a', { inFlight: 3 }),
      server('b', { inFlight: 5, weight: 4 }),
      server('c', { inFlight: 2 })
    ]
    expect(names(inOrder([group], 'x', 0).ready)).toEqual(['b', 'c', 'a'])
  })

  test('groups stay in their order, whoever has less to do', () => {
    const order = inOrder([[server('a', { inFlight: 9 })], [server('b')]], 'x', 0)
    expect(names(order.ready)).toEqual(['a', 'b'])
  })

  test('who is down comes last, until it may be tried, and then by one request', () => {
    const group = [server('a', { health: down }), server('b', { inFlight: 5 })]
    const at = (now: number, health: Health = down) => {
      const { ready, resting } = inOrder([[{ ...group[0]!, health }, group[1]!]], 'x', now)
      return [names(ready), names(resting)]
    }
    expect(at(9999)).toEqual([['b'], ['a']])
    expect(at(10_000)).toEqual([['a', 'b'], []])
    expect(at(10_000, tried(down))).toEqual([['b'], ['a']])
  })

  test('gateways share the keys by their weights, whatever they have in flight', () => {
    const group = [
      server('a', { kind: 'gateway', inFlight: 50 }),
      server('b', { kind: 'gateway' }),
      server('c', { kind: 'gateway', weight: 2 })
    ]
    const chosen = firsts(group)
    expect(shareOf(chosen, 'a')).toBeCloseTo(0.25, 1)
    expect(shareOf(chosen, 'b')).toBeCloseTo(0.25, 1)
    expect(shareOf(chosen, 'c')).toBeCloseTo(0.5, 1)
  })

  test('losing a gateway moves its keys to all others, and no other key', () => {
    const all = ['a', 'b', 'c', 'd'].map(name => server(name, { kind: 'gateway' }))
    const before = firsts(all)
    const after = firsts(all.map(one => (one.name === 'b' ? { ...one, health: down } : one)))
    const orphans = keys.filter(key => before.get(key) === 'b')
    expect(keys.filter(key => before.get(key) !== 'b' && before.get(key) !== after.get(key))).toEqual([])
    for (const name of ['a', 'c', 'd'])
      expect(orphans.filter(key => after.get(key) === name).length / orphans.length).toBeCloseTo(1 / 3, 1)
  })
})

describe('health', () => {
  test('one refusal is enough; softer failures must be several within the time', () => {
    expect(failed(healthy, true, limits, 5)).toEqual({
      kind: 'down',
      since: 5,
      tryAt: 10_005,
      isTrying: false
    })
    const twice = failed(failed(healthy, false, limits, 0), false, limits, 1)
    expect(mayAsk(twice, 1)).toBe(true)
    expect(failed(twice, false, limits, 2).kind).toBe('down')
    expect(failed(twice, false, limits, 10_001).kind).toBe('up')
  })

  test('a trial that fails makes it rest anew, one that works brings it back, one that was called off leaves it to another', () => {
    expect(failed(tried(down), false, limits, 10_000)).toEqual({ ...down, tryAt: 20_000 })
    expect(worked(tried(down))).toEqual(healthy)
    expect(mayAsk(untold(tried(down)), 10_000)).toBe(true)
  })

  test('is in doubt while a failure counts', () => {
    const once = failed(healthy, false, limits, 0)
    expect([
      isInDoubt(once, limits, 9999),
      isInDoubt(once, limits, 10_000),
      isInDoubt(down, limits, 1e9)
    ]).toEqual([true, false, true])
  })
})

describe('the budget for retries', () => {
  const takeAll = (budget: { take(): boolean }): number => {
    let taken = 0
    while (budget.take()) taken++
    return taken
  }

  test('is a fifth of the requests, once what is there for a start is used up', () => {
    const budget = createRetryBudget(() => 0)
    expect(takeAll(budget)).toBe(retriesAtOnce)
    for (let request = 0; request < 101; request++) budget.asked()
    expect(takeAll(budget)).toBe(20)
  })

  test('and a few a second', () => {
    let now = 0
    const budget = createRetryBudget(() => now)
    takeAll(budget)
    now = 2000
    expect(takeAll(budget)).toBe(6)
  })
})
