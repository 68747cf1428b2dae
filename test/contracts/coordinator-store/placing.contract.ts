/** Whose site somebody has named, and whose the site definitions find. */
import type { PlacedBy } from '@starling/shared/admin-api/placed-by.ts'
import { createLog } from '@starling/coordinator/log.ts'
import type { AgentRecord } from '@starling/coordinator/ports.ts'
import { agentStore } from '@starling/coordinator/store/agents.ts'
import { fleetQueries } from '@starling/coordinator/store/fleet-queries.ts'
import { expect, it } from 'vitest'
import type { StoreContract } from './contract.ts'

const record: Omit<AgentRecord, 'agent'> = {
  site: 'office',
  role: 'agent',
  group: null,
  version: '1',
  enrolledAt: 5,
  lastHeardAt: null,
  revokedAt: null
}

export const placingContract: StoreContract = harness => {
  const open = () => {
    const agents = agentStore(harness.database, createLog('silent'))
    const queries = fleetQueries(harness.database)
    return {
      agents,
      put: async (agent: string, placedBy: PlacedBy, change: Partial<AgentRecord> = {}) => {
        await agents.putAgent({ ...record, ...change, agent })
        await agents.setPlacedBy(agent, placedBy)
      },
      shown: async (agent: string) => {
        const found = await queries.one(agent)
        return [found?.site, found?.placedBy, found?.group]
      }
    }
  }
  const all = { group: true, site: true }

  it('gives those of one site back to the definitions whose site was named, and neither gateways nor the revoked', async () => {
    const { agents, put, shown } = open()
    await put('named', 'name')
    await put('other', 'name')
    await put('found', 'definitions')
    await put('elsewhere', 'name', { site: 'yard' })
    await put('gateway', 'name', { role: 'gateway' })
    await put('revoked', 'name')
    await agents.revoke('revoked', 6, '')
    expect(await agents.release('office')).toBe(2)
    expect(await agents.release('office')).toBe(0)
    const by = async (agent: string) => (await shown(agent)).slice(0, 2)
    expect(await by('named')).toEqual(['office', 'definitions'])
    expect(await by('other')).toEqual(['office', 'definitions'])
    expect(await by('elsewhere')).toEqual(['yard', 'name'])
    expect(await by('gateway')).toEqual(['office', 'name'])
    expect(await by('revoked')).toEqual(['office', 'name'])
    await agents.close()
  })

  it('gives a machine that was set up anew the site of its old self, named or found, unless its ticket says one', async () => {
    const { agents, put, shown } = open()
    await put('old', 'name', { site: 'yard', group: 'pilots' })
    await agents.joinedAs('old', 'm1', all)
    await put('young', 'definitions', { enrolledAt: 10 })
    await agents.joinedAs('young', 'm1', all)
    expect(await shown('young')).toEqual(['yard', 'name', 'pilots'])
    await put('told', 'name', { enrolledAt: 20 })
    await agents.joinedAs('told', 'm1', { group: true, site: false })
    expect(await shown('told')).toEqual(['office', 'name', 'pilots'])
    await agents.close()
  })

  it('takes the site of an agent, not that of the gateway on the same machine', async () => {
    const { agents, put, shown } = open()
    await put('gateway', 'name', { role: 'gateway', site: 'hq', enrolledAt: 9 })
    await agents.joinedAs('gateway', 'm1', { group: true, site: false })
    await put('beside', 'definitions', { enrolledAt: 10 })
    await agents.joinedAs('beside', 'm1', all)
    expect(await shown('beside')).toEqual(['office', 'definitions', null])
    await agents.close()
  })
}
