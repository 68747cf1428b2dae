import { spawnSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { sql } from 'kysely'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createLog } from '../log.ts'
import { agentStore } from './agents.ts'
import type { Database } from './database.ts'
import { openDatabase } from './open.ts'
import { purgeStore } from './purges.ts'
import { releasedSchemas } from './released-schemas.fixture.ts'
import { ticketStore } from './tickets.ts'

const log = createLog('silent')
let folder: string
let path: string
let opened: Database[] = []
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'starling-store-'))
  path = join(folder, 'coordinator.db')
})
afterEach(async () => {
  for (const database of opened) await database.close()
  opened = []
  await rm(folder, { recursive: true, force: true })
})

async function open(): Promise<Database> {
  const database = await openDatabase({ folder }, log)
  opened.push(database)
  return database
}

function writeBy(work: (db: DatabaseSync) => void): void {
  const db = new DatabaseSync(path)
  work(db)
  db.close()
}

describe('a database file', () => {
  it('has one owner', async () => {
    await open()
    await expect(open()).rejects.toMatchObject({ code: 'store-locked' })
  })

  it('of a newer version, or damaged, is left alone and said to be so', async () => {
    await (await open()).close()
    writeBy(db => {
      db.exec('PRAGMA user_version = 999')
    })
    await expect(open()).rejects.toMatchObject({ code: 'store-newer' })
    await rm(path)
    await writeFile(path, 'this is no database, and long enough to be looked at'.repeat(100))
    await expect(open()).rejects.toMatchObject({ code: 'store-damaged' })
  })

  it('keeps nobody waiting but who asks it', async () => {
    const { db } = await open()
    const counted = sql<{ most: number }>`WITH RECURSIVE numbers (n) AS
      (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 1000000) SELECT max(n) AS most FROM numbers`
    let isAnswered = false
    const answer = counted.execute(db).finally(() => void (isAnswered = true))
    let turns = 0
    for (; !isAnswered; turns++) await nextTurn()
    expect((await answer).rows).toEqual([{ most: 1_000_000 }])
    // In the thread that asks, the answer would be there before the first turn ends.
    expect(turns).toBeGreaterThan(10)
  })

  it('is on the disk before anybody hears that something was done', async () => {
    const { db } = await open()
    const full = 2
    expect((await sql`PRAGMA synchronous`.execute(db)).rows).toEqual([{ synchronous: full }])
    expect((await sql`PRAGMA journal_mode`.execute(db)).rows).toEqual([{ journalMode: 'wal' }])
  })

  it('that is closed during a query answers it first, then closes, and answers nothing more', async () => {
    // In a process of its own, that nothing else keeps there.
    const program = join(folder, 'close.mjs')
    const sqliteFile = new URL('./sqlite-file.ts', import.meta.url).href
    await writeFile(
      program,
      `import { openSqliteFile } from ${JSON.stringify(sqliteFile)}
      const file = await openSqliteFile(${JSON.stringify(path)})
      await file.ask('BEGIN', [])
      const asked = file.ask('SELECT sum(value) AS sum FROM json_each(?)', [JSON.stringify(Array(30_000).fill(10))])
      const closing = file.close()
      console.log((await asked).rows[0].sum)
      await closing
      console.log(await file.ask('COMMIT', []).catch(error => error.message))`
    )
    const { stdout, status } = spawnSync(process.execPath, [program], { encoding: 'utf8' })
    expect([stdout, status]).toEqual(['300000\nthe database is closed\n', 0])
  })

  it('answers more different statements than it keeps prepared', async () => {
    const { db } = await open()
    for (let width = 1; width <= 320; width++) {
      const names = Array.from({ length: width }, (_, index) => `a${index}`)
      expect(await db.selectFrom('agents').select('agent').where('agent', 'in', names).execute()).toEqual([])
    }
  })
})

describe.each([1, 2] as const)('a database of schema %i, as 0.1.0 wrote it', version => {
  it('is brought forward with all that is in it', async () => {
    writeBy(db => {
      for (const schema of releasedSchemas.slice(0, version)) db.exec(schema)
      db.exec(`PRAGMA user_version = ${version};
        INSERT INTO agents VALUES ('a', 'office', 'agent', '0.1.0', 5, 6, NULL, NULL),
          ('b', 'office', 'gateway', '0.1.0', 5, NULL, 7, 'lost'), ('c', 'office', 'agent', '0.1.0', 5, NULL, 8, '');
        INSERT INTO tickets VALUES ('t', x'0100ff', 'office', 'agent', 2, 1, 100);
        INSERT INTO ticket_uses VALUES ('t', 'a', 5);
        INSERT INTO credentials (agent, issued_at, not_after) VALUES ('a', 5, 50), ('b', 5, 50);`)
      if (version > 1) {
        db.exec(`INSERT INTO purges (number, purged_at, kind, target, reason)
          VALUES (41, 1, 'class', 'x', ''), (42, 2, 'key', 'y', '')`)
      }
    })
    const database = await open()
    const agents = agentStore(database, log)
    expect(
      (await agents.agents()).map(({ agent, lastHeardAt, revokedAt }) => [agent, lastHeardAt, revokedAt])
    ).toEqual([
      ['a', 6, null],
      ['b', null, 7],
      ['c', null, 8]
    ])
    expect(await agents.revocations()).toEqual({ version: 2, agents: ['b', 'c'] })
    await agents.revoke('a', 9, '')
    expect((await agents.revocations()).version).toBe(9)
    const tickets = ticketStore(database)
    expect(await tickets.tickets()).toMatchObject([
      { id: 't', secretHash: new Uint8Array([1, 0, 255]), uses: 1 }
    ])
    expect(await tickets.issueSerial({ agent: 'a', at: 6, notAfter: 60 })).toBe(3)
    const purged = await purgeStore(database).purge({ target: { kind: 'class', id: 'z' }, purgedAt: 3 }, '')
    expect(purged).toBe(version > 1 ? 43 : 1)
    await agents.close()
  })
})
