/** What happened, and whose database it is. */
import { eventStore } from '@starling/coordinator/store/events.ts'
import { claimForFleet } from '@starling/coordinator/store/facts.ts'
import { expect, it } from 'vitest'
import type { StoreContract } from './contract.ts'

export const eventsContract: StoreContract = harness => {
  it('tells the newest first', async () => {
    const store = eventStore(harness.database)
    for (let at = 1; at <= 3; at++)
      await store.note({ at, kind: 'enrolled', agent: at === 3 ? null : 'a', detail: 'x' })
    await harness.reopen()
    expect(await eventStore(harness.database).events(2)).toEqual([
      { at: 3, kind: 'enrolled', agent: null, detail: 'x' },
      { at: 2, kind: 'enrolled', agent: 'a', detail: 'x' }
    ])
  })

  it('belongs to one fleet', async () => {
    await claimForFleet(harness.database, 'ours')
    await harness.reopen()
    await claimForFleet(harness.database, 'ours')
    await expect(claimForFleet(harness.database, 'theirs')).rejects.toMatchObject({
      code: 'store-other-fleet'
    })
  })
}
