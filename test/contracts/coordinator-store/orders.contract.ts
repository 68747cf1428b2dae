/** Orders to agents, and how far they are. */
import { createIdentity } from '@starling/agent/identity/keys.ts'
import { createLog } from '@starling/coordinator/log.ts'
import type { NotedProgress, OrderRecord } from '@starling/coordinator/ports.ts'
import { createStore } from '@starling/coordinator/store/store.ts'
import { orderStore } from '@starling/coordinator/store/orders.ts'
import type { AgentId } from '@starling/shared/ids.ts'
import { expect, it, vi } from 'vitest'
import type { StoreContract } from './contract.ts'

const id = (n: number): string => String(n).padStart(16, '0')
const orderOf = (n: number, change: Partial<OrderRecord> = {}): OrderRecord => ({
  id: id(n),
  kind: 'prestage',
  what: 'http://files.example/a.iso?token=1',
  scopes: ['site:north', 'group:pilots'],
  by: 1000 + n,
  bytesPerSecond: 2_000_000,
  author: 'ops',
  reason: 'the release',
  createdAt: n,
  withdrawnAt: null,
  withdrawnBy: null,
  ...change
})

export const ordersContract: StoreContract = harness => {
  const store = () => orderStore(harness.database)
  const ids = async (): Promise<string[]> => (await store().orders()).map(order => order.id)

  async function member(site: string, revokedAt: number | null = null): Promise<AgentId> {
    const agent = createIdentity().agentId
    const agents = createStore(harness.database, createLog('silent'))
    await agents.putAgent({
      agent,
      site,
      role: 'agent',
      group: null,
      version: '1',
      enrolledAt: 1,
      lastHeardAt: null,
      revokedAt: null
    })
    if (revokedAt !== null) await agents.revoke(agent, revokedAt, 'gone')
    await agents.close()
    return agent
  }
  const progress = (agent: AgentId, change: Partial<NotedProgress> = {}): NotedProgress => ({
    agent,
    order: id(1),
    state: 'running',
    reason: '',
    bytes: 10,
    length: 100,
    late: false,
    at: 5,
    ...change
  })

  it('are kept as they were given, the newest first, over a restart', async () => {
    const pin = orderOf(2, { kind: 'pin', by: null, bytesPerSecond: null, scopes: ['fleet'] })
    await store().give(orderOf(1), 0)
    await store().give(pin, 0)
    await harness.reopen()
    expect(await store().orders()).toEqual([pin, orderOf(1)])
  })

  it('are withdrawn once, by whom is written down, and all coordinators hear of both', async () => {
    const heard: Array<string | null> = []
    const rival = await harness.rival()
    const end = rival.listen('orders', payload => void heard.push(payload))
    await vi.waitFor(() => {
      expect(heard).toEqual([null])
    })
    await store().give(orderOf(1), 0)
    expect(await store().withdraw(id(1), 7, 'boss')).toBe(true)
    expect(await store().withdraw(id(1), 8, 'another')).toBe(false)
    expect(await store().withdraw(id(9), 8, 'another')).toBe(false)
    expect(await store().orders()).toEqual([orderOf(1, { withdrawnAt: 7, withdrawnBy: 'boss' })])
    await vi.waitFor(() => {
      expect(heard).toEqual([null, id(1), id(1)])
    })
    end()
  })

  it('are forgotten with what was told of them when they ended long ago, and not before', async () => {
    const agent = await member('north')
    for (const order of [
      orderOf(1, { by: 50 }),
      orderOf(2, { by: null }),
      orderOf(3, { by: 101 }),
      orderOf(4, { by: null })
    ])
      await store().give(order, 0)
    await store().withdraw(id(4), 60, 'boss')
    await store().noteProgress([progress(agent), progress(agent, { order: id(3) })])
    await store().give(orderOf(5), 100)
    expect(await ids()).toEqual([id(5), id(3), id(2)])
    expect((await store().progress()).map(({ order }) => order)).toEqual([id(3)])
  })

  it('are counted by site and by how far agents are, each as it told last', async () => {
    const [one, two, far, gone] = [
      await member('north'),
      await member('north'),
      await member('south'),
      await member('north', 3)
    ]
    await store().give(orderOf(1), 0)
    await store().give(orderOf(2), 0)
    await store().noteProgress([
      progress(one),
      progress(two),
      progress(far, { length: null }),
      progress(gone)
    ])
    await store().noteProgress([
      progress(one, { bytes: 30, late: true }),
      progress(two, { state: 'failed', reason: 'it is denied', bytes: 0 }),
      progress(far, { order: id(2), state: 'done', bytes: 100 }),
      // Forgotten, or never given.
      progress(one, { order: id(9) })
    ])
    const failed = {
      site: 'north',
      state: 'failed',
      reason: 'it is denied',
      late: false,
      agents: 1,
      bytes: 0
    }
    const late = {
      site: 'north',
      state: 'running',
      reason: '',
      late: true,
      agents: 1,
      bytes: 30,
      length: 100
    }
    const south = {
      site: 'south',
      state: 'running',
      reason: '',
      late: false,
      agents: 1,
      bytes: 10,
      length: null
    }
    expect(await store().progress(id(1))).toEqual([
      { ...failed, order: id(1), length: 100 },
      { ...late, order: id(1) },
      { ...south, order: id(1) }
    ])
    expect((await store().progress()).length).toBe(4)
  })
}
