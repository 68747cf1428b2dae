/** What only a PostgreSQL can do to its coordinators: go away, come back, refuse, and be shared by several. */
import { once } from 'node:events'
import { createLog } from '@starling/coordinator/log.ts'
import { agentStore } from '@starling/coordinator/store/agents.ts'
import type { Database } from '@starling/coordinator/store/database.ts'
import { openDatabase } from '@starling/coordinator/store/open.ts'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { findPostgres, startPostgres, type Postgres } from '../doubles/postgres.ts'
import { hearing } from './coordinator-store/hearing.ts'

const log = createLog('silent')
const programs = findPostgres()

describe.skipIf(programs === null)('a PostgreSQL', { timeout: 30_000 }, () => {
  let postgres: Postgres
  let url: string
  let opened: Database[]
  beforeAll(async () => {
    postgres = await startPostgres(programs!)
  }, 60_000)
  afterAll(() => postgres.close())
  beforeEach(async () => {
    opened = []
    url = await postgres.createDatabase()
  })
  afterEach(async () => {
    for (const database of opened) await database.close()
  })
  async function open(more: { url?: string; password?: string } = {}): Promise<Database> {
    const database = await openDatabase({ url, beatMs: 20, ...more }, log)
    opened.push(database)
    return database
  }
  const askNothing = (database: Database) => database.db.selectFrom('facts').selectAll().execute()

  it('that is away says so at once, and works again when it is back, with nothing lost that was kept', async () => {
    const database = await open()
    const agents = agentStore(database, log)
    await agents.putAgent({
      agent: 'a',
      site: 's',
      role: 'agent',
      group: null,
      version: '1',
      enrolledAt: 1,
      lastHeardAt: null,
      revokedAt: null
    })
    const heard: Array<string | null> = []
    const told = hearing(heard)
    database.listen('news', told.handler)
    const leading = leaderships(database, 'work')
    const until = await leading.next()
    await told.until(1)

    await postgres.stop()
    for (let times = 0; times < 3; times++) {
      await expect(askNothing(database)).rejects.toMatchObject({ code: 'store-away' })
      await expect(agents.revoke('a', 2, '')).rejects.toMatchObject({ code: 'store-away' })
    }
    await expect(open()).rejects.toMatchObject({ code: 'store-away' })
    if (!until.aborted) await once(until, 'abort')
    await agents.heard('a', 7, '2')
    await agents.flush()
    await agents.heard('a', 8, '3')

    await postgres.start()
    expect(await askNothing(database)).toEqual([])
    expect((await leading.next()).aborted).toBe(false)
    await told.until(2)
    await database.notify('news', 'back')
    await told.until(3)
    expect(heard).toEqual([null, null, 'back'])
    expect(await agents.agents()).toMatchObject([{ lastHeardAt: 8, version: '3', revokedAt: null }])
    await agents.close()
  })

  it('that ends the connection in the middle of a transaction has done nothing of it', async () => {
    const database = await open()
    const broken = database.transaction(async transaction => {
      await transaction.insertInto('facts').values({ name: 'n', value: 'v' }).execute()
      await postgres.ask(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE state = 'idle in transaction'"
      )
      await transaction.insertInto('facts').values({ name: 'm', value: 'v' }).execute()
    })
    await expect(broken).rejects.toMatchObject({ code: 'store-away' })
    expect(await askNothing(database)).toEqual([])
  })

  it('that does not let us in is told from one that is away, without the password', async () => {
    await postgres.ask('CREATE ROLE reader LOGIN')
    const nobody = postgres.url('postgres', 'nobody').replace('nobody@', 'nobody:geheim@')
    const nowhere = postgres.url('nowhere')
    for (const [place, password] of [
      [nobody],
      [nowhere, 'geheim'],
      [url.replace('starling@', 'reader@')]
    ] as const) {
      const refused = open({ url: place, ...(password === undefined ? {} : { password }) })
      await expect(refused).rejects.toMatchObject({ code: 'store-refused' })
      await expect(refused).rejects.not.toThrow(/geheim/)
    }
  })

  it('is made ready once by coordinators that start together, and left alone when it is of a newer version', async () => {
    await Promise.all([open(), open(), open()])
    const name = /\/(test_\d+)/.exec(url)?.[1] ?? ''
    await postgres.ask('UPDATE starling_schema SET version = 999', name)
    await expect(open()).rejects.toMatchObject({ code: 'store-newer' })
  })

  it('has one leader at a time: the next when it lets go, and when its connection dies', async () => {
    const databases = [await open(), await open(), await open()]
    const leading: AbortSignal[] = []
    let isNew = Promise.withResolvers<AbortSignal>()
    for (const database of databases) {
      database.leader('work', until => {
        expect(leading.every(({ aborted }) => aborted)).toBe(true)
        leading.push(until)
        isNew.resolve(until)
      })
    }
    for (let times = 0; times < 4; times++) {
      const until = await isNew.promise
      isNew = Promise.withResolvers()
      await postgres.ask("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'")
      if (!until.aborted) await once(until, 'abort')
    }
    const last = await isNew.promise
    isNew = Promise.withResolvers()
    for (const database of databases) {
      if (last.aborted) break
      await database.close()
    }
    if (databases.length > 1) expect(last.aborted).toBe(true)
  })

  it('carries what one coordinator says to the others', async () => {
    const [one, other] = [await open(), await open()]
    const heard: Array<string | null> = []
    const told = hearing(heard)
    other.listen('revocations', told.handler)
    await told.until(1)
    const agents = agentStore(one, log)
    const record = {
      site: 's',
      role: 'agent',
      group: null,
      version: '1',
      enrolledAt: 1,
      lastHeardAt: null,
      revokedAt: null
    } as const
    await agents.putAgent({ agent: 'a', ...record })
    await agents.revoke('a', 1, '')
    await told.until(2)
    expect(heard).toEqual([null, '1'])
    await agents.close()
  })
})

/** The leaderships of a database, one after another. */
function leaderships(database: Database, name: string) {
  const came: AbortSignal[] = []
  let wake = Promise.withResolvers<void>()
  database.leader(name, until => {
    came.push(until)
    wake.resolve()
  })
  return {
    async next(): Promise<AbortSignal> {
      while (came.length === 0) {
        await wake.promise
        wake = Promise.withResolvers()
      }
      return came.shift()!
    }
  }
}
