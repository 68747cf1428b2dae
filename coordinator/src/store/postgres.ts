/**
 * The database on a PostgreSQL that several coordinators share. Queries go through a pool; when the server is away they
 * fail with `store-away` within seconds, and the pool makes new connections when it is back.
 */
import { StarlingError, assert, messageOf } from '@starling/shared/errors.ts'
import { secondMs, type Millis } from '@starling/shared/units.ts'
import { CamelCasePlugin, Kysely, sql } from 'kysely'
import { Pool, types, type ClientConfig } from 'pg'
import type { Log } from '../log.ts'
import { payloadBytesMax, type Database, type Notify, type Queries } from './database.ts'
import { migrate } from './migrate.ts'
import { postgresDialect } from './postgres-dialect.ts'
import { isToBeRepeated } from './postgres-errors.ts'
import { PostgresLine } from './postgres-line.ts'
import type { Tables } from './tables.ts'
import { Timings } from './timings.ts'

export interface PostgresPlace {
  /** `postgres://user@host:port/database`, as libpq writes it. */
  readonly url: string
  readonly password?: string | undefined
  /** How often the line for listening and leading is asked whether it works. */
  readonly beatMs?: Millis | undefined
  /** How long a query may go without an answer; the server ends it sooner by itself, when it still speaks. */
  readonly answerMsMax?: Millis | undefined
}

/** A site of 20,000 agents needs about two at a time; ten take a burst, and leave room for other coordinators. */
const connectionsMax = 10
const connectMsMax: Millis = 5 * secondMs
/** Longer than anything that a coordinator asks; what takes longer waits for a lock that does not come. */
const statementMsMax: Millis = 20 * secondMs
/** The server's own word comes first, when it still speaks. */
const answerMsMaxDefault: Millis = statementMsMax + 5 * secondMs
const triesMax = 5

/** https://www.postgresql.org/docs/current/catalog-pg-type.html: what pg would hand over as text or as Buffer. */
const [bigintOid, numericOid, byteaOid] = [20, 1700, 17]

/** @throws StarlingError `store-away`, `store-refused`, `store-newer`, `bad-config` */
export async function openPostgres(place: PostgresPlace, log: Log): Promise<Database> {
  const { config, called } = connectionOf(place)
  const pool = new Pool({
    ...config,
    max: connectionsMax,
    connectionTimeoutMillis: connectMsMax,
    statement_timeout: statementMsMax,
    idle_in_transaction_session_timeout: statementMsMax,
    query_timeout: place.answerMsMax ?? answerMsMaxDefault
  })
  // A connection that breaks while nobody uses it is nobody's error; the next query has another.
  pool.on('error', error => {
    log.debug({ why: messageOf(error) }, 'an idle connection to the database broke')
  })
  const timings = new Timings()
  const db = new Kysely<Tables>({
    dialect: postgresDialect(pool, called),
    plugins: [new CamelCasePlugin()],
    log: timings.note
  })
  try {
    await migrate(db, 'postgres', called)
  } catch (error) {
    await db.destroy()
    throw error
  }
  const line = new PostgresLine(config, log, place.beatMs)
  let isClosed = false
  return {
    kind: 'postgres',
    db,
    notify: notifyOver(db),
    timings,
    async sizeBytes() {
      const { rows } = await sql<{
        bytes: number
      }>`SELECT pg_database_size(current_database()) AS bytes`.execute(db)
      return rows[0]?.bytes ?? 0
    },
    async transaction(work) {
      for (let tries = 1; ; tries++) {
        try {
          return await timings.transaction(() =>
            db.transaction().execute(transaction => work(transaction, notifyOver(transaction)))
          )
        } catch (error) {
          if (!isToBeRepeated(error) || tries === triesMax) throw error
        }
      }
    },
    listen: (channel, handler) => line.listen(channel, handler),
    leader: (name, onLeader) => line.leader(name, onLeader),
    async close() {
      if (isClosed) return
      isClosed = true
      await line.close()
      await db.destroy()
    }
  }
}

function notifyOver(db: Queries): Notify {
  return async (channel, payload) => {
    assert(Buffer.byteLength(payload) <= payloadBytesMax, 'a notification says what changed, not how')
    await sql`SELECT pg_notify(${channel}, ${payload})`.execute(db)
  }
}

function connectionOf({ url, password }: PostgresPlace): {
  readonly config: ClientConfig
  readonly called: string
} {
  if (!/^postgres(ql)?:\/\//.test(url) || !URL.canParse(url.replace('@/', '@localhost/'))) {
    throw new StarlingError(
      'bad-config',
      'the database is given as postgres://user@host:5432/name (or postgres://user@/name?host=/var/run/postgresql)'
    )
  }
  // pg takes a password among the options, too, and there it works without a host.
  const secret =
    password === undefined ? '' : `${url.includes('?') ? '&' : '?'}password=${encodeURIComponent(password)}`
  return {
    config: {
      connectionString: url + secret,
      application_name: 'starling-coordinator',
      keepAlive: true,
      types: {
        getTypeParser: (oid: number, format?: 'text' | 'binary') => {
          if (oid === bigintOid || oid === numericOid) return Number
          const parse: (text: string) => unknown = types.getTypeParser(oid, format as 'text')
          return oid === byteaOid ? (text: string) => new Uint8Array(parse(text) as Buffer) : parse
        }
      }
    },
    called: `the database ${withoutSecrets(url)}`
  }
}

/** Where it is, without who may enter: for messages and logs. */
export function withoutSecrets(url: string): string {
  return url.replace(/\?.*$/, '').replace(/^(postgres(?:ql)?:\/\/)[^/]*@/, '$1')
}
