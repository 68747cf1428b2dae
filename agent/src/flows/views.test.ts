import { MiB } from '@starling/shared/units.ts'
import { expect, it } from 'vitest'
import { dataPlane } from '../../../test/doubles/data-plane.ts'
import { createMemoryStore } from '../../../test/doubles/memory-store.ts'
import { madeTransfer } from '../../../test/doubles/made-transfer.ts'

it('those that are read come first, then those of late, and the rest is only counted', async () => {
  const store = createMemoryStore()
  const made = Array.from({ length: 9 }, (_, index) => madeTransfer({ name: `views-${index}` }))
  const plane = dataPlane({ store })
  for (const [index, one] of made.entries()) {
    await store.open(one.head())
    store.touch(one.id, Date.now() + 1000 * index)
  }
  const oldest = made[0]!
  plane.flows.openTransfer(oldest.head())
  const reader = plane.flows.read(oldest.id, 0, MiB, new AbortController().signal)[Symbol.asyncIterator]()
  void reader.next().catch(() => {})
  const { transfers, transfersTotal } = plane.flows.busiest(3)
  expect(transfers.map(({ transfer }) => transfer)).toEqual([oldest.id, made[8]!.id, made[7]!.id])
  expect(transfersTotal).toBe(9)
  expect(plane.flows.views().length).toBe(9)
  expect([oldest.id, 'ab'.repeat(32)].map(id => plane.flows.knows(id))).toEqual([true, false])
  await plane.flows.close()
})

it('a beat of a page copies nothing of what is kept', async () => {
  const kept = createMemoryStore()
  const one = madeTransfer()
  await kept.open(one.head())
  const copies = () => {
    throw new Error('all of it was copied')
  }
  const { flows } = dataPlane({ store: { ...kept, list: copies, find: copies } })
  expect(flows.busiest(5).transfers).toMatchObject([{ transfer: one.id, keptBytes: 0 }])
  expect(flows.knows(one.id)).toBe(true)
  await flows.close()
})
