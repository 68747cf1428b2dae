/** Single values that the whole database is about. */
import { StarlingError } from '@starling/shared/errors.ts'
import type { AgentId } from '@starling/shared/ids.ts'
import type { Database } from './database.ts'

export interface FactTables {
  facts: { name: string; value: string }
}

/**
 * A database belongs to the fleet of the first coordinator that used it: a coordinator with another fleet key would give
 * its agents credentials that the others refuse.
 * @throws StarlingError `store-other-fleet`
 */
export async function claimForFleet({ db }: Database, fleet: AgentId): Promise<void> {
  await db
    .insertInto('facts')
    .values({ name: 'fleet', value: fleet })
    .onConflict(conflict => conflict.column('name').doNothing())
    .execute()
  const { value } = await db
    .selectFrom('facts')
    .select('value')
    .where('name', '=', 'fleet')
    .executeTakeFirstOrThrow()
  if (value === fleet) return
  throw new StarlingError(
    'store-other-fleet',
    `this database belongs to the fleet ${value}, but fleet.key of this coordinator is of the fleet ${fleet}: ` +
      'copy fleet.key from the data folder of a coordinator that works with this database (or from its backup), ' +
      'or give another database'
  )
}
