/** What was purged, by number. */
import { purgeStore } from '@starling/coordinator/store/purges.ts'
import { purgeLifeMs, purgesKeptMax } from '@starling/shared/purge.ts'
import { expect, it } from 'vitest'
import type { StoreContract } from './contract.ts'

export const purgesContract: StoreContract = harness => {
  const store = () => purgeStore(harness.database)
  const purge = (id: string, purgedAt: number) =>
    store().purge({ target: { kind: 'class', id }, purgedAt }, 'why')

  it('are told by number, some at a time, over a restart', async () => {
    expect(await store().purgesAfter(0, 9)).toEqual({ version: 0, list: [] })
    for (const [at, id] of ['a', 'b', 'c'].entries()) expect(await purge(id, at)).toBe(at + 1)
    await harness.reopen()
    const { version, list } = await store().purgesAfter(1, 1)
    expect([version, list]).toEqual([3, [{ number: 2, kind: 'class', target: 'b', purgedAt: 1 }]])
    expect((await store().purgesAfter(3, 9)).list).toEqual([])
    expect((await store().purgesAfter(0, 0)).list).toEqual([])
  })

  it('are forgotten when nothing from before them can count any more, and when there are too many', async () => {
    await purge('old', 0)
    await purge('new', purgeLifeMs + 1)
    expect((await store().purgesAfter(0, 9)).list.map(({ target }) => target)).toEqual(['new'])
    // One by one they would be synced to the disk a thousand times.
    const { db } = harness.database
    const many = Array.from({ length: purgesKeptMax - 1 }, (_, index) => ({
      number: index + 3,
      purgedAt: purgeLifeMs + 1,
      kind: 'class' as const,
      target: `c${index + 3}`,
      reason: ''
    }))
    await db.insertInto('purges').values(many).execute()
    await db
      .updateTable('counters')
      .set({ value: purgesKeptMax + 1 })
      .where('name', '=', 'purges')
      .execute()
    await purge('last', purgeLifeMs + 1)
    const { version, list } = await store().purgesAfter(0, 2 * purgesKeptMax)
    expect([version, list.length, list[0]?.target]).toEqual([purgesKeptMax + 2, purgesKeptMax, 'c3'])
  })
}
