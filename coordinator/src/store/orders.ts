/** Orders to agents, and how far each agent is, as it told last. */
import type { OrderKind, OrderState } from '@starling/shared/orders.ts'
import type { AgentId } from '@starling/shared/ids.ts'
import { sql } from 'kysely'
import type { OrderRecord, OrderStore } from '../ports.ts'
import type { Database } from './database.ts'
import { givenRows } from './rows.ts'

export interface OrderTables {
  orders: {
    id: string
    kind: OrderKind
    what: string
    /** With spaces between them: none stands in a scope. */
    scopes: string
    deadline: number | null
    bytesPerSecond: number | null
    author: string
    reason: string
    createdAt: number
    withdrawnAt: number | null
    withdrawnBy: string | null
  }
  orderProgress: {
    orderId: string
    agent: AgentId
    state: OrderState
    reason: string
    bytes: number
    length: number | null
    late: number
    at: number
  }
}

export function orderStore(database: Database): OrderStore {
  const { db, kind } = database
  return {
    async give({ scopes, by, ...order }, forgetEndedBefore) {
      await database.transaction(async (transaction, notify) => {
        await transaction
          .deleteFrom('orders')
          .where(is =>
            is.or([is('withdrawnAt', '<', forgetEndedBefore), is('deadline', '<', forgetEndedBefore)])
          )
          .execute()
        await transaction
          .insertInto('orders')
          .values({ ...order, scopes: scopes.join(' '), deadline: by })
          .execute()
        await notify('orders', order.id)
      })
    },
    async withdraw(id, at, by) {
      return await database.transaction(async (transaction, notify) => {
        const { numUpdatedRows } = await transaction
          .updateTable('orders')
          .set({ withdrawnAt: at, withdrawnBy: by })
          .where('id', '=', id)
          .where('withdrawnAt', 'is', null)
          .executeTakeFirst()
        if (numUpdatedRows === 0n) return false
        await notify('orders', id)
        return true
      })
    },
    async orders() {
      const rows = await db
        .selectFrom('orders')
        .selectAll()
        .orderBy('createdAt', 'desc')
        .orderBy('id')
        .execute()
      return rows.map(({ scopes, deadline, ...row }): OrderRecord => ({
        ...row,
        scopes: scopes.split(' '),
        by: deadline
      }))
    },
    async noteProgress(progress) {
      if (progress.length === 0) return
      const rows = progress.map(({ order, late, ...rest }) => ({
        ...rest,
        orderId: order,
        late: Number(late)
      }))
      const given = givenRows(
        kind,
        {
          orderId: 'text',
          agent: 'text',
          state: 'text',
          reason: 'text',
          bytes: 'integer',
          length: 'integer',
          late: 'integer',
          at: 'integer'
        },
        rows
      )
      const columns = ['orderId', 'agent', 'state', 'reason', 'bytes', 'length', 'late', 'at'] as const
      await db
        .insertInto('orderProgress')
        .columns([...columns])
        .expression(
          db
            .selectFrom(given)
            .innerJoin('orders', 'orders.id', 'given.orderId')
            .select(columns.map(name => `given.${name}` as const))
            // SQLite reads "ON" of the conflict as that of a join otherwise.
            .where(sql<boolean>`true`)
        )
        .onConflict(conflict =>
          conflict.columns(['orderId', 'agent']).doUpdateSet(is => ({
            state: is.ref('excluded.state'),
            reason: is.ref('excluded.reason'),
            bytes: is.ref('excluded.bytes'),
            length: is.ref('excluded.length'),
            late: is.ref('excluded.late'),
            at: is.ref('excluded.at')
          }))
        )
        .execute()
    },
    async progress(order) {
      const rows = await db
        .selectFrom('orderProgress')
        .innerJoin('agents', 'agents.agent', 'orderProgress.agent')
        .where('revokedAt', 'is', null)
        .where('decommissionedAt', 'is', null)
        .$if(order !== undefined, query => query.where('orderId', '=', order!))
        .groupBy(['orderId', 'site', 'state', 'reason', 'late'])
        .select(({ fn }) => [
          'orderId as order',
          'site',
          'state',
          'reason',
          'late',
          fn.countAll<number>().as('agents'),
          sql<number>`CAST(sum(bytes) AS BIGINT)`.as('bytes'),
          fn.max('length').as('length')
        ])
        .orderBy('site')
        .orderBy('state')
        .orderBy('reason')
        .execute()
      return rows.map(row => ({ ...row, late: row.late === 1 }))
    }
  }
}
