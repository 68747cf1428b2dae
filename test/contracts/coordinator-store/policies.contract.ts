/** Versions of policies, which of them holds, and what rollouts hear of agents. */
import { agentStore } from '@starling/coordinator/store/agents.ts'
import { policyStore } from '@starling/coordinator/store/policies.ts'
import { createLog } from '@starling/coordinator/log.ts'
import { begin, type ScopePolicy } from '@starling/shared/rollout-plan.ts'
import { expect, it, vi } from 'vitest'
import type { StoreContract } from './contract.ts'

const version = (scope: string, document: Record<string, unknown>) => ({
  scope,
  document,
  author: 'ada',
  reason: 'because',
  createdAt: 7,
  changes: [{ name: 'uploadSlots', after: 3 }]
})
const nothing = (scope: string): ScopePolicy => ({ scope, current: null, rollout: null })

export const policiesContract: StoreContract = harness => {
  const store = () => policyStore(harness.database)

  it('have versions that count up in each scope, with all that was said of them', async () => {
    expect(await store().addVersion(version('fleet', { uploadSlots: 3 }))).toBe(1)
    expect(await store().addVersion(version('fleet', { uploadSlots: 4 }))).toBe(2)
    expect(await store().addVersion(version('site:hq', {}))).toBe(1)
    await harness.reopen()
    expect(await store().version('fleet', 1)).toEqual({ ...version('fleet', { uploadSlots: 3 }), version: 1 })
    expect(await store().version('fleet', 3)).toBeNull()
    expect((await store().versions('fleet', 9)).map(one => one.version)).toEqual([2, 1])
    expect((await store().versions('fleet', 1)).map(one => one.version)).toEqual([2])
  })

  it('of two coordinators at the same time get numbers of their own', async () => {
    const rival = policyStore(await harness.rival())
    const numbers = await Promise.all(
      Array.from({ length: 8 }, (_, n) => (n % 2 === 0 ? store() : rival).addVersion(version('fleet', { n })))
    )
    expect(numbers.toSorted((one, other) => one - other)).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
  })

  it('are changed only from what they are, and everybody is told', async () => {
    const rival = policyStore(await harness.rival())
    const heard = vi.fn<(payload: string | null) => void>()
    const stop = harness.database.listen('policies', heard)
    await vi.waitFor(() => {
      expect(heard).toHaveBeenCalledWith(null)
    })
    const first = { ...nothing('fleet'), current: 1 }
    expect(await rival.change(first, 0, 1000)).toBe(true)
    // Somebody who has read before that, and somebody who has read after it.
    expect(await store().change({ ...first, current: 9 }, 0, 1001)).toBe(false)
    const second = begin(first, { id: 'r', to: 2, stages: [{ who: { percent: 100 }, holdMs: null }] }, 1002)
    expect(await store().change(second, 1, 1002)).toBe(true)
    expect(await rival.change(first, 1, 1003)).toBe(false)
    const { number, scopes } = await rival.policies()
    expect(scopes).toEqual([{ policy: second, revision: 2, newest: null }])
    expect(number).toBeGreaterThanOrEqual(1002)
    await vi.waitFor(() => {
      expect(heard.mock.calls.filter(([payload]) => payload === 'fleet')).toHaveLength(2)
    })
    stop()
  })

  it('have a number that grows with every change, also when the clock goes back, and after a restart', async () => {
    const numbers: number[] = []
    for (const [revision, at] of [5000, 5000, 10, 9000].entries()) {
      expect(await store().change({ ...nothing('fleet'), current: revision + 1 }, revision, at)).toBe(true)
      await harness.reopen()
      numbers.push((await store().policies()).number)
    }
    expect(numbers).toEqual([5000, 5001, 5002, 9000])
    // Of a database that was set back, when a coordinator begins with it.
    for (const at of [8000, 2 ** 43]) {
      await store().renumber(at)
      numbers.push((await store().policies()).number)
    }
    expect(numbers.slice(4)).toEqual([9000, 2 ** 43])
  })

  it('know what was heard of agents that belong, the last of each, by when it was noted', async () => {
    const agents = agentStore(harness.database, createLog('silent'))
    const agent = {
      site: 'hq',
      role: 'agent',
      version: '1',
      enrolledAt: 0,
      lastHeardAt: null,
      revokedAt: null
    } as const
    for (const id of ['a', 'b', 'c']) await agents.putAgent({ ...agent, agent: id, group: null })
    expect(await agents.setGroup('b', 'pilots')).toBe(true)
    expect(await agents.setGroup('nobody', 'pilots')).toBe(false)
    await agents.revoke('c', 1, '')
    const heard = (id: string, heardAt: number, errors = 0) =>
      ({ agent: id, heardAt, standing: { kind: 'has' }, downloads: 5, errors }) as const
    await store().noteHeard([heard('a', 10), heard('b', 11), heard('c', 12), heard('stranger', 13)], 100)
    const refused = { ...heard('a', 20, 2), standing: { kind: 'refused', reason: 'it’s "odd"' } } as const
    await policyStore(await harness.rival()).noteHeard([refused], 200)
    await store().noteHeard([], 300)
    const of = { site: 'hq', group: null }
    expect(
      (await store().heardSince(0)).toSorted((one, other) => (one.agent < other.agent ? -1 : 1))
    ).toEqual([
      { ...refused, ...of },
      { ...heard('b', 11), ...of, group: 'pilots' }
    ])
    expect(await store().heardSince(200)).toEqual([{ ...refused, ...of }])
    await agents.close()
  })
}
