/** What new machines join with, and who did. */
import type { Role } from '@starling/shared/credential.ts'
import type { AgentId, SiteId } from '@starling/shared/ids.ts'
import type { PlacedBy, TicketStore } from '../ports.ts'
import type { Database } from './database.ts'
import { serialIssuer } from './serials.ts'

export interface TicketTables {
  tickets: {
    id: string
    secretHash: Uint8Array
    site: SiteId
    role: Role
    group: string | null
    placedBy: PlacedBy
    usesMax: number
    createdAt: number
    expiresAt: number
  }
  ticketUses: { ticket: string; agent: AgentId; usedAt: number }
}

export function ticketStore(database: Database): TicketStore {
  const { db } = database
  return {
    async createTicket(ticket) {
      await db.insertInto('tickets').values(ticket).execute()
    },
    async ticket(id) {
      return (await db.selectFrom('tickets').selectAll().where('id', '=', id).executeTakeFirst()) ?? null
    },
    async tickets() {
      return await db
        .selectFrom('tickets')
        .selectAll()
        .select(from =>
          from
            .selectFrom('ticketUses')
            .select(from.fn.countAll<number>().as('count'))
            .whereRef('ticketUses.ticket', '=', 'tickets.id')
            .$asScalar()
            .$notNull()
            .as('uses')
        )
        .orderBy('createdAt')
        .orderBy('id')
        .execute()
    },
    async useTicket(id, agent, at) {
      return await database.transaction(async transaction => {
        // Whoever uses the same ticket waits here, so that the count stays true.
        const ticket = await transaction
          .selectFrom('tickets')
          .select(['usesMax', 'expiresAt'])
          .where('id', '=', id)
          .forUpdate()
          .executeTakeFirst()
        if (ticket === undefined) return 'exhausted'
        if (ticket.expiresAt <= at) return 'expired'
        const { uses, own } = await transaction
          .selectFrom('ticketUses')
          .select(({ fn }) => [
            fn.countAll<number>().as('uses'),
            fn.countAll<number>().filterWhere('agent', '=', agent).as('own')
          ])
          .where('ticket', '=', id)
          .executeTakeFirstOrThrow()
        if (own > 0) return 'used'
        if (uses >= ticket.usesMax) return 'exhausted'
        await transaction.insertInto('ticketUses').values({ ticket: id, agent, usedAt: at }).execute()
        return 'used'
      })
    },
    async endTicket(id, at) {
      const { numUpdatedRows } = await db
        .updateTable('tickets')
        .set({ expiresAt: at })
        .where('id', '=', id)
        .where('expiresAt', '>', at)
        .executeTakeFirst()
      return numUpdatedRows === 1n
    },
    async pruneTickets(at) {
      await db.deleteFrom('tickets').where('expiresAt', '<', at).execute()
    },
    issueSerial: serialIssuer(database)
  }
}
