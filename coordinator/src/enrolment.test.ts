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

it('of a thousand machines that are set up anew and join at once, none is there twice and none is left out', async () => {
  const log = createLog('silent')
  const folder = await mkdtemp(join(tmpdir(), 'starling-enrolment-'))
  const database = await openDatabase({ folder }, log)
  const store = createStore(database, log)
  let now = 1_000_000_000_000
  const clock = () => now
  const online = new Set<string>()
  const audit = await openAudit(database, await openSecrets(database, createSealingKey(), clock), clock)
  const enrolment = createEnrolment({
    store,
    cached: store,
    change: createChange(database, audit),
    authority: createAuthority(await loadAuthorityKeys(folder)),
    fleet: { enrolled: agent => void online.add(agent), revoked: agent => void online.delete(agent) },
    clock,
    addresses: () => ['https://127.0.0.1:1'],
    site: 'office',
    credentialLifeMs: dayMs,
    heartbeatMs: 30_000
  })
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
    now += dayMs
    const young = await joinAll()
    const agents = await store.agents()
    expect(agents.map(({ agent }) => agent)).toEqual(young)
    expect(new Set(agents.map(({ group }) => group))).toEqual(new Set(['pilots']))
    expect([...online].sort()).toEqual(young)
    expect([...(await store.revocations()).agents].sort()).toEqual(old)
  } finally {
    await store.close()
    await database.close()
    await rm(folder, { recursive: true })
  }
}, 60_000)
