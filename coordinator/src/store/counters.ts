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

/** The next number of that name, from 1 on. Others who want one wait until the transaction is over: keep it short. */
export async function nextNumber(transaction: Transaction<Tables>, name: string): Promise<number> {
  const { value } = await transaction
    .insertInto('counters')
    .values({ name, value: 1 })
    .onConflict(conflict => conflict.column('name').doUpdateSet({ value: sql`counters.value + 1` }))
    .returning('value')
    .executeTakeFirstOrThrow()
  return value
}
