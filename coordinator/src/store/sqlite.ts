/**
 * The database in one SQLite file. It is locked for as long as it is open, so that a second coordinator on the same
 * folder is told so at once instead of handing out the same serials.
 *
 * `synchronous` stays FULL: a revocation or a used ticket that was answered with "done" must survive a power cut.
 *
 * The one coordinator that can have the file hears what it says itself, and leads everything.
 */
import { join } from 'node:path'
import { StarlingError, assert, messageOf } from '@starling/shared/errors.ts'
import { CamelCasePlugin, Kysely, sql } from 'kysely'
import type { Log } from '../log.ts'
import { payloadBytesMax, type Database, type Notify } from './database.ts'
import { Listeners } from './listeners.ts'
import { migrate } from './migrate.ts'
import { sqliteDialect } from './sqlite-dialect.ts'
import { openSqliteFile, type SqliteFile } from './sqlite-file.ts'
import type { Tables } from './tables.ts'
import { Timings } from './timings.ts'

/** @throws StarlingError `store-locked`, `store-damaged`, `store-newer` */
export async function openSqlite(folder: string, log: Log): Promise<Database> {
  const path = join(folder, 'coordinator.db')
  const timings = new Timings()
  const db = await open(path, timings)
  const listeners = new Listeners(log)
  const leading = new Set<AbortController>()
  let isClosed = false

  // Told in a later turn, as from a database elsewhere.
  const notify: Notify = async (channel, payload) => {
    assert(Buffer.byteLength(payload) <= payloadBytesMax, 'a notification says what changed, not how')
    setImmediate(() => {
      if (!isClosed) listeners.tell(channel, payload)
    })
  }

  return {
    kind: 'sqlite',
    db,
    notify,
    timings,
    async sizeBytes() {
      const { rows } = await sql<{
        bytes: number
      }>`SELECT page_count * page_size AS bytes FROM pragma_page_count, pragma_page_size`.execute(db)
      return rows[0]?.bytes ?? 0
    },
    async transaction(work) {
      const told: Array<readonly [string, string]> = []
      const result = await timings.transaction(() =>
        db.transaction().execute(transaction =>
          work(transaction, async (channel, payload) => {
            told.push([channel, payload])
          })
        )
      )
      for (const [channel, payload] of told) await notify(channel, payload)
      return result
    },
    listen(channel, handler) {
      const stop = listeners.add(channel, handler)
      listeners.welcome(channel, handler)
      return stop
    },
    leader(_name, onLeader) {
      const until = new AbortController()
      leading.add(until)
      setImmediate(() => {
        if (!until.signal.aborted) onLeader(until.signal)
      })
      return () => {
        until.abort()
        leading.delete(until)
      }
    },
    async close() {
      if (isClosed) return
      isClosed = true
      for (const until of leading) until.abort()
      await db.destroy()
    }
  }
}

async function open(path: string, { note }: Timings): Promise<Kysely<Tables>> {
  let file: SqliteFile | undefined
  try {
    file = await openSqliteFile(path)
    const plugins = [new CamelCasePlugin()]
    const db = new Kysely<Tables>({ dialect: sqliteDialect(file), plugins, log: note })
    await migrate(db, 'sqlite', path)
    return db
  } catch (cause) {
    await file?.close()
    if (cause instanceof StarlingError) throw cause
    if (/locked|busy/i.test(messageOf(cause))) {
      throw new StarlingError(
        'store-locked',
        `${path} is in use: another coordinator runs on this data folder; stop it first, or give --data`,
        { cause }
      )
    }
    throw new StarlingError(
      'store-damaged',
      `${path} cannot be opened (${messageOf(cause)}): restore it from a backup`,
      { cause }
    )
  }
}
