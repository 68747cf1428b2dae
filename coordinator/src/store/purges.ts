/** What was purged for the whole fleet, by numbers that agents catch up with. */
import { purgeLifeMs, purgesKeptMax } from '@starling/shared/purge.ts'
import type { PurgeStore } from '../ports.ts'
import { nextNumber } from './counters.ts'
import type { Database } from './database.ts'

export interface PurgeTables {
  purges: { number: number; purgedAt: number; kind: 'key' | 'class'; target: string; reason: string }
}

export function purgeStore(database: Database): PurgeStore {
  const { db } = database
  return {
    async purge({ target, purgedAt }, reason) {
      return await database.transaction(async (transaction, notify) => {
        const number = await nextNumber(transaction, 'purges')
        await transaction
          .insertInto('purges')
          .values({
            number,
            purgedAt,
            kind: target.kind,
            target: target.kind === 'key' ? target.key : target.id,
            reason
          })
          .execute()
        // The newest stays whatever its age: its number says how far the list goes.
        await transaction
          .deleteFrom('purges')
          .where(is =>
            is.or([
              is('number', '<=', number - purgesKeptMax),
              is.and([is('purgedAt', '<', purgedAt - purgeLifeMs), is('number', '<', number)])
            ])
          )
          .execute()
        await notify('purges', String(number))
        return number
      })
    },
    async purgesAfter(number, countMax) {
      const newest = await db
        .selectFrom('purges')
        .select(({ fn }) => fn.max('number').as('number'))
        .executeTakeFirst()
      const version = newest?.number ?? 0
      // What comes in between is for the next time: an agent that has `version` must have all up to it.
      const list = await db
        .selectFrom('purges')
        .select(['number', 'kind', 'target', 'purgedAt'])
        .where('number', '>', number)
        .where('number', '<=', version)
        .orderBy('number')
        .limit(countMax)
        .execute()
      return { version, list }
    }
  }
}
