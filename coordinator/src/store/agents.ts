/**
 * Who belongs, and who does so no more. What is heard of agents is gathered and written together: it needs no care, and
 * a write to the disk for each of hundreds of heartbeats a second would.
 */
import type { PlacedBy } from '@starling/shared/admin-api/placed-by.ts'
import type { Role } from '@starling/shared/credential.ts'
import { messageOf } from '@starling/shared/errors.ts'
import type { AgentId } from '@starling/shared/ids.ts'
import { secondMs, type Millis } from '@starling/shared/units.ts'
import { sql, type Generated } from 'kysely'
import type { Log } from '../log.ts'
import type { AgentRecord, AgentStore, MembershipStore } from '../ports.ts'
import { nextNumber } from './counters.ts'
import type { Database } from './database.ts'
import { givenRows } from './rows.ts'

export interface AgentTables {
  agents: {
    agent: AgentId
    site: string
    role: Role
    group: string | null
    version: string
    enrolledAt: number
    lastHeardAt: number | null
    revokedAt: number | null
    revokedReason: string | null
    machine: string | null
    supersededBy: AgentId | null
    decommissionedAt: number | null
    unlistedAt: number | null
    placedBy: Generated<PlacedBy>
  }
}

export interface HeardLately {
  /** Writes down who was heard. */
  flush(): Promise<void>
  close(): Promise<void>
}

/** A crash forgets who was heard within this time, and the next heartbeat says it again. */
const heardFlushMs: Millis = 5 * secondMs
const columns = [
  'agent',
  'site',
  'role',
  'group',
  'version',
  'enrolledAt',
  'lastHeardAt',
  'revokedAt'
] as const

export function agentStore(database: Database, log: Log): AgentStore & HeardLately {
  const { db, kind } = database
  let heardSince = new Map<
    AgentId,
    { readonly agent: AgentId; readonly at: Millis; readonly version: string }
  >()
  let flushing = Promise.resolve()
  const flushTimer = setInterval(() => void flush(), heardFlushMs)
  flushTimer.unref()

  /** One at a time, so that nobody closes the database under one. */
  function flush(): Promise<void> {
    flushing = flushing.then(writeHeard)
    return flushing
  }

  /** What cannot be written now is kept for the next time; there is at most one entry an agent. */
  async function writeHeard(): Promise<void> {
    if (heardSince.size === 0) return
    const writing = heardSince
    heardSince = new Map()
    // In the order of the key, which takes SQLite half the time.
    const rows = [...writing.values()].sort((one, other) => (one.agent < other.agent ? -1 : 1))
    try {
      await database.transaction(async transaction => {
        await transaction
          .updateTable('agents')
          .from(givenRows(kind, { agent: 'text', at: 'integer', version: 'text' }, rows))
          .set(from => ({ lastHeardAt: from.ref('given.at'), version: from.ref('given.version') }))
          .whereRef('agents.agent', '=', 'given.agent')
          // An agent that has moved on to another coordinator was heard there later.
          .where(is => is(is.fn.coalesce('lastHeardAt', sql.lit(0)), '<=', is.ref('given.at')))
          .execute()
      })
    } catch (error) {
      heardSince = new Map([...writing, ...heardSince])
      log.warn({ why: messageOf(error) }, 'who was heard could not be written down; it is tried again')
    }
  }

  return {
    ...memberStore(database),
    async agents(): Promise<readonly AgentRecord[]> {
      await flush()
      return await db
        .selectFrom('agents')
        .select(columns)
        .where('decommissionedAt', 'is', null)
        .orderBy('agent')
        .execute()
    },
    async heard(agent, at, version) {
      heardSince.set(agent, { agent, at, version })
    },
    flush,
    async close() {
      clearInterval(flushTimer)
      await flush()
    }
  }
}

/** Who belongs, without what is gathered: nothing here outlives its query. */
export function memberStore(
  database: Database
): MembershipStore & Pick<AgentStore, 'unlist' | 'revocations'> {
  const { db } = database
  return {
    async agent(agent) {
      const found = await db
        .selectFrom('agents')
        .select(columns)
        .where('agent', '=', agent)
        .executeTakeFirst()
      return found ?? null
    },
    async putAgent({ agent, site, role, group, version, enrolledAt, lastHeardAt }) {
      await database.transaction(async (transaction, notify) => {
        await transaction
          .insertInto('agents')
          .values({ agent, site, role, group, version, enrolledAt, lastHeardAt })
          .onConflict(conflict => conflict.column('agent').doUpdateSet({ site, role, group, version }))
          .execute()
        await notify('agents', agent)
      })
    },
    async setPlacedBy(agent, placedBy) {
      await db.updateTable('agents').set({ placedBy }).where('agent', '=', agent).execute()
    },
    async release(site) {
      const { numUpdatedRows } = await db
        .updateTable('agents')
        .set({ placedBy: 'definitions' })
        .where('site', '=', site)
        .where('role', '=', 'agent')
        .where('placedBy', '=', 'name')
        .where('revokedAt', 'is', null)
        .executeTakeFirstOrThrow()
      return Number(numUpdatedRows)
    },
    async place(agent, site) {
      return await database.transaction(async (transaction, notify) => {
        const { numUpdatedRows } = await transaction
          .updateTable('agents')
          .set({ site })
          .where('agent', '=', agent)
          .where('placedBy', '=', 'definitions')
          .where('revokedAt', 'is', null)
          .executeTakeFirstOrThrow()
        if (numUpdatedRows > 0n) await notify('agents', agent)
        return numUpdatedRows > 0n
      })
    },
    async setGroup(agent, group) {
      return await database.transaction(async (transaction, notify) => {
        const { numUpdatedRows } = await transaction
          .updateTable('agents')
          .set({ group })
          .where('agent', '=', agent)
          .executeTakeFirst()
        await notify('agents', agent)
        // Another policy is for it now.
        await notify('policies', agent)
        return numUpdatedRows === 1n
      })
    },
    async joinedAs(agent, machine, takes) {
      return await database.transaction(async transaction => {
        const others = await transaction
          .selectFrom('agents')
          .select(['agent', 'role', 'group', 'site', 'placedBy'])
          .where('machine', '=', machine)
          .where('agent', '<>', agent)
          .where('revokedAt', 'is', null)
          .orderBy('enrolledAt', 'desc')
          .execute()
        // The gateway beside an agent is no old self of it, and stands where it was put.
        const old = others.find(({ role }) => role === 'agent')
        await transaction
          .updateTable('agents')
          .set({
            machine,
            ...(takes.group && others[0] !== undefined ? { group: others[0].group } : {}),
            ...(takes.site && old !== undefined ? { site: old.site, placedBy: old.placedBy } : {})
          })
          .where('agent', '=', agent)
          .execute()
        return others.map(other => other.agent)
      })
    },
    async outdated(silentSince, machine) {
      const rows = await db
        .selectFrom('agents as old')
        .innerJoin('agents as young', 'young.machine', 'old.machine')
        .select(['old.agent', 'young.agent as by'])
        .where('old.revokedAt', 'is', null)
        .where('young.revokedAt', 'is', null)
        .$if(machine !== undefined, query => query.where('old.machine', '=', machine!))
        .whereRef('young.enrolledAt', '>', 'old.enrolledAt')
        .whereRef(sql<number>`coalesce(old.last_heard_at, old.enrolled_at)`, '<', 'young.enrolledAt')
        .where(sql<number>`coalesce(old.last_heard_at, old.enrolled_at)`, '<', silentSince)
        .orderBy('old.agent')
        .orderBy('young.enrolledAt')
        .execute()
      const latest = new Map(rows.map(row => [row.agent, row.by]))
      return [...latest].map(([agent, by]) => ({ agent, by }))
    },
    async supersede(outdated, at) {
      if (outdated.length === 0) return
      await database.transaction(async (transaction, notify) => {
        for (const { agent, by } of outdated) {
          await transaction
            .updateTable('agents')
            .set({
              revokedAt: at,
              revokedReason: `superseded by ${by}`,
              supersededBy: by,
              decommissionedAt: at
            })
            .where('agent', '=', agent)
            .where('revokedAt', 'is', null)
            .execute()
          await notify('agents', agent)
        }
        await notify('revocations', String(await nextNumber(transaction, 'revocations', at)))
      })
    },
    async decommission(agent, at) {
      await db.updateTable('agents').set({ decommissionedAt: at }).where('agent', '=', agent).execute()
    },
    async revoke(agent, at, reason) {
      return await database.transaction(async (transaction, notify) => {
        const { numUpdatedRows } = await transaction
          .updateTable('agents')
          .set({ revokedAt: at, revokedReason: reason })
          .where('agent', '=', agent)
          .where('revokedAt', 'is', null)
          .executeTakeFirst()
        if (numUpdatedRows === 0n) return false
        await notify('agents', agent)
        await notify('revocations', String(await nextNumber(transaction, 'revocations', at)))
        return true
      })
    },
    async unlist(expiredBefore, at) {
      return await database.transaction(async (transaction, notify) => {
        const { numUpdatedRows } = await transaction
          .updateTable('agents')
          .set({ unlistedAt: at })
          .where('revokedAt', '<', expiredBefore)
          .where('unlistedAt', 'is', null)
          .where(is =>
            is.not(
              is.exists(
                is
                  .selectFrom('credentials')
                  .select('serial')
                  .whereRef('credentials.agent', '=', 'agents.agent')
                  .where('notAfter', '>=', expiredBefore)
              )
            )
          )
          .executeTakeFirst()
        if (numUpdatedRows > 0n)
          await notify('revocations', String(await nextNumber(transaction, 'revocations', at)))
        return Number(numUpdatedRows)
      })
    },
    async revocations() {
      // One statement, so that list and version are of the same moment.
      const rows = await db
        .selectFrom('counters')
        .leftJoin('agents', join =>
          join.on('agents.revokedAt', 'is not', null).on('agents.unlistedAt', 'is', null)
        )
        .select(['counters.value as version', 'agents.agent'])
        .where('counters.name', '=', 'revocations')
        .orderBy('agents.agent')
        .execute()
      return {
        version: rows[0]?.version ?? 0,
        agents: rows.map(({ agent }) => agent).filter(agent => agent !== null)
      }
    }
  }
}
