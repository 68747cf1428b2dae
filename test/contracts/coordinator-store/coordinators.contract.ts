/** Which coordinators share a database. */
import { coordinatorsStore } from '@starling/coordinator/store/coordinators.ts'
import { expect, it } from 'vitest'
import type { StoreContract } from './contract.ts'
import { hearing } from './hearing.ts'

export const coordinatorsContract: StoreContract = harness => {
  it('each says that it is there and where, and is forgotten when it says so no more', async () => {
    const heard: Array<string | null> = []
    const told = hearing(heard)
    const stop = harness.database.listen('coordinators', told.handler)
    await told.until(1)
    const store = coordinatorsStore(harness.database)
    const rival = coordinatorsStore(await harness.rival())
    await store.sawCoordinator({ id: 'a', addresses: ['https://a:1', 'https://a:2'] }, 10, 0)
    await rival.sawCoordinator({ id: 'b', addresses: ['https://b:1'] }, 20, 0)
    await told.until(3)
    expect(heard).toEqual([null, 'a', 'b'])
    expect(await store.coordinators()).toEqual([
      { id: 'b', addresses: ['https://b:1'] },
      { id: 'a', addresses: ['https://a:1', 'https://a:2'] }
    ])
    await store.sawCoordinator({ id: 'a', addresses: ['https://a:3'] }, 30, 21)
    stop()
    await harness.reopen()
    expect(await coordinatorsStore(harness.database).coordinators()).toEqual([
      { id: 'a', addresses: ['https://a:3'] }
    ])
  })
}
