/** Which coordinators share this database, and where agents reach them. */
import type { CoordinatorAddress } from '@starling/shared/coordinator-api.ts'
import type { AgentId } from '@starling/shared/ids.ts'
import type { Millis } from '@starling/shared/units.ts'
import type { CoordinatorsStore } from '../ports.ts'
import type { Database } from './database.ts'

export interface CoordinatorTables {
  /** `addresses` is a JSON list. */
  coordinators: { coordinator: AgentId; addresses: string; seenAt: Millis }
}

export function coordinatorsStore(database: Database): CoordinatorsStore {
  return {
    async sawCoordinator({ id, addresses }, at, forgetBefore) {
      const row = { addresses: JSON.stringify(addresses), seenAt: at }
      await database.transaction(async (transaction, notify) => {
        await transaction
          .insertInto('coordinators')
          .values({ coordinator: id, ...row })
          .onConflict(conflict => conflict.column('coordinator').doUpdateSet(row))
          .execute()
        await transaction.deleteFrom('coordinators').where('seenAt', '<', forgetBefore).execute()
        await notify('coordinators', id)
      })
    },
    async coordinators() {
      const rows = await database.db
        .selectFrom('coordinators')
        .selectAll()
        .orderBy('seenAt', 'desc')
        .orderBy('coordinator')
        .execute()
      return rows.map(({ coordinator, addresses }) => ({
        id: coordinator,
        addresses: JSON.parse(addresses) as CoordinatorAddress['addresses']
      }))
    }
  }
}
