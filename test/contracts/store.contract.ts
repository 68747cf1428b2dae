/**
 * What every StorePort promises, run on the real store and on the in-memory double alike (store.test.ts). What only
 * files can do (survive kill -9, find damage) is in agent/src/store.
 */
import type { StorePort } from '@starling/agent/ports.ts'
import { codeOf } from '@starling/shared/errors.ts'
import { contentIdOf } from '@starling/shared/manifest.ts'
import type { Bytes, Millis } from '@starling/shared/units.ts'
import { afterEach, describe, expect, it } from 'vitest'
import { madeTransfer } from '../doubles/made-transfer.ts'

export interface StoreUnderTest {
  readonly store: StorePort
  /** Closes it and clears up. */
  end(): Promise<void>
}

export type MakeStore = (tunables: {
  readonly quotaBytes: Bytes
  readonly now: () => Millis
}) => Promise<StoreUnderTest>

export function storeContract(name: string, make: MakeStore): void {
  describe(`the store contract: ${name}`, () => {
    let underTest: StoreUnderTest | undefined
    afterEach(async () => {
      await underTest?.end()
    })

    async function made(quotaBytes: Bytes = 2 ** 40): Promise<StorePort> {
      underTest = await make({ quotaBytes, now: () => 1000 })
      return underTest.store
    }

    const one = madeTransfer()

    it('gives back the bytes that were put, whole, in part, and the short last chunk', async () => {
      const store = await made()
      await store.open(one.head())
      const last = one.chunks - 1
      for (const chunk of [3, last])
        expect(await store.put(one.id, chunk, one.digest(chunk), one.chunk(chunk))).toBe('kept')
      const whole = new Uint8Array(one.chunk(3).length)
      expect(await store.read(one.id, 3, 0, whole)).toBe(whole.length)
      expect(whole).toEqual(one.chunk(3))
      const part = new Uint8Array(100)
      expect(await store.read(one.id, 3, 700, part)).toBe(100)
      expect(part).toEqual(one.chunk(3).slice(700, 800))
      const tooLarge = new Uint8Array(one.chunk(3).length)
      expect(await store.read(one.id, last, 0, tooLarge)).toBe(one.chunk(last).length)
      expect(tooLarge.slice(0, one.chunk(last).length)).toEqual(one.chunk(last))
      expect(await store.read(one.id, last, one.chunk(last).length, part)).toBe(0)
    })

    it('keeps its own copy: the caller may use buffer and digest again', async () => {
      const store = await made()
      await store.open(one.head())
      const pooled = one.chunk(0)
      const digest = one.digest(0)
      await store.put(one.id, 0, digest, pooled)
      pooled.fill(0)
      digest.fill(0)
      const target = new Uint8Array(pooled.length)
      await store.read(one.id, 0, 0, target)
      expect(target).toEqual(one.chunk(0))
      expect(await store.put(one.id, 0, one.digest(0), one.chunk(0))).toBe('kept')
    })

    it('gives nothing that was not put', async () => {
      const store = await made()
      const target = new Uint8Array(10)
      await expect(store.read(one.id, 0, 0, target)).rejects.toMatchObject({ code: 'not-kept' })
      await store.open(one.head())
      await expect(store.read(one.id, 0, 0, target)).rejects.toMatchObject({ code: 'not-kept' })
      await expect(store.read(one.id, 99, 0, target)).rejects.toMatchObject({ code: 'not-kept' })
      expect(store.has(one.id, 0)).toBe(false)
      expect(store.has(one.id, -1)).toBe(false)
    })

    it('takes a chunk only for an open transfer, at its place, with its size', async () => {
      const store = await made()
      await expect(store.put(one.id, 0, one.digest(0), one.chunk(0))).rejects.toMatchObject({
        code: 'not-open'
      })
      await store.open(one.head())
      for (const chunk of [-1, one.chunks, 0.5, Number.NaN]) {
        await expect(store.put(one.id, chunk, one.digest(0), one.chunk(0))).rejects.toMatchObject({
          code: 'bad-chunk'
        })
      }
      await expect(store.put(one.id, 0, one.digest(0), one.chunk(0).subarray(1))).rejects.toMatchObject({
        code: 'bad-chunk'
      })
      expect((await store.usage()).usedBytes).toBe(0)
    })

    it('lets no id through that is not one', async () => {
      const store = await made()
      const evil = '../../../etc/passwd'
      await expect(store.open({ ...one.head(), transfer: evil })).rejects.toMatchObject({ code: 'bad-id' })
      await expect(store.put(evil, 0, one.digest(0), one.chunk(0))).rejects.toMatchObject({ code: 'bad-id' })
      await expect(store.read(`${one.id}/..`, 0, 0, new Uint8Array(1))).rejects.toMatchObject({
        code: 'bad-id'
      })
      await expect(store.remove(one.id.toUpperCase())).rejects.toMatchObject({ code: 'bad-id' })
      expect(store.has(evil, 0)).toBe(false)
    })

    it('counts a chunk once, however often and however simultaneously it is put', async () => {
      const store = await made()
      await store.open(one.head())
      const puts = Array.from({ length: 5 }, async () => {
        const answer = await store.put(one.id, 1, one.digest(1), one.chunk(1))
        return [answer, store.has(one.id, 1)]
      })
      expect(await Promise.all(puts)).toEqual(Array(5).fill(['kept', true]))
      expect(await store.put(one.id, 1, one.digest(1), one.chunk(1))).toBe('kept')
      expect((await store.usage()).usedBytes).toBe(one.chunk(1).length)
    })

    it('never puts other bytes over a kept chunk', async () => {
      const store = await made()
      await store.open(one.head())
      await store.put(one.id, 1, one.digest(1), one.chunk(1))
      await expect(store.put(one.id, 1, one.digest(2), one.chunk(2))).rejects.toMatchObject({
        code: 'digest-differs'
      })
      await store.drop(one.id, 1)
      expect(await store.put(one.id, 1, one.digest(2), one.chunk(2))).toBe('kept')
    })

    it('says full at the quota, changes nothing then, and takes chunks again once there is room', async () => {
      const chunkBytes = one.chunk(0).length
      const store = await made(2 * chunkBytes + 1)
      await store.open(one.head())
      const answers = await Promise.all(
        [0, 1, 2, 3].map(async chunk => await store.put(one.id, chunk, one.digest(chunk), one.chunk(chunk)))
      )
      expect(answers.filter(answer => answer === 'kept')).toHaveLength(2)
      expect(answers.filter(answer => answer === 'full')).toHaveLength(2)
      expect((await store.usage()).usedBytes).toBe(2 * chunkBytes)
      const refused = answers.indexOf('full')
      expect(store.has(one.id, refused)).toBe(false)
      await store.drop(one.id, answers.indexOf('kept'))
      expect(await store.put(one.id, refused, one.digest(refused), one.chunk(refused))).toBe('kept')
      expect((await store.usage()).usedBytes).toBe(2 * chunkBytes)
    })

    it('keeps to another quota from the moment that it is told', async () => {
      const chunkBytes = one.chunk(0).length
      const store = await made(chunkBytes)
      await store.open(one.head())
      const put = (chunk: number) => store.put(one.id, chunk, one.digest(chunk), one.chunk(chunk))
      expect([await put(0), await put(1)]).toEqual(['kept', 'full'])
      store.limit({ quotaBytes: 2 * chunkBytes, floorBytes: 0 })
      expect([await put(1), await put(2)]).toEqual(['kept', 'full'])
      store.limit({ quotaBytes: 0, floorBytes: 0 })
      expect(await store.usage()).toMatchObject({ usedBytes: 2 * chunkBytes, quotaBytes: 0 })
    })

    it('opens idempotently and keeps the newest head', async () => {
      const store = await made()
      await store.open(one.head(2))
      await store.put(one.id, 0, one.digest(0), one.chunk(0))
      await store.open(one.head(5))
      await store.open(one.head(3))
      const [stored, ...more] = store.list()
      expect(store.find(one.id)).toEqual(stored)
      expect(store.find('00'.repeat(32) as typeof one.id)).toBeNull()
      expect(more).toEqual([])
      expect(stored!.head).toEqual(one.head(5))
      expect(stored!.have.count).toBe(1)
      const head = one.head()
      await expect(store.open({ ...head, head: { ...head.head, length: 5 } })).rejects.toMatchObject({
        code: 'head-differs'
      })
    })

    it('keeps signed digests, each once', async () => {
      const store = await made()
      await expect(store.keepDigests(one.batch(0, 2))).rejects.toMatchObject({ code: 'not-open' })
      await store.open(one.head())
      await store.keepDigests(one.batch(0, 2))
      await store.keepDigests(one.batch(0, 2))
      await store.keepDigests(one.batch(2, 4))
      expect(store.list()[0]!.digests).toEqual([one.batch(0, 2), one.batch(2, 4)])
    })

    it('names the content once all chunks are in, and not before', async () => {
      const store = await made()
      await store.open(one.head())
      const digests = Array.from({ length: one.chunks }, (_, chunk) => one.digest(chunk))
      for (let chunk = 0; chunk < one.chunks - 1; chunk++)
        await store.put(one.id, chunk, digests[chunk]!, one.chunk(chunk))
      await expect(store.complete(one.id, digests)).rejects.toMatchObject({ code: 'not-complete' })
      await store.put(one.id, one.chunks - 1, digests.at(-1)!, one.chunk(one.chunks - 1))
      const { length, chunkBytes } = one.head().head
      const expected = contentIdOf({ length, chunkBytes, digests })
      expect(await store.complete(one.id, digests)).toBe(expected)
      expect(await store.complete(one.id, digests)).toBe(expected)
      expect(store.list()[0]).toMatchObject({ contentId: expected, completedAt: 1000, have: { full: true } })
      await expect(store.complete(one.id, [...digests].reverse())).rejects.toMatchObject({
        code: 'digest-differs'
      })
      await store.drop(one.id, 0)
      expect(store.list()[0]).toMatchObject({ contentId: null, completedAt: null })
    })

    it('keeps empty content too', async () => {
      const store = await made()
      const empty = madeTransfer({ name: 'empty', length: 0 })
      await store.open(empty.head())
      expect(await store.complete(empty.id, [])).toMatch(/^bafy/)
      expect((await store.usage()).usedBytes).toBe(0)
    })

    it('forgets a dropped chunk and nothing else', async () => {
      const store = await made()
      await store.open(one.head())
      for (const chunk of [0, 1]) await store.put(one.id, chunk, one.digest(chunk), one.chunk(chunk))
      await store.drop(one.id, 0)
      await store.drop(one.id, 0)
      await store.drop(one.id, 7)
      expect([store.has(one.id, 0), store.has(one.id, 1)]).toEqual([false, true])
      expect((await store.usage()).usedBytes).toBe(one.chunk(1).length)
      await expect(store.read(one.id, 0, 0, new Uint8Array(1))).rejects.toMatchObject({ code: 'not-kept' })
    })

    it('removes a transfer with all its bytes, and can begin it anew', async () => {
      const store = await made()
      const two = madeTransfer({ name: 'two' })
      for (const transfer of [one, two]) {
        await store.open(transfer.head())
        await store.put(transfer.id, 0, transfer.digest(0), transfer.chunk(0))
      }
      await store.remove(one.id)
      await store.remove(one.id)
      expect(store.list().map(({ head }) => head.transfer)).toEqual([two.id])
      expect((await store.usage()).usedBytes).toBe(two.chunk(0).length)
      await expect(store.put(one.id, 1, one.digest(1), one.chunk(1))).rejects.toMatchObject({
        code: 'not-open'
      })
      await store.open(one.head())
      expect(store.has(one.id, 0)).toBe(false)
      const again = store.list().find(({ head }) => head.transfer === one.id)!
      expect([again.have.count, again.digests.length, again.pinned]).toEqual([0, 0, false])
    })

    it('stays right when transfers are removed under those who read and write them', async () => {
      const store = await made()
      for (let round = 0; round < 10; round++) {
        await store.open(one.head())
        await store.put(one.id, 0, one.digest(0), one.chunk(0))
        const target = new Uint8Array(one.chunk(0).length)
        const results = await Promise.allSettled([
          store.read(one.id, 0, 0, target),
          store.put(one.id, 1, one.digest(1), one.chunk(1)),
          store.remove(one.id)
        ])
        const refusals = results.map(result => (result.status === 'rejected' ? codeOf(result.reason) : null))
        expect([null, 'not-kept']).toContain(refusals[0])
        expect([null, 'not-open']).toContain(refusals[1])
        expect(refusals[2]).toBeNull()
        // What a refused read left in the buffer is nobody's business.
        expect(refusals[0] === null ? target : one.chunk(0)).toEqual(one.chunk(0))
        expect((await store.usage()).usedBytes).toBe(0)
      }
    })

    it('keeps pins and the time of the last use, which never goes back', async () => {
      const store = await made()
      await store.open(one.head())
      expect(store.list()[0]).toMatchObject({ pinned: false, lastUsedAt: 1000 })
      store.touch(one.id, 5000)
      store.touch(one.id, 3000)
      await store.pin(one.id, true)
      expect(store.list()[0]).toMatchObject({ pinned: true, lastUsedAt: 5000 })
      await store.pin(one.id, false)
      expect(store.list()[0]!.pinned).toBe(false)
    })

    it('outlines what it keeps, in figures', async () => {
      const store = await made()
      expect([...store.outlines()]).toEqual([])
      expect(store.outline(one.id)).toBeNull()
      await store.open(one.head())
      const last = one.chunks - 1
      for (const chunk of [0, last]) await store.put(one.id, chunk, one.digest(chunk), one.chunk(chunk))
      await store.pin(one.id, true)
      const part = {
        head: one.head(),
        keptBytes: one.chunk(0).length + one.chunk(last).length,
        complete: false,
        lastUsedAt: 1000,
        pinned: true,
        completedAt: null
      }
      expect([...store.outlines()]).toEqual([part])
      expect(store.outline(one.id)).toEqual(part)
      for (let chunk = 1; chunk < last; chunk++)
        await store.put(one.id, chunk, one.digest(chunk), one.chunk(chunk))
      await store.complete(
        one.id,
        Array.from({ length: one.chunks }, (_, chunk) => one.digest(chunk))
      )
      expect(store.outline(one.id)).toMatchObject({ complete: true, completedAt: 1000 })
    })

    it('hands out snapshots: what a caller does to them changes nothing', async () => {
      const store = await made()
      await store.open(one.head())
      await store.put(one.id, 0, one.digest(0), one.chunk(0))
      store.list()[0]!.have.clear(0)
      const [loaded] = await store.load()
      loaded!.have.set(5)
      expect([store.has(one.id, 0), store.has(one.id, 5)]).toEqual([true, false])
    })

    it('tells which kept chunks no signed digest covers', async () => {
      const store = await made()
      await store.open(one.head())
      for (const chunk of [0, 1, 4]) await store.put(one.id, chunk, one.digest(chunk), one.chunk(chunk))
      await store.keepDigests(one.batch(0, 2))
      const [loaded] = await store.load()
      expect(loaded!.unsigned).toEqual([[4, one.digest(4)]])
    })

    it('verifies what it keeps and drops what is not what it should be', async () => {
      const store = await made()
      await store.open(one.head())
      await store.put(one.id, 0, one.digest(0), one.chunk(0))
      await store.put(one.id, 4, one.digest(5), one.chunk(4))
      const results = []
      for await (const result of store.verify()) results.push(result)
      expect(results).toEqual([{ transfer: one.id, key: one.head().head.key, chunks: 2, bad: [4] }])
      expect([store.has(one.id, 0), store.has(one.id, 4)]).toEqual([true, false])
      expect((await store.usage()).usedBytes).toBe(one.chunk(0).length)
    })

    it('remembers small facts, and forgets one that becomes undefined', async () => {
      const store = await made()
      expect(await store.recall('bans')).toBeUndefined()
      await store.remember('bans', { peers: ['a'] })
      await store.remember('bans', { peers: ['a', 'b'] })
      await store.remember('nothing', null)
      expect(await store.recall('bans')).toEqual({ peers: ['a', 'b'] })
      expect(await store.recall('nothing')).toBeNull()
      await store.remember('bans', undefined)
      expect(await store.recall('bans')).toBeUndefined()
    })
  })
}
