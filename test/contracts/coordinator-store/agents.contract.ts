/** Who belongs, who was heard, who was revoked. */
import { createLog } from '@starling/coordinator/log.ts'
import { agentStore } from '@starling/coordinator/store/agents.ts'
import { ticketStore } from '@starling/coordinator/store/tickets.ts'
import type { AgentRecord } from '@starling/coordinator/ports.ts'
import { expect, it } from 'vitest'
import type { StoreContract } from './contract.ts'
import { hearing } from './hearing.ts'

const log = createLog('silent')
const agent: AgentRecord = {
  agent: 'a',
  site: 'office',
  role: 'agent',
  group: null,
  version: '1',
  enrolledAt: 5,
  lastHeardAt: null,
  revokedAt: null
}

export const agentsContract: StoreContract = harness => {
  it('keeps who was heard over a restart, with what is odd in a version', async () => {
    const store = agentStore(harness.database, log)
    for (const name of ['b', 'B', 'a']) await store.putAgent({ ...agent, agent: name })
    await store.heard('a', 8, '2')
    await store.heard('a', 2 ** 45, "3'\0\u{1F426}")
    await store.heard('nobody', 9, '2')
    await store.close()
    await harness.reopen()
    const again = agentStore(harness.database, log)
    const [upper, heard, silent] = await again.agents()
    expect([upper?.agent, silent]).toEqual(['B', { ...agent, agent: 'b' }])
    expect([heard?.agent, heard?.lastHeardAt]).toEqual(['a', 2 ** 45])
    expect(heard?.version).toMatch(/^3'.\u{1F426}$/su)
    expect(await again.agent('nobody')).toBeNull()
    await again.close()
  })

  it('revokes for good, and the version of the list grows', async () => {
    const store = agentStore(harness.database, log)
    await store.putAgent(agent)
    await store.putAgent({ ...agent, agent: 'b' })
    expect(await store.revocations()).toEqual({ version: 0, agents: [] })
    expect(await store.revoke('b', 7, 'lost')).toBe(true)
    expect(await store.revoke('b', 8, 'again')).toBe(false)
    expect(await store.revoke('nobody', 8, '')).toBe(false)
    await store.putAgent({ ...agent, agent: 'b' })
    expect(await store.revocations()).toEqual({ version: 7, agents: ['b'] })
    await store.revoke('a', 9, '')
    expect(await store.revocations()).toEqual({ version: 9, agents: ['a', 'b'] })
    await store.close()
  })

  it('takes who was revoked long ago off the list, once its last credential is old, and keeps it revoked', async () => {
    const store = agentStore(harness.database, log)
    const tickets = ticketStore(harness.database)
    for (const name of ['a', 'b', 'c', 'd']) await store.putAgent({ ...agent, agent: name })
    for (const [name, notAfter] of [
      ['a', 20],
      ['a', 50],
      ['b', 20],
      ['c', 20]
    ] as const)
      await tickets.issueSerial({ agent: name, at: 10, notAfter })
    for (const [name, at] of [
      ['a', 15],
      ['b', 15],
      ['c', 35]
    ] as const)
      await store.revoke(name, at, '')
    expect(await store.revocations()).toEqual({ version: 35, agents: ['a', 'b', 'c'] })
    expect(await store.unlist(15, 60)).toBe(0)
    expect((await store.revocations()).version).toBe(35)
    expect(await store.unlist(30, 60)).toBe(1)
    expect(await store.revocations()).toEqual({ version: 60, agents: ['a', 'c'] })
    expect((await store.agent('b'))?.revokedAt).toBe(15)
    expect(await store.revoke('b', 61, '')).toBe(false)
    expect(await store.unlist(51, 62)).toBe(2)
    expect(await store.revocations()).toEqual({ version: 62, agents: [] })
    expect((await store.agent('d'))?.revokedAt).toBeNull()
    await store.close()
  })

  it('gives each of many revocations at once a version of its own', async () => {
    const stores = [agentStore(harness.database, log), agentStore(await harness.rival(), log)]
    const names = Array.from({ length: 12 }, (_, index) => `a${String(index).padStart(2, '0')}`)
    for (const name of names) await stores[0]?.putAgent({ ...agent, agent: name })
    const done = await Promise.all(names.flatMap(name => stores.map(store => store.revoke(name, 1, ''))))
    expect(done.filter(Boolean)).toHaveLength(names.length)
    expect(await stores[1]?.revocations()).toEqual({ version: names.length, agents: names })
    for (const store of stores) await store.close()
  })

  it('tells all coordinators who came and who was put out', async () => {
    const heard: Array<string | null> = []
    const told = hearing(heard)
    ;(await harness.rival()).listen('agents', told.handler)
    await told.until(1)
    const store = agentStore(harness.database, log)
    await store.putAgent(agent)
    await told.until(2)
    await store.revoke('a', 7, '')
    await told.until(3)
    expect(heard).toEqual([null, 'a', 'a'])
    await store.close()
  })

  it('writes down in one go who of 20,000 was heard', { timeout: 60_000 }, async () => {
    const store = agentStore(harness.database, log)
    const { db } = harness.database
    const names = Array.from({ length: 20_000 }, (_, index) => `12D3KooW${String(index).padStart(44, 'x')}`)
    for (let at = 0; at < names.length; at += 1000) {
      const values = names.slice(at, at + 1000).map(name => ({ ...agent, agent: name }))
      await db.insertInto('agents').values(values).execute()
    }
    for (const name of names) await store.heard(name, 77, '0.1.0')
    await store.flush()
    const heard = await db.selectFrom('agents').select('agent').where('lastHeardAt', '=', 77).execute()
    expect(heard).toHaveLength(names.length)
    await store.close()
  })
}
