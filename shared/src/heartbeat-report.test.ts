import { describe, expect, it } from 'vitest'
import { applyDelta, deltaSince, type AgentReport, type KnownReport } from './heartbeat-report.ts'
import { Prng } from './prng.ts'

const report = (change: Partial<AgentReport> = {}): AgentReport => ({
  counters: { fromPeers: 1 },
  host: { onBattery: false },
  swarm: [],
  ...change
})

describe('a report told in little', () => {
  it('says nothing of what has not changed', () => {
    const now = report({ swarm: [{ transfer: 'a', complete: true, name: 'x', length: 5 }] })
    expect(deltaSince(now, structuredClone(now))).toEqual({
      counters: {},
      host: {},
      swarm: [],
      gone: [],
      orders: []
    })
  })

  it('tells of orders only those that got on', () => {
    const order = { state: 'running', reason: '', bytes: 5, length: 9, late: false } as const
    const orders = [
      { ...order, order: 'a' },
      { ...order, order: 'b' }
    ]
    const now = [orders[0]!, { ...orders[1]!, bytes: 6 }, { ...order, order: 'c' }]
    expect(deltaSince(report({ orders }), report({ orders: now })).orders).toEqual(now.slice(1))
    expect(deltaSince(null, report({ orders: now })).orders).toEqual(now)
  })

  it('arrives whole, whatever changes in between', () => {
    const prng = new Prng(11)
    let before: AgentReport | null = null
    let known: KnownReport | null = null
    for (let step = 0; step < 500; step++) {
      const swarm = Array.from({ length: 6 }, (_, index) => `t${index}`)
        .filter(() => prng.below(2) === 0)
        .map(transfer => {
          const share = prng.below(5) / 4
          return { transfer, complete: share === 1, share, name: `of ${transfer}`, length: 9 }
        })
      const host = Object.fromEntries(
        ['a', 'b', 'c'].filter(() => prng.below(2) === 0).map(name => [name, prng.below(3)])
      )
      const now: AgentReport = { counters: { x: step, y: prng.below(2) }, host, swarm }
      known = applyDelta(known, deltaSince(before, now))
      before = now
      expect(
        {
          ...known,
          swarm: [...known.swarm.values()].sort((one, other) => (one.transfer < other.transfer ? -1 : 1))
        },
        `step ${step}`
      ).toEqual(now)
    }
  })
})
