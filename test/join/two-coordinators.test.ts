/** Two coordinators of one fleet on one PostgreSQL: what one has done, the other knows. */
import { copyFile, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { membershipFileName } from '@starling/agent/coordinator-link/membership.ts'
import { masterKeyFileName } from '@starling/coordinator/master-key.ts'
import { formatTicket, parseTicket } from '@starling/shared/ticket.ts'
import { minuteMs } from '@starling/shared/units.ts'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { findPostgres, startPostgres, type Postgres } from '../doubles/postgres.ts'
import { createJoinLab } from './lab.ts'

const lab = createJoinLab()
const programs = findPostgres()

// contracts/coordinator-store.test.ts says how to get it, and fails in CI without.
describe.skipIf(programs === null)('two coordinators on one PostgreSQL', { timeout: 30_000 }, () => {
  let postgres: Postgres
  beforeAll(async () => {
    postgres = await startPostgres(programs!)
  }, 60_000)
  afterEach(() => lab.end())
  afterAll(() => postgres.close())

  it('let in, count and revoke together', async () => {
    const database = { url: await postgres.createDatabase() }
    const [data, otherData] = [await lab.folder(), await lab.folder()]
    const one = await lab.coordinator({ data, database })
    for (const file of ['fleet.key', masterKeyFileName])
      await copyFile(join(data, file), join(otherData, file))
    const other = await lab.coordinator({ data: otherData, database, heartbeatMs: minuteMs })
    expect([other.fleet, other.id === one.id]).toEqual([one.fleet, false])

    // One machine joins with the ticket at the one; nobody else may at the other.
    const ticket = await lab.ticket(one)
    const atOther = formatTicket({
      ...parseTicket(ticket),
      coordinator: other.id,
      addresses: other.addresses
    })
    const agent = await lab.agent(ticket)
    await agent.link.prepare()
    const second = await lab.agent(null)
    await expect(second.link.join(atOther)).rejects.toMatchObject({ code: 'ticket-used' })

    // It lost its answer and tries the other: there it is the same machine, and is seen.
    const again = await lab.agent(atOther, { identity: agent.identity })
    await again.link.prepare()
    await again.link.start()
    await vi.waitFor(async () => {
      expect(await other.status()).toMatchObject({ agents: 1, online: 1 })
    })

    await one.enrolment.revoke(agent.identity.agentId, 'lost')
    await vi.waitFor(async () => {
      expect(await other.status()).toMatchObject({ agents: 0, online: 0, revoked: 1 })
    })
  })

  it('are told to agents, so that one whose coordinator is gone goes on at the other', async () => {
    const database = { url: await postgres.createDatabase() }
    const [data, otherData] = [await lab.folder(), await lab.folder()]
    const one = await lab.coordinator({ data, database })
    for (const file of ['fleet.key', masterKeyFileName])
      await copyFile(join(data, file), join(otherData, file))
    const agent = await lab.agent(await lab.ticket(one))
    await agent.link.prepare()
    await agent.link.start()
    // It comes later: the heartbeats tell of it.
    const other = await lab.coordinator({ data: otherData, database })
    await vi.waitFor(async () => {
      expect(await readFile(join(agent.folder, membershipFileName), 'latin1')).toContain(other.id)
    })
    expect((await other.status()).online).toBe(0)
    await one.stop()
    await vi.waitFor(async () => {
      expect((await other.status()).online).toBe(1)
    })
    expect(agent.link.state().kind).toBe('connected')
  })

  it('must be of one fleet', async () => {
    const database = { url: await postgres.createDatabase() }
    const [data, otherData] = [await lab.folder(), await lab.folder()]
    await lab.coordinator({ data, database })
    await copyFile(join(data, masterKeyFileName), join(otherData, masterKeyFileName))
    await expect(lab.coordinator({ data: otherData, database })).rejects.toMatchObject({
      code: 'store-other-fleet'
    })
  })
})
