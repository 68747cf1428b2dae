/**
 * Numbers that only grow and become visible in their order, also with several coordinators. A serial cannot promise that:
 * of two transactions the one with the higher number may be done first, and who has read up to it would never ask for
 * the lower one. Here the second waits until the first is done.
 */
import { sql, type Transaction } from 'kysely'
import type { Tables } from './tables.ts'

export interface CounterTables {
  counters: { name: string; value: number }
}

/**
 * The next number of that name, from 1 on. Others who want one wait until the transaction is over: keep it short.
 * @param atLeast the time, where agents take no lower number than they have seen: a database that is restored from a backup
 * counts on from there, and would give numbers that were given before
 */
export async function nextNumber(
  transaction: Transaction<Tables>,
  name: string,
  atLeast = 1
): Promise<number> {
  const { value } = await transaction
    .insertInto('counters')
    .values({ name, value: atLeast })
    .onConflict(conflict =>
      conflict.column('name').doUpdateSet({
        value: sql`CASE WHEN counters.value + 1 > ${atLeast} THEN counters.value + 1 ELSE ${atLeast} END`
      })
    )
    .returning('value')
    .executeTakeFirstOrThrow()
  return value
}
