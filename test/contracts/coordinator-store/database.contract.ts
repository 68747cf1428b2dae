/** What a database promises to what is built upon it: transactions, numbers in order, notifications, leadership. */
import { nextNumber } from '@starling/coordinator/store/counters.ts'
import { givenRows } from '@starling/coordinator/store/rows.ts'
import { describe, expect, it } from 'vitest'
import type { StoreContract } from './contract.ts'
import { hearing } from './hearing.ts'

export const databaseContract: StoreContract = harness => {
  describe('a transaction', () => {
    it('happens altogether or not at all, and tells nobody of what did not happen', async () => {
      const { database } = harness
      const heard: Array<string | null> = []
      const isTold = hearing(heard)
      database.listen('things', isTold.handler)
      const failed = database.transaction(async (transaction, notify) => {
        await nextNumber(transaction, 'things')
        await notify('things', 'never')
        throw new Error('on second thoughts')
      })
      await expect(failed).rejects.toThrow('on second thoughts')
      await isTold.until(1)
      const number = await database.transaction(async (transaction, notify) => {
        await notify('things', 'done')
        return await nextNumber(transaction, 'things')
      })
      await isTold.until(2)
      expect([number, heard]).toEqual([1, [null, 'done']])
    })

    it('waits for the one before it, and none gets the number of another', async () => {
      const { database } = harness
      const numbers = await Promise.all(
        Array.from({ length: 20 }, () => database.transaction(transaction => nextNumber(transaction, 'n')))
      )
      expect(numbers.sort((one, other) => one - other)).toEqual(
        Array.from({ length: 20 }, (_, index) => index + 1)
      )
    })
  })

  it('takes many rows as one', async () => {
    const { database } = harness
    const given = [
      { name: "it's", value: 2 ** 52, share: 0.5 },
      { name: 'nul \0 and "quotes"', value: -1, share: null }
    ]
    const rows = await database.db
      .selectFrom(givenRows(database.kind, { name: 'text', value: 'integer', share: 'real' }, given))
      .selectAll()
      .execute()
    expect(rows.map(({ value, share }) => ({ value, share }))).toEqual(
      given.map(({ value, share }) => ({ value, share }))
    )
    expect(rows[0]?.name).toBe("it's")
  })

  it('tells every listener, until it listens no more', async () => {
    const { database } = harness
    const heard: Array<string | null> = []
    const other: Array<string | null> = []
    const isTold = hearing(heard)
    const stop = database.listen('news', payload => {
      other.push(payload)
      if (payload === 'one') stop()
    })
    database.listen('news', isTold.handler)
    await isTold.until(1)
    await database.notify('news', 'one')
    await database.notify('news', 'two')
    await isTold.until(3)
    expect(heard).toEqual([null, 'one', 'two'])
    expect(other).not.toContain('two')
  })

  it('has a leader, until it lets go', async () => {
    const { database } = harness
    const until = await new Promise<AbortSignal>(resolve => {
      const release = database.leader('cleaning', signal => {
        resolve(signal)
        release()
      })
    })
    expect(until.aborted).toBe(true)
    const again = await new Promise<AbortSignal>(resolve => {
      database.leader('cleaning', resolve)
    })
    expect(again.aborted).toBe(false)
    await database.close()
    expect(again.aborted).toBe(true)
  })
}
