import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createIdentity } from '@starling/agent/identity/keys.ts'
import { parseTicket } from '@starling/shared/ticket.ts'
import { dayMs } from '@starling/shared/units.ts'
import { expect, it } from 'vitest'
import { createAuthority, loadAuthorityKeys } from './authority.ts'
import { byItself } from './by.ts'
import { createEnrolment } from './enrolment.ts'
import { createLog } from './log.ts'
import { openAudit } from './store/audit.ts'
import { createChange } from './store/change.ts'
import { openDatabase } from './store/open.ts'
import { openSecrets } from './store/secrets.ts'
import { createStore } from './store/store.ts'
import { createSealingKey } from './sealing.ts'

interface Lab {
  readonly store: ReturnType<typeof createStore>
  readonly enrolment: ReturnType<typeof createEnrolment>
  readonly online: Set<string>
  /** Makes what is changed from now on fail at its end, where the audit entry is written. */
  breakAudit(): void
  pass(ms: number): void
  end(): Promise<void>
}

async function openLab(): Promise<Lab> {
  const log = createLog('silent')
  const folder = await mkdtemp(join(tmpdir(), 'starling-enrolment-'))
  const database = await openDatabase({ folder }, log)
  const store = createStore(database, log)
  let now = 1_000_000_000_000
  const clock = () => now
  const online = new Set<string>()
  const secrets = await openSecrets(database, createSealingKey(), clock)
  const audit = await openAudit(database, secrets, clock)
  let isBroken = false
  const append: typeof audit.append = async (within, deed) => {
    if (isBroken) throw new Error('no entry')
    await audit.append(within, deed)
  }
  const enrolment = createEnrolment({
    store,
    cached: store,
    change: createChange(database, { ...audit, append }, secrets),
    authority: createAuthority(await loadAuthorityKeys(folder)),
    fleet: { enrolled: agent => void online.add(agent), revoked: agent => void online.delete(agent) },
    clock,
    addresses: () => ['https://127.0.0.1:1'],
    site: 'office',
    credentialLifeMs: dayMs,
    heartbeatMs: 30_000
  })
  return {
    store,
    enrolment,
    online,
    breakAudit: () => (isBroken = true),
    pass: ms => void (now += ms),
    async end() {
      await store.close()
      await database.close()
      await rm(folder, { recursive: true })
    }
  }
}

it('an agent is moved if and only if the audit log says so', async () => {
  const { store, enrolment, breakAudit, end } = await openLab()
  try {
    const by = byItself('agent.move')
    const { ticket } = await enrolment.createTicket(
      { role: 'agent', uses: 1, expiresInMs: dayMs },
      byItself('ticket.create')
    )
    const agent = createIdentity().agentId
    await enrolment.enrol(agent, { secret: parseTicket(ticket).secret, version: '1' })
    await enrolment.move(agent, { site: 'hall', group: 'pilots' }, by)
    breakAudit()
    await expect(enrolment.move(agent, { site: 'yard', group: null }, by)).rejects.toThrow('no entry')
    expect(await store.agent(agent)).toMatchObject({ site: 'hall', group: 'pilots' })
  } finally {
    await end()
  }
})

it('of a thousand machines that are set up anew and join at once, none is there twice and none is left out', async () => {
  const { store, enrolment, online, pass, end } = await openLab()
  const count = 1000
  async function joinAll(group?: string): Promise<string[]> {
    const request = { role: 'agent', uses: count, expiresInMs: dayMs, group } as const
    const { ticket } = await enrolment.createTicket(request, byItself('ticket.create'))
    const { secret } = parseTicket(ticket)
    const agents = Array.from({ length: count }, () => createIdentity().agentId)
    await Promise.all(
      agents.map((agent, index) =>
        enrolment.enrol(agent, { secret, version: '1', machine: index.toString(16).padStart(64, '0') })
      )
    )
    return agents.sort()
  }
  try {
    const old = await joinAll('pilots')
    pass(dayMs)
    const young = await joinAll()
    const agents = await store.agents()
    expect(agents.map(({ agent }) => agent)).toEqual(young)
    expect(new Set(agents.map(({ group }) => group))).toEqual(new Set(['pilots']))
    expect([...online].sort()).toEqual(young)
    expect([...(await store.revocations()).agents].sort()).toEqual(old)
  } finally {
    await end()
  }
}, 60_000)
