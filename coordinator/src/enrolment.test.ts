import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createIdentity } from '@starling/agent/identity/keys.ts'
import { parseTicket } from '@starling/shared/ticket.ts'
import { dayMs } from '@starling/shared/units.ts'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createAuthority, loadAuthorityKeys } from './authority.ts'
import { byItself } from './by.ts'
import { createEnrolment, type Enrolment } from './enrolment.ts'
import { createLog } from './log.ts'
import type { FleetQueries } from './fleet-ports.ts'
import type { AuditLog, CoordinatorStore } from './ports.ts'
import { openAudit } from './store/audit.ts'
import { createChange } from './store/change.ts'
import { fleetQueries } from './store/fleet-queries.ts'
import { openDatabase } from './store/open.ts'
import { openSecrets } from './store/secrets.ts'
import { createStore } from './store/store.ts'
import { createSealingKey } from './sealing.ts'

const log = createLog('silent')
let now: number
let store: CoordinatorStore
let audit: AuditLog
let queries: FleetQueries
let enrolment: Enrolment
let online: Set<string>
let credentials: () => Promise<number>
/** What happens between the look at a ticket and its use. */
let meanwhile: () => Promise<unknown>
/** What is changed fails at its end, where the audit entry is written. */
let isAuditBroken: boolean
let close: () => Promise<void>

beforeEach(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'starling-enrolment-'))
  const database = await openDatabase({ folder }, log)
  const whole = createStore(database, log)
  store = whole
  now = 1_000_000_000_000
  online = new Set()
  meanwhile = async () => {}
  isAuditBroken = false
  const clock = () => now
  const secrets = await openSecrets(database, createSealingKey(), clock)
  const chain = await openAudit(database, secrets, clock)
  audit = chain
  queries = fleetQueries(database)
  credentials = async () => (await database.db.selectFrom('credentials').select('serial').execute()).length
  enrolment = createEnrolment({
    store: {
      ...store,
      async ticket(id) {
        const found = await store.ticket(id)
        await meanwhile()
        return found
      }
    },
    cached: store,
    change: createChange(
      database,
      {
        ...chain,
        async append(within, deed) {
          if (isAuditBroken) throw new Error('no entry')
          await chain.append(within, deed)
        }
      },
      secrets
    ),
    authority: createAuthority(await loadAuthorityKeys(folder)),
    fleet: { enrolled: agent => void online.add(agent), revoked: agent => void online.delete(agent) },
    clock,
    addresses: () => ['https://127.0.0.1:1'],
    site: 'office',
    credentialLifeMs: dayMs,
    heartbeatMs: 30_000
  })
  close = async () => {
    await whole.close()
    await database.close()
    await rm(folder, { recursive: true })
  }
})
afterEach(() => close())

async function newTicket(uses = 1, group?: string): Promise<{ id: string; secret: string }> {
  const request = { role: 'agent', uses, expiresInMs: dayMs, group } as const
  const { ticket, view } = await enrolment.createTicket(request, byItself('ticket.create'))
  return { id: view.id, secret: parseTicket(ticket).secret }
}

it('an agent is moved if and only if the audit log says so', async () => {
  const { secret } = await newTicket()
  const agent = createIdentity().agentId
  await enrolment.enrol(agent, { secret, version: '1' }, '192.0.2.1')
  const by = byItself('agent.move')
  await enrolment.move(agent, { site: 'hall', group: 'pilots' }, by)
  isAuditBroken = true
  await expect(enrolment.move(agent, { site: 'yard', group: null }, by)).rejects.toThrow('no entry')
  expect(await store.agent(agent)).toMatchObject({ site: 'hall', group: 'pilots' })
})

it('a ticket for no site leaves an agent at the site that was named for it, and one for a site says another', async () => {
  const agent = createIdentity().agentId
  const enrol = async (site?: string): Promise<unknown[]> => {
    const request = {
      role: 'agent',
      uses: 1,
      expiresInMs: dayMs,
      ...(site === undefined ? {} : { site })
    } as const
    const { ticket } = await enrolment.createTicket(request, byItself('ticket.create'))
    const { secret } = parseTicket(ticket)
    const credential = await enrolment.enrol(agent, { secret, version: '1' }, '192.0.2.1')
    return [credential.site, (await queries.one(agent))?.placedBy]
  }
  expect(await enrol()).toEqual(['office', 'definitions'])
  await enrolment.place(agent, 'yard', 'its network')
  expect(await enrol()).toEqual(['yard', 'definitions'])
  await enrolment.move(agent, { site: 'hall' }, byItself('agent.move'))
  expect(await enrol()).toEqual(['hall', 'name'])
  expect(await enrol('lab')).toEqual(['lab', 'name'])
  await enrolment.move(agent, { group: 'pilots' }, byItself('agent.move'))
  await enrolment.move(agent, { site: null }, byItself('agent.move'))
  expect(await enrol()).toEqual(['lab', 'definitions'])
  const said = (await audit.page({ count: 20, action: 'agent.move' })).map(({ detail }) => detail)
  expect(said).toEqual(['wherever the site definitions find it', 'group pilots', 'to site hall'])
})

it('a machine that is set up anew has the site of its old self in its first credential', async () => {
  const machine = 'a'.repeat(64)
  const enrol = async (agent: string) =>
    await enrolment.enrol(agent, { secret: (await newTicket()).secret, version: '1', machine }, '192.0.2.1')
  const [old, young] = [createIdentity().agentId, createIdentity().agentId]
  await enrol(old)
  await enrolment.move(old, { site: 'hall', group: 'pilots' }, byItself('agent.move'))
  now += dayMs
  expect((await enrol(young)).site).toBe('hall')
  expect(await queries.one(young)).toMatchObject({ site: 'hall', placedBy: 'name', group: 'pilots' })
  // It is known by now: what was said of it since stays, though the same hardware says another thing.
  await enrolment.move(young, { site: null, group: null }, byItself('agent.move'))
  const clone = createIdentity().agentId
  await enrol(clone)
  await enrolment.move(clone, { site: 'yard', group: 'others' }, byItself('agent.move'))
  await enrol(young)
  expect(await queries.one(young)).toMatchObject({ site: 'hall', placedBy: 'definitions', group: null })
})

it('a site gives back whom it was named for, all at once and with one audit entry', async () => {
  const agents = [createIdentity().agentId, createIdentity().agentId]
  const { secret } = await newTicket(2)
  for (const agent of agents) {
    await enrolment.enrol(agent, { secret, version: '1' }, '192.0.2.1')
    await enrolment.move(agent, { site: 'hall' }, byItself('agent.move'))
  }
  expect(await enrolment.release('hall', byItself('site.release'))).toBe(2)
  for (const agent of agents) {
    expect(await queries.one(agent)).toMatchObject({ site: 'hall', placedBy: 'definitions' })
    await enrolment.place(agent, 'yard', 'its network')
  }
  const entries = await audit.page({ count: 20, action: 'site.release' })
  expect(entries).toMatchObject([{ target: 'hall', detail: expect.stringMatching(/^2 agent/) as string }])
})

it('a gateway is not given to the site definitions, which find agents only', async () => {
  const request = { role: 'gateway', uses: 1, expiresInMs: dayMs } as const
  const { ticket } = await enrolment.createTicket(request, byItself('ticket.create'))
  const gateway = createIdentity().agentId
  await enrolment.enrol(gateway, { secret: parseTicket(ticket).secret, version: '1' }, '192.0.2.1')
  await expect(enrolment.move(gateway, { site: null }, byItself('agent.move'))).rejects.toMatchObject({
    code: 'bad-body'
  })
})

it('who was revoked is on the list until its credential is long expired, and never gets another', async () => {
  const { secret } = await newTicket()
  const agent = createIdentity().agentId
  await enrolment.enrol(agent, { secret, version: '1' }, '192.0.2.1')
  await enrolment.revoke(agent, 'lost', byItself('agent.revoke'))
  now += 38 * dayMs
  await enrolment.shortenRevocations()
  const before = await enrolment.revocationsSince(-1)
  expect(before?.agents).toEqual([agent])
  now += 2 * dayMs
  await enrolment.shortenRevocations()
  const after = await enrolment.revocationsSince(before!.version)
  expect(after?.agents).toEqual([])
  await expect(enrolment.member(agent)).rejects.toMatchObject({ code: 'revoked' })
  const again = { secret: (await newTicket()).secret, version: '1' }
  await expect(enrolment.enrol(agent, again, '192.0.2.1')).rejects.toMatchObject({ code: 'revoked' })
})

it('of a thousand machines that are set up anew and join at once, none is there twice and none is left out', async () => {
  const count = 1000
  async function joinAll(group?: string): Promise<string[]> {
    const { secret } = await newTicket(count, group)
    const agents = Array.from({ length: count }, () => createIdentity().agentId)
    await Promise.all(
      agents.map((agent, index) =>
        enrolment.enrol(
          agent,
          { secret, version: '1', machine: index.toString(16).padStart(64, '0') },
          '10.0.0.1'
        )
      )
    )
    return agents.sort()
  }
  const old = await joinAll('pilots')
  now += dayMs
  const young = await joinAll()
  const agents = await store.agents()
  expect(agents.map(({ agent }) => agent)).toEqual(young)
  expect(new Set(agents.map(({ group }) => group))).toEqual(new Set(['pilots']))
  expect([...online].sort()).toEqual(young)
  expect([...(await store.revocations()).agents].sort()).toEqual(old)
}, 60_000)

it('who is revoked while it joins gets nothing, and its ticket is not used up', async () => {
  const { agentId: agent } = createIdentity()
  const first = await newTicket()
  await enrolment.enrol(agent, { secret: first.secret, version: '1' }, '10.0.0.1')
  const { id, secret } = await newTicket()
  meanwhile = () => enrolment.revoke(agent, 'stolen', byItself('agent.revoke'))
  await expect(enrolment.enrol(agent, { secret, version: '1' }, '10.0.0.1')).rejects.toMatchObject({
    code: 'revoked'
  })
  expect([...online]).toEqual([])
  expect(await credentials()).toBe(1)
  const uses = new Map((await enrolment.tickets()).map(ticket => [ticket.id, ticket.uses]))
  expect(uses).toEqual(
    new Map([
      [first.id, 1],
      [id, 0]
    ])
  )
})

it('nobody joins with a ticket that was revoked, not even who has shown it already', async () => {
  const { id, secret } = await newTicket(5)
  meanwhile = () => enrolment.revokeTicket(id, byItself('ticket.revoke'))
  const joining = enrolment.enrol(createIdentity().agentId, { secret, version: '1' }, '10.0.0.1')
  await expect(joining).rejects.toMatchObject({ code: 'ticket-expired' })
  await expect(enrolment.revokeTicket(id, byItself('ticket.revoke'))).rejects.toMatchObject({
    code: 'unknown-ticket'
  })
})

it('the audit log knows from where a machine joined, and whose place it took, then or later', async () => {
  const [old, young] = [createIdentity().agentId, createIdentity().agentId]
  const { secret } = await newTicket(2)
  const request = { secret, version: '1', machine: 'f'.repeat(64) }
  await enrolment.enrol(old, request, '10.0.0.1')
  now += 60_000
  await enrolment.enrol(young, request, '10.0.0.2')
  const [joined] = await audit.page({ count: 1 })
  expect(joined).toMatchObject({ kind: 'agent', actor: young, action: 'agent.enrol', address: '10.0.0.2' })
  await enrolment.supersede()
  expect(await audit.page({ count: 1 })).toEqual([joined])
  now += 120_000
  await enrolment.supersede()
  const [last] = await audit.page({ count: 1 })
  expect(last).toMatchObject({ action: 'agent.supersede', detail: `${young} is in place of ${old}` })
})

it('who asks for a credential all the time fills no table', async () => {
  const { agentId: agent } = createIdentity()
  const { secret } = await newTicket()
  const { serial } = await enrolment.enrol(agent, { secret, version: '1' }, '10.0.0.1')
  const member = await enrolment.member(agent)
  for (let n = 0; n < 50; n++) {
    expect(await enrolment.renew(member)).toMatchObject({ serial })
    expect(await enrolment.renewIfDue(member, 0)).toMatchObject({ serial })
  }
  expect(await credentials()).toBe(1)
  now += 60_000
  expect((await enrolment.renew(member)).serial).toBeGreaterThan(serial)
})
