import { byItself, byStranger } from '@starling/coordinator/by.ts'
import { createSealingKey } from '@starling/coordinator/sealing.ts'
import { openAudit, type AuditChain } from '@starling/coordinator/store/audit.ts'
import { createChange } from '@starling/coordinator/store/change.ts'
import type { Database } from '@starling/coordinator/store/database.ts'
import { policyStore } from '@starling/coordinator/store/policies.ts'
import { openSecrets, type Secrets } from '@starling/coordinator/store/secrets.ts'
import { ticketStore } from '@starling/coordinator/store/tickets.ts'
import { beforeEach, expect, it } from 'vitest'
import type { StoreContract } from './contract.ts'

const masterKey = createSealingKey()
const ticket = {
  id: 't',
  secretHash: new Uint8Array([1]),
  site: 'hq',
  role: 'agent' as const,
  group: null,
  placedBy: 'name' as const,
  usesMax: 1,
  createdAt: 1,
  expiresAt: 2
}

export const auditContract: StoreContract = harness => {
  let now: number
  let audit: AuditChain
  let secrets: Secrets
  const open = async (database: Database = harness.database): Promise<AuditChain> => {
    const clock = (): number => now
    secrets = await openSecrets(database, masterKey, clock)
    return await openAudit(database, secrets, clock)
  }
  const write = (action: string, target = '') => audit.write({ by: byItself(action), target })
  const whole = { problem: null }
  beforeEach(async () => {
    now = 1000
    audit = await open()
  })

  it('is one chain of all coordinators, over restarts', async () => {
    const rival = await open(await harness.rival())
    await Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        (n % 2 === 0 ? audit : rival).write({ by: byItself('test'), target: String(n) })
      )
    )
    expect(await audit.verify()).toEqual({ entries: 20, problem: null })
    await harness.reopen()
    audit = await open()
    await write('after')
    expect(await audit.verify()).toEqual({ entries: 21, problem: null })
    const [newest] = await audit.page({ count: 1 })
    expect(newest).toMatchObject({
      number: 21,
      action: 'after',
      outcome: 'done',
      kind: 'coordinator',
      at: 1000
    })
  })

  it('has an entry if and only if the change was made', async () => {
    const change = createChange(harness.database, audit, secrets)
    const by = byItself('ticket.create')
    const failing = change(by, async store => {
      await store.createTicket(ticket)
      throw new Error('no')
    })
    await expect(failing).rejects.toThrow('no')
    expect(await ticketStore(harness.database).tickets()).toEqual([])
    expect([audit.wrote(by), await audit.page({ count: 9 })]).toEqual([false, []])
    const result = await change(by, async store => {
      await store.createTicket(ticket)
      // Stores that make a transaction of their own make it within ours.
      await store.useTicket('t', 'a', 1)
      return { result: 7, target: 't' }
    })
    expect([result, audit.wrote(by)]).toEqual([7, true])
    expect(await ticketStore(harness.database).tickets()).toMatchObject([{ uses: 1 }])
    expect(await audit.page({ count: 9 })).toMatchObject([{ number: 1, target: 't' }])
  })

  it('has an entry for a version of a policy that is there, and none for one that is not', async () => {
    const change = createChange(harness.database, audit, secrets)
    const by = byItself('policy.add')
    const record = { scope: 'fleet', document: {}, author: 'a', reason: '', createdAt: 1, changes: [] }
    const state = { scope: 'fleet', current: 1, rollout: null }
    const failing = change(by, async ({ policies }) => {
      await policies.addVersion(record)
      await policies.change(state, 0, 1)
      throw new Error('no')
    })
    await expect(failing).rejects.toThrow('no')
    const kept = policyStore(harness.database)
    expect([await kept.versions('fleet', 9), (await kept.policies()).scopes]).toEqual([[], []])
    await change(by, async ({ policies }) => {
      await policies.change(state, 0, 1)
      return { result: await policies.addVersion(record), target: 'fleet' }
    })
    expect(await kept.versions('fleet', 9)).toHaveLength(1)
    expect(await audit.page({ count: 9 })).toMatchObject([{ action: 'policy.add', target: 'fleet' }])
  })

  it('is read by time, actor and action, page by page', async () => {
    for (const [at, actor] of ['eve', 'bob', 'eve', 'eve'].entries()) {
      now = at
      await audit.write({ by: byStranger(at === 3 ? 'sign-out' : 'sign-in', '10.0.0.1', actor), target: '' })
    }
    const numbers = async (query: object) =>
      (await audit.page({ count: 9, ...query })).map(({ number }) => number)
    expect(await numbers({})).toEqual([4, 3, 2, 1])
    expect(await numbers({ actor: 'eve' })).toEqual([4, 3, 1])
    expect(await numbers({ actor: 'eve', action: 'sign-in' })).toEqual([3, 1])
    expect(await numbers({ from: 1, to: 3 })).toEqual([3, 2])
    expect(await numbers({ count: 2, before: 4 })).toEqual([3, 2])
  })

  it('takes any text, however long or strange', async () => {
    await audit.write({ by: byStranger('a', 'x', 'n\0ul \uD800'), target: '"\\\n'.repeat(1000) })
    expect(await audit.verify()).toEqual({ entries: 1, problem: null })
  })

  it('shows what was changed in it behind its back, and where', async () => {
    for (let n = 1; n <= 5; n++) await write('test', String(n))
    const { db } = harness.database
    await db.updateTable('audit').set({ target: 'x' }).where('number', '=', 3).execute()
    expect(await audit.verify()).toMatchObject({ problem: 'entry 3 was changed' })
    await db.updateTable('audit').set({ target: '3' }).where('number', '=', 3).execute()
    expect(await audit.verify()).toMatchObject(whole)
    await db.deleteFrom('audit').where('number', '=', 5).execute()
    expect((await audit.verify()).problem).toContain('the tail is cut: the newest entry is 4')
  })

  it('goes on without its sealed head, and says so for ever', async () => {
    await write('test')
    await write('test')
    await harness.database.db.deleteFrom('audit').where('number', '=', 2).execute()
    await harness.database.db.deleteFrom('secrets').execute()
    expect((await audit.verify()).problem).toContain('the sealed head of the log is missing')
    await write('more')
    expect((await audit.verify()).problem).toContain('entry 2 was written when the sealed head was missing')
    expect((await audit.page({ count: 1 }))[0]).toMatchObject({ action: 'more', number: 3 })
  })

  it('lets old entries go and can still be verified, also when all are old', async () => {
    for (now = 1; now <= 5; now++) await write('test')
    expect(await audit.prune(4)).toBe(3)
    expect(await audit.verify()).toEqual({ entries: 3, problem: null })
    expect(await audit.prune(4)).toBe(0)
    now = 50
    expect(await audit.prune(50)).toBe(3)
    await write('after')
    expect(await audit.verify()).toEqual({ entries: 2, problem: null })
    await harness.database.db.deleteFrom('audit').where('action', '=', 'audit.prune').execute()
    expect((await audit.verify()).problem).toContain('entries before 8 are gone')
  })
}
