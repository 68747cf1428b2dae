import { createHash } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { transferIdOf, type SignedHead } from '@starling/shared/manifest.ts'
import { KiB } from '@starling/shared/units.ts'
import {
  bytesOf,
  dataPlane,
  end,
  settled,
  signHead,
  type DataPlane
} from '../../../test/doubles/data-plane.ts'
import { createMemoryStore } from '../../../test/doubles/memory-store.ts'
import { createMemoryUpstream, type MemoryUpstream } from '../../../test/doubles/memory-upstream.ts'

const url = 'http://updates.example/x'
const chunkBytes = 256 * KiB
const right = Buffer.alloc(3 * chunkBytes + 5, 'what the name promises ')
const wrong = Buffer.from(right)
wrong[chunkBytes]! ^= 1
const sha1 = createHash('sha1').update(right).digest('hex')

let upstream: MemoryUpstream
let plane: DataPlane
let head: SignedHead
beforeEach(() => {
  upstream = createMemoryUpstream()
  plane = dataPlane({ upstream })
  head = headWith({ algorithm: 'sha1', hex: sha1 })
  plane.flows.openTransfer(head)
})
afterEach(async () => {
  await end(plane)
})

function headWith(promised: SignedHead['head']['promised'], validator = ''): SignedHead {
  const more = { contentClass: 'test', headers: [], promised }
  return signHead({
    key: `updates.example/${promised === null ? 'plain' : 'promised'}`,
    length: right.length,
    validator,
    chunkBytes,
    ...more
  })
}

/** What a response header promises, not the name. */
const told = (promised: SignedHead['head']['promised']): SignedHead => {
  const { head: made } = headWith(promised, '"1"')
  return signHead({ ...made, key: 'updates.example/told' })
}
const toldSha256 = {
  algorithm: 'sha256',
  hex: createHash('sha256').update(right).digest('hex')
} as const

async function fetchAll(bytes: Uint8Array): Promise<void> {
  upstream.put(url, { bytes })
  plane.flows.fetchUpstream({ flow: 1, transfer: head.transfer, url, firstChunk: 0, endChunk: 4 })
  expect((await plane.event('flow-ended')).reason).toBe('done')
}

const stored = () => plane.store.list().find(one => one.head.transfer === head.transfer)
const readAll = () => bytesOf(plane.flows.read(head.transfer, 0, right.length, new AbortController().signal))

describe('a complete content', () => {
  it('that is what its name promises is settled under its ContentId', async () => {
    await fetchAll(right)
    plane.flows.complete(head.transfer)
    await plane.flows.close()
    expect(stored()!.contentId).toMatch(/^bafy/)
  })

  it('that is not is forgotten as a whole, and whoever waits for it is told', async () => {
    await fetchAll(wrong)
    plane.flows.complete(head.transfer)
    expect(await plane.event('transfer-forgotten')).toEqual({
      type: 'transfer-forgotten',
      transfer: head.transfer
    })
    await plane.flows.close()
    expect(stored()).toBeUndefined()
    await expect(readAll()).rejects.toMatchObject({ code: 'transfer-failed' })
  })

  it('without a promise is settled as it is', async () => {
    head = headWith(null)
    plane.flows.openTransfer(head)
    await fetchAll(wrong)
    plane.flows.complete(head.transfer)
    await plane.flows.close()
    expect(stored()!.contentId).toMatch(/^bafy/)
  })

  it('that is not what a header of its origin promises is forgotten, too', async () => {
    head = told(toldSha256)
    plane.flows.openTransfer(head)
    await fetchAll(wrong)
    const [view] = plane.flows.views().filter(one => one.transfer === head.transfer)
    expect(view).toMatchObject({ complete: true, validator: '"1"' })
    plane.flows.complete(head.transfer)
    await plane.event('transfer-forgotten')
    await plane.flows.close()
    expect(stored()).toBeUndefined()
  })

  it('keeps a promise that only one of its heads makes', async () => {
    head = told(null)
    for (const promised of [null, toldSha256, null]) plane.flows.openTransfer(told(promised))
    await Promise.all([
      fetchAll(wrong),
      expect(readAll()).rejects.toMatchObject({
        code: 'content-untrusted',
        message: expect.stringContaining('its origin promises')
      })
    ])
  })

  it('is not held to what a later head promises instead', async () => {
    head = told(toldSha256)
    for (const hex of [toldSha256.hex, '00'.repeat(32)])
      plane.flows.openTransfer(told({ ...toldSha256, hex }))
    const reading = readAll()
    await fetchAll(right)
    expect(Buffer.compare(await reading, right)).toBe(0)
  })

  it('from before a restart is settled, too: what is not known any more is hashed again', async () => {
    await fetchAll(right)
    const later = dataPlane({ store: plane.store })
    later.flows.complete(head.transfer)
    await later.flows.close()
    expect(stored()!.contentId).toMatch(/^bafy/)
  })

  it('of which a chunk cannot be read waits until that is back', async () => {
    await fetchAll(right)
    const read = plane.store.read.bind(plane.store)
    plane.store.read = async (...args) => (args[1] === 2 ? 0 : await read(...args))
    plane.flows.complete(head.transfer)
    expect(await plane.event('chunk-dropped')).toMatchObject({ chunk: 2 })
    await plane.flows.close()
    expect(stored()!.contentId).toBeNull()
    expect(stored()!.have.count).toBe(3)
  })
})

describe('a read of the whole', () => {
  it('keeps its last chunk back until the promise was found kept', async () => {
    const reading = readAll()
    await fetchAll(right)
    expect(Buffer.compare(await reading, right)).toBe(0)
  })

  it('is cut before its last chunk when the promise is broken', async () => {
    const reading = readAll()
    await Promise.all([fetchAll(wrong), expect(reading).rejects.toMatchObject({ code: 'content-untrusted' })])
    expect(plane.flows.totals().toClients).toBe(3 * chunkBytes)
  })

  it('is checked with a full disk, too', async () => {
    plane = dataPlane({ upstream, store: createMemoryStore({ quotaBytes: 0 }) })
    plane.flows.openTransfer(head)
    const reading = readAll()
    await Promise.all([fetchAll(wrong), expect(reading).rejects.toMatchObject({ code: 'content-untrusted' })])
  })
})

describe('a read of a part with which the content is complete', () => {
  const part = async (): Promise<Buffer> =>
    await bytesOf(plane.flows.read(head.transfer, chunkBytes, chunkBytes + 100, new AbortController().signal))

  it('waits until the whole was found to be what its name promises', async () => {
    await fetchAll(right)
    let done = false
    const reading = part().finally(() => (done = true))
    await settled()
    expect(done).toBe(false)
    plane.flows.complete(head.transfer)
    expect(Buffer.compare(await reading, right.subarray(chunkBytes, chunkBytes + 100))).toBe(0)
  })

  it('gets nothing when it was not', async () => {
    await fetchAll(wrong)
    const looking = settled().then(() => plane.flows.complete(head.transfer))
    await expect(part()).rejects.toMatchObject({ code: 'content-untrusted' })
    await looking
    expect(plane.flows.totals().toClients).toBe(0)
  })

  it('does not wait when nobody will look: with a full disk, or when that failed', async () => {
    await fetchAll(right)
    const read = plane.store.read.bind(plane.store)
    plane.store.read = async (...args) => (args[1] === 2 ? 0 : await read(...args))
    const reading = part()
    plane.flows.complete(head.transfer)
    expect((await reading).length).toBe(100)
    await end(plane)

    plane = dataPlane({ upstream, store: createMemoryStore({ quotaBytes: 0 }) })
    plane.flows.openTransfer(head)
    const held = part()
    await fetchAll(right)
    expect((await held).length).toBe(100)
  })
})

describe('evicting', () => {
  it('takes the transfer from the store, and says so', async () => {
    await fetchAll(right)
    plane.flows.evict(head.transfer)
    await plane.event('transfer-forgotten')
    await plane.flows.close()
    expect(plane.store.list()).toEqual([])
    expect(plane.flows.views()).toEqual([])
  })

  it('waits for readers', async () => {
    await fetchAll(right)
    const reader = plane.flows.read(head.transfer, 0, right.length, new AbortController().signal)
    const first = await reader[Symbol.asyncIterator]().next()
    expect(first.done).toBe(false)
    plane.flows.evict(head.transfer)
    await settled()
    expect(plane.of('transfer-forgotten')).toEqual([])
    expect((await bytesOf(reader)).length).toBe(right.length - first.value!.length)
    await plane.event('transfer-forgotten')
  })

  it('does not touch a transfer that was opened again meanwhile', async () => {
    await fetchAll(right)
    const remove = plane.store.remove.bind(plane.store)
    let go: () => void
    const slow = new Promise<void>(resolve => (go = resolve))
    plane.store.remove = async transfer => {
      await slow
      await remove(transfer)
    }
    plane.flows.evict(head.transfer)
    await plane.event('transfer-forgotten')
    plane.flows.openTransfer(head)
    plane.flows.fetchUpstream({ flow: 2, transfer: head.transfer, url, firstChunk: 1, endChunk: 2 })
    await settled()
    expect(
      plane.of('chunk-stored').filter(({ source }) => source.kind === 'upstream' && source.flow === 2)
    ).toEqual([])
    go!()
    expect((await plane.event('flow-ended', ({ flow }) => flow === 2)).reason).toBe('done')
    expect([...stored()!.have.indices()]).toEqual([1])
  })

  it('of something unknown does nothing', async () => {
    plane.flows.evict(transferIdOf({ key: 'y', length: 1, validator: '', chunkBytes }))
    await plane.flows.close()
    expect(plane.events).toEqual([])
  })
})
