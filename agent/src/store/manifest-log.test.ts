import { expect, it } from 'vitest'
import { madeTransfer } from '../../../test/doubles/made-transfer.ts'
import { encodeFrame } from './frames.ts'
import { addDigests, newManifest, replayManifest, settledManifest } from './manifest-log.ts'

const made = madeTransfer()

it('lets a page take the place of the single digests that it covers', () => {
  const known = [made.batch(0, 1), made.batch(1, 2), made.batch(5, 6)]
  expect(addDigests(known, made.batch(0, 4))).toBe(true)
  expect(known).toEqual([made.batch(5, 6), made.batch(0, 4)])
  expect(addDigests(known, made.batch(2, 3))).toBe(false)
  expect(addDigests(known, made.batch(3, 5))).toBe(true)
})

it('keeps the word of every issuer, and a digest that says otherwise', () => {
  const known = [made.batch(0, 1)]
  const page = made.batch(0, 4)
  const other = {
    ...page,
    signed: { ...page.signed, issuer: '12D3KooWBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB' }
  }
  expect(addDigests(known, other)).toBe(true)
  const conflicting = { ...page, entries: page.entries.map(([chunk]) => [chunk, made.digest(9)] as const) }
  expect(addDigests(known, conflicting)).toBe(true)
  expect(known).toHaveLength(3)
})

it('says the same in its settled form', () => {
  const state = { ...newManifest(made.head()), pinned: true, contentId: 'bafyreia' }
  state.kept.set(3, made.digest(3)).set(1, made.digest(1))
  addDigests(state.digests, made.batch(0, 4))
  const bytes = settledManifest(state)
  expect(replayManifest(made.id, bytes)).toEqual({ state, goodBytes: bytes.length })
})

it('skips frames that a newer program wrote', () => {
  const bytes = Buffer.concat([
    settledManifest(newManifest(made.head())),
    encodeFrame({ kind: 'weather', sun: true }),
    encodeFrame({ kind: 'pinned', pinned: true })
  ])
  expect(replayManifest(made.id, bytes)?.state.pinned).toBe(true)
})

it('is nothing without a head, with a head of another format, or with that of another transfer', () => {
  const head = made.head()
  expect(replayManifest(made.id, new Uint8Array())).toBeNull()
  expect(replayManifest(made.id, encodeFrame({ kind: 'pinned', pinned: true }))).toBeNull()
  expect(replayManifest(made.id, encodeFrame({ kind: 'head', format: 2, head, epoch: 'x' }))).toBeNull()
  expect(replayManifest(madeTransfer({ name: 'two' }).id, settledManifest(newManifest(head)))).toBeNull()
})
