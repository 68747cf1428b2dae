/** What happened lately. */
import type { AgentId } from '@starling/shared/ids.ts'
import { sql, type Generated } from 'kysely'
import type { EventStore } from '../ports.ts'
import type { Database } from './database.ts'

export interface EventTables {
  events: { id: Generated<number>; at: number; kind: string; agent: AgentId | null; detail: string }
}

/** Events beyond these are forgotten: the store is no log archive. */
const eventsMax = 10_000

export function eventStore({ db }: Database): EventStore {
  return {
    async note({ at, kind, agent, detail }) {
      await db.insertInto('events').values({ at, kind, agent, detail }).execute()
      await db
        .deleteFrom('events')
        .where('id', '<=', sql<number>`(SELECT max(id) FROM events) - ${sql.lit(eventsMax)}`)
        .execute()
    },
    async events(countMax) {
      return await db
        .selectFrom('events')
        .select(['at', 'kind', 'agent', 'detail'])
        .orderBy('id', 'desc')
        .limit(countMax)
        .execute()
    }
  }
}
