import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { DatabaseSync } from 'node:sqlite'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { purgeLifeMs, purgesKeptMax } from '@starling/shared/purge.ts'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { AgentRecord, CoordinatorStore, TicketRecord } from '../ports.ts'
import { openSqliteStore } from './sqlite-store.ts'

let folder: string
let store: CoordinatorStore
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'starling-store-'))
  store = openSqliteStore(folder)
})
afterEach(async () => {
  await store.close()
  await rm(folder, { recursive: true, force: true })
})

const agent: AgentRecord = {
  agent: 'a',
  site: 'office',
  role: 'agent',
  version: '1',
  enrolledAt: 5,
  lastHeardAt: null,
  revokedAt: null
}
const ticket: TicketRecord = {
  id: 't',
  secretHash: new Uint8Array([1, 2]),
  site: 'office',
  role: 'agent',
  usesMax: 2,
  createdAt: 1,
  expiresAt: 100
}

async function reopen(): Promise<void> {
  await store.close()
  store = openSqliteStore(folder)
}

describe("the coordinator's store", () => {
  it('keeps everything over a restart', async () => {
    await store.putAgent(agent)
    await store.heard('a', 9, '2')
    await store.createTicket(ticket)
    await store.useTicket('t', 'a', 6)
    expect(await store.issueSerial({ agent: 'a', at: 6, notAfter: 60 })).toBe(1)
    await store.note({ at: 6, kind: 'enrolled', agent: 'a', detail: 'x' })
    await reopen()
    expect(await store.agents()).toEqual([{ ...agent, version: '2', lastHeardAt: 9 }])
    expect(await store.tickets()).toEqual([{ ...ticket, uses: 1 }])
    expect(await store.issueSerial({ agent: 'a', at: 7, notAfter: 70 })).toBe(2)
    expect(await store.events(5)).toEqual([{ at: 6, kind: 'enrolled', agent: 'a', detail: 'x' }])
  })

  it('counts the machines that used a ticket, each once', async () => {
    await store.createTicket(ticket)
    expect(await store.useTicket('t', 'a', 1)).toBe('used')
    expect(await store.useTicket('t', 'a', 2)).toBe('used')
    expect(await store.useTicket('t', 'b', 3)).toBe('used')
    expect(await store.useTicket('t', 'c', 4)).toBe('exhausted')
    expect(await store.useTicket('nobody', 'c', 4)).toBe('exhausted')
    await store.pruneTickets(100)
    expect(await store.tickets()).toHaveLength(1)
    await store.pruneTickets(101)
    expect(await store.tickets()).toEqual([])
  })

  it('revokes for good, and the version of the list grows', async () => {
    await store.putAgent(agent)
    await store.putAgent({ ...agent, agent: 'b' })
    expect(await store.revocations()).toEqual({ version: 0, agents: [] })
    expect(await store.revoke('b', 7, 'lost')).toBe(true)
    expect(await store.revoke('b', 8, 'again')).toBe(false)
    await store.putAgent({ ...agent, agent: 'b' })
    expect(await store.revocations()).toEqual({ version: 1, agents: ['b'] })
    await store.revoke('a', 9, '')
    expect(await store.revocations()).toEqual({ version: 2, agents: ['a', 'b'] })
  })
})

describe('purges', () => {
  const purge = (id: string, purgedAt: number) =>
    store.purge({ target: { kind: 'class', id }, purgedAt }, 'why')

  it('are told by number, some at a time, over a restart', async () => {
    expect(await store.purgesAfter(0, 9)).toEqual({ version: 0, list: [] })
    for (const [at, id] of ['a', 'b', 'c'].entries()) expect(await purge(id, at)).toBe(at + 1)
    await reopen()
    const { version, list } = await store.purgesAfter(1, 1)
    expect([version, list]).toEqual([3, [{ number: 2, kind: 'class', target: 'b', purgedAt: 1 }]])
    expect((await store.purgesAfter(3, 9)).list).toEqual([])
  })

  it('are forgotten when nothing from before them can count any more, and when there are too many', async () => {
    await purge('old', 0)
    await purge('new', purgeLifeMs + 1)
    expect((await store.purgesAfter(0, 9)).list.map(({ target }) => target)).toEqual(['new'])
    // One by one they would be synced to the disk a thousand times.
    await store.close()
    const db = new DatabaseSync(join(folder, 'coordinator.db'))
    db.exec(`WITH RECURSIVE n (i) AS (SELECT 3 UNION ALL SELECT i + 1 FROM n WHERE i < ${purgesKeptMax + 1})
      INSERT INTO purges SELECT i, ${purgeLifeMs + 1}, 'class', 'c' || i, '' FROM n`)
    db.close()
    store = openSqliteStore(folder)
    await purge('last', purgeLifeMs + 1)
    const { version, list } = await store.purgesAfter(0, 2 * purgesKeptMax)
    expect([version, list.length, list[0]?.target]).toEqual([purgesKeptMax + 2, purgesKeptMax, 'c3'])
  })
})

describe('a database', () => {
  it('has one owner', () => {
    expect(() => openSqliteStore(folder)).toThrow(expect.objectContaining({ code: 'store-locked' }))
  })

  it('of a newer version, or damaged, is left alone and said to be so', async () => {
    await store.close()
    const db = new DatabaseSync(join(folder, 'coordinator.db'))
    db.exec('PRAGMA user_version = 999')
    db.close()
    expect(() => openSqliteStore(folder)).toThrow(expect.objectContaining({ code: 'store-newer' }))
    await rm(join(folder, 'coordinator.db'))
    await writeFile(
      join(folder, 'coordinator.db'),
      'this is no database, and long enough to be looked at'.repeat(100)
    )
    expect(() => openSqliteStore(folder)).toThrow(expect.objectContaining({ code: 'store-damaged' }))
    await rm(join(folder, 'coordinator.db'))
    store = openSqliteStore(folder)
  })
})
