import { createHash } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { MiB } from '@starling/shared/units.ts'
import { dataPlane, end, settled, signHead, type DataPlane } from '../../../test/doubles/data-plane.ts'
import { madeTransfer } from '../../../test/doubles/made-transfer.ts'
import type { PieceHashes } from '../ports.ts'

const made = madeTransfer({ chunkBytes: MiB, length: 3 * MiB - 7 })
const { key, length } = made.head().head
const digests = [0, 1, 2].map(chunk => made.digest(chunk))

let plane: DataPlane
let doubted: ReturnType<typeof vi.fn<() => void>>
beforeEach(() => {
  plane = dataPlane()
  doubted = vi.fn<() => void>()
  plane.flows.openTransfer(made.head())
})
afterEach(async () => {
  await end(plane)
})

const hashes = (more: Partial<PieceHashes> = {}): PieceHashes => ({ length, digests, doubted, ...more })
const wrong = [digests[0]!, made.digest(0), digests[2]!]

async function forgotten(): Promise<boolean> {
  await settled()
  return plane.of('transfer-forgotten').length > 0
}

describe("a content and the vendor's piece hashes", () => {
  it('agree: nothing happens, whichever comes first', async () => {
    plane.flows.keepDigests(made.batch(0, 2))
    plane.flows.expectPieces(key, hashes())
    plane.flows.keepDigests(made.batch(2, 3))
    expect([await forgotten(), doubted.mock.calls.length]).toEqual([false, 0])
  })

  it('contradict each other: both are forgotten, with the hashes first', async () => {
    plane.flows.expectPieces(key, hashes({ digests: wrong }))
    plane.flows.keepDigests(made.batch(0, 1))
    expect(await forgotten()).toBe(false)
    plane.flows.keepDigests(made.batch(1, 2))
    expect([await forgotten(), doubted.mock.calls.length]).toEqual([true, 1])
  })

  it('contradict each other: both are forgotten, with the content first', async () => {
    plane.flows.keepDigests(made.batch(0, 3))
    await settled()
    plane.flows.expectPieces(key, hashes({ digests: wrong }))
    expect([await forgotten(), doubted.mock.calls.length]).toEqual([true, 1])
    // Once is enough: whoever brings the same digests again is believed as before.
    plane.flows.openTransfer(made.head())
    plane.flows.keepDigests(made.batch(0, 3))
    await settled()
    expect(plane.of('transfer-forgotten')).toHaveLength(1)
  })

  it('are of different versions: one says nothing of the other', async () => {
    plane.flows.keepDigests(made.batch(0, 3))
    await settled()
    plane.flows.expectPieces(key, hashes({ digests: wrong, length: length - 1 }))
    plane.flows.expectPieces(`${key}x`, hashes({ digests: wrong }))
    expect([await forgotten(), doubted.mock.calls.length]).toEqual([false, 0])
  })

  it('contradict each other, and the name has proven the content: only the hashes are forgotten', async () => {
    const proven = signHead({ ...made.head().head, validator: '', promised: await promise() })
    plane.flows.openTransfer(proven)
    const { transfer } = proven
    await settled()
    for (const chunk of [0, 1, 2])
      expect(await plane.store.put(transfer, chunk, made.digest(chunk), made.chunk(chunk))).toBe('kept')
    plane.flows.complete(transfer)
    await settled()
    plane.flows.expectPieces(key, hashes({ digests: wrong }))
    expect([await forgotten(), doubted.mock.calls.length]).toEqual([false, 1])
  })
})

async function promise(): Promise<{ algorithm: 'sha1'; hex: string }> {
  const all = Buffer.concat([0, 1, 2].map(chunk => made.chunk(chunk)))
  return { algorithm: 'sha1', hex: createHash('sha1').update(all).digest('hex') }
}
