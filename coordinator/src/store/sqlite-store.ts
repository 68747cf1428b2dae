/**
 * The coordinator's memory in one SQLite file (node:sqlite). The database is locked for as long as it is open, so
 * that a second coordinator on the same folder is told so at once instead of handing out the same serials.
 *
 * `synchronous` stays FULL: a revocation or a used ticket that was answered with "done" must survive a power cut.
 * Heartbeats, which need no such care, are gathered and written together.
 */
import { DatabaseSync, type SQLOutputValue } from 'node:sqlite'
import { join } from 'node:path'
import type { Role } from '@starling/shared/credential.ts'
import { StarlingError, messageOf } from '@starling/shared/errors.ts'
import type { AgentId } from '@starling/shared/ids.ts'
import { purgeLifeMs, purgesKeptMax } from '@starling/shared/purge.ts'
import { secondMs, type Millis } from '@starling/shared/units.ts'
import type { AgentRecord, CoordinatorStore, EventRecord, TicketRecord } from '../ports.ts'
import { migrations } from './schema.ts'

/** A crash forgets who was heard within this time, and the next heartbeat says it again. */
const heardFlushMs: Millis = 5 * secondMs
/** Events beyond these are forgotten: the store is no log archive. */
const eventsMax = 10_000

type Row = Record<string, SQLOutputValue>

/** @throws StarlingError `store-locked`, `store-damaged`, `store-newer` */
export function openSqliteStore(folder: string): CoordinatorStore {
  const path = join(folder, 'coordinator.db')
  const db = open(path)
  const heardSince = new Map<AgentId, { at: Millis; version: string }>()
  const flushTimer = setInterval(flushHeard, heardFlushMs)
  flushTimer.unref()

  function flushHeard(): void {
    if (heardSince.size === 0) return
    transaction(db, () => {
      const update = db.prepare('UPDATE agents SET last_heard_at = ?, version = ? WHERE agent = ?')
      for (const [agent, { at, version }] of heardSince) update.run(at, version, agent)
    })
    heardSince.clear()
  }

  return {
    async agents() {
      flushHeard()
      return db.prepare('SELECT * FROM agents ORDER BY agent').all().map(agentOf)
    },
    async agent(agent) {
      const row = db.prepare('SELECT * FROM agents WHERE agent = ?').get(agent)
      return row === undefined ? null : agentOf(row)
    },
    async putAgent({ agent, site, role, version, enrolledAt, lastHeardAt }) {
      db.prepare(`INSERT INTO agents (agent, site, role, version, enrolled_at, last_heard_at) VALUES (?, ?, ?, ?, ?, ?)
        ON CONFLICT (agent) DO UPDATE SET site = excluded.site, role = excluded.role, version = excluded.version`).run(
        agent,
        site,
        role,
        version,
        enrolledAt,
        lastHeardAt
      )
    },
    async heard(agent, at, version) {
      heardSince.set(agent, { at, version })
    },
    async createTicket({ id, secretHash, site, role, usesMax, createdAt, expiresAt }) {
      db.prepare(`INSERT INTO tickets (id, secret_hash, site, role, uses_max, created_at, expires_at)
        VALUES (?, ?, ?, ?, ?, ?, ?)`).run(id, secretHash, site, role, usesMax, createdAt, expiresAt)
    },
    async ticket(id) {
      const row = db.prepare('SELECT * FROM tickets WHERE id = ?').get(id)
      return row === undefined ? null : ticketOf(row)
    },
    async tickets() {
      return db
        .prepare(`SELECT *, (SELECT count(*) FROM ticket_uses WHERE ticket = id) AS uses
        FROM tickets ORDER BY created_at, id`)
        .all()
        .map(row => ({ ...ticketOf(row), uses: Number(row.uses) }))
    },
    async useTicket(id, agent, at) {
      return transaction(db, () => {
        if (
          db.prepare('SELECT 1 FROM ticket_uses WHERE ticket = ? AND agent = ?').get(id, agent) !== undefined
        )
          return 'used'
        const taken = db
          .prepare(`INSERT INTO ticket_uses (ticket, agent, used_at) SELECT id, ?, ? FROM tickets
          WHERE id = ? AND uses_max > (SELECT count(*) FROM ticket_uses WHERE ticket = ?)`)
          .run(agent, at, id, id)
        return taken.changes === 1 ? 'used' : 'exhausted'
      })
    },
    async pruneTickets(at) {
      db.prepare('DELETE FROM tickets WHERE expires_at < ?').run(at)
    },
    async issueSerial({ agent, at, notAfter }) {
      const issued = db
        .prepare('INSERT INTO credentials (agent, issued_at, not_after) VALUES (?, ?, ?)')
        .run(agent, at, notAfter)
      // Audit needs those that may still count somewhere, not those of last year.
      db.prepare('DELETE FROM credentials WHERE agent = ? AND not_after < ?').run(agent, at - 40 * 86_400_000)
      return Number(issued.lastInsertRowid)
    },
    async revoke(agent, at, reason) {
      const result = db
        .prepare(
          'UPDATE agents SET revoked_at = ?, revoked_reason = ? WHERE agent = ? AND revoked_at IS NULL'
        )
        .run(at, reason, agent)
      return result.changes === 1
    },
    async revocations() {
      const agents = db
        .prepare('SELECT agent FROM agents WHERE revoked_at IS NOT NULL ORDER BY agent')
        .all()
        .map(row => String(row.agent))
      // Nobody is ever taken off the list, so its length is a version that grows.
      return { version: agents.length, agents }
    },
    async purge({ target, purgedAt }, reason) {
      const { lastInsertRowid } = db
        .prepare('INSERT INTO purges (purged_at, kind, target, reason) VALUES (?, ?, ?, ?)')
        .run(purgedAt, target.kind, target.kind === 'key' ? target.key : target.id, reason)
      const number = Number(lastInsertRowid)
      // The newest stays whatever its age: its number says how far the list goes.
      db.prepare('DELETE FROM purges WHERE number <= ? OR (purged_at < ? AND number < ?)').run(
        number - purgesKeptMax,
        purgedAt - purgeLifeMs,
        number
      )
      return number
    },
    async purgesAfter(number, countMax) {
      const list = db
        .prepare('SELECT * FROM purges WHERE number > ? ORDER BY number LIMIT ?')
        .all(number, countMax)
        .map(row => ({
          number: Number(row.number),
          kind: String(row.kind),
          target: String(row.target),
          purgedAt: Number(row.purged_at)
        }))
      const newest = db.prepare('SELECT max(number) AS number FROM purges').get()
      return { version: Number(newest?.number ?? 0), list }
    },
    async note({ at, kind, agent, detail }) {
      db.prepare('INSERT INTO events (at, kind, agent, detail) VALUES (?, ?, ?, ?)').run(
        at,
        kind,
        agent,
        detail
      )
      db.prepare('DELETE FROM events WHERE id <= (SELECT max(id) FROM events) - ?').run(eventsMax)
    },
    async events(countMax) {
      return db
        .prepare('SELECT * FROM events ORDER BY id DESC LIMIT ?')
        .all(countMax)
        .map((row): EventRecord => ({
          at: Number(row.at),
          kind: String(row.kind),
          agent: row.agent === null ? null : String(row.agent),
          detail: String(row.detail)
        }))
    },
    async close() {
      clearInterval(flushTimer)
      flushHeard()
      db.close()
    }
  }
}

function open(path: string): DatabaseSync {
  let db: DatabaseSync | undefined
  try {
    db = new DatabaseSync(path, { timeout: 500 })
    db.exec(`PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
      PRAGMA foreign_keys = ON; BEGIN IMMEDIATE; COMMIT;`)
    migrate(db, path)
    return db
  } catch (cause) {
    if (db?.isOpen === true) db.close()
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

function migrate(db: DatabaseSync, path: string): void {
  const version = Number(db.prepare('PRAGMA user_version').get()?.user_version)
  if (version > migrations.length) {
    throw new StarlingError(
      'store-newer',
      `${path} was written by a newer version of Starling: update this coordinator`
    )
  }
  for (const [at, sql] of migrations.entries()) {
    if (at >= version)
      transaction(db, () => {
        db.exec(`${sql}; PRAGMA user_version = ${at + 1};`)
      })
  }
}

function transaction<Result>(db: DatabaseSync, work: () => Result): Result {
  db.exec('BEGIN IMMEDIATE')
  try {
    const result = work()
    db.exec('COMMIT')
    return result
  } catch (cause) {
    db.exec('ROLLBACK')
    throw cause
  }
}

function agentOf(row: Row): AgentRecord {
  return {
    agent: String(row.agent),
    site: String(row.site),
    role: row.role as Role,
    version: String(row.version),
    enrolledAt: Number(row.enrolled_at),
    lastHeardAt: row.last_heard_at === null ? null : Number(row.last_heard_at),
    revokedAt: row.revoked_at === null ? null : Number(row.revoked_at)
  }
}

function ticketOf(row: Row): TicketRecord {
  return {
    id: String(row.id),
    secretHash: row.secret_hash as Uint8Array,
    site: String(row.site),
    role: row.role as Role,
    usesMax: Number(row.uses_max),
    createdAt: Number(row.created_at),
    expiresAt: Number(row.expires_at)
  }
}
