/** What all agents told last, for who sees them beside each other; and what that has found. */
import type { AgentId } from '@starling/shared/ids.ts'
import { sql } from 'kysely'
import type { NoticedRow, NoticedStore } from '../fleet-ports.ts'
import type { Database } from './database.ts'
import { givenRows } from './rows.ts'

/** So many keep the event loop for a few ms. */
const readAtOnce = 500

export function noticedStore(database: Database): NoticedStore {
  const { db, kind } = database
  return {
    async *reported() {
      let after: AgentId = ''
      for (;;) {
        const rows = await db
          .selectFrom('agents')
          .innerJoin('agentReports', 'agentReports.agent', 'agents.agent')
          .select([
            'agents.agent',
            'site',
            'role',
            'group',
            'placedBy',
            'version',
            'lastHeardAt',
            'host',
            'counters',
            'suspicions',
            'noticed'
          ])
          .where('decommissionedAt', 'is', null)
          .where('revokedAt', 'is', null)
          .where('agents.agent', '>', after)
          .orderBy('agents.agent')
          .limit(readAtOnce)
          .execute()
        yield* rows
        const last = rows.at(-1)
        if (last === undefined || rows.length < readAtOnce) return
        after = last.agent
      }
    },
    async note(rows: readonly NoticedRow[]) {
      for (let at = 0; at < rows.length; at += readAtOnce) {
        const some = rows.slice(at, at + readAtOnce).sort((one, other) => (one.agent < other.agent ? -1 : 1))
        await database.transaction(async transaction => {
          await transaction
            .updateTable('agentReports')
            .from(givenRows(kind, { agent: 'text', suspicions: 'text', noticed: 'text' }, some))
            .set({ suspicions: sql.ref('given.suspicions'), noticed: sql.ref('given.noticed') })
            .whereRef('agentReports.agent', '=', 'given.agent')
            .execute()
        })
      }
    }
  }
}
