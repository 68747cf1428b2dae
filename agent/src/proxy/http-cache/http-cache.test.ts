import { describe, expect, test } from 'vitest'
import { recognise } from '@starling/shared/content-classes/recognise.ts'
import { KiB, type Bytes } from '@starling/shared/units.ts'
import { createLog } from '../../log.ts'
import type { CacheDisk } from './disk.ts'
import { createHttpCache } from './http-cache.ts'
import { termsOf, type Asked, type Kept } from './kept.ts'

const log = createLog('silent', 'test')

function keptOf(key: string, body: string, asked: Asked = {}, vary = 'x-kind', status = 200): Kept {
  const headers = [
    ['cache-control', 'max-age=60'],
    ['vary', vary]
  ] as const
  const terms = termsOf(asked, { status, headers }, recognise('http://a.example/'))!
  return { key, contentClass: 'generic', status, headers, body: Buffer.from(body), ...terms }
}

/** A disk whose operations end when the test says so. */
function slowDisk(): CacheDisk & { readonly records: Map<string, readonly Kept[]>; step(): Promise<void> } {
  const records = new Map<string, readonly Kept[]>()
  const waiting: Array<() => void> = []
  const turn = (): Promise<void> => new Promise(resolve => void waiting.push(resolve))
  return {
    records,
    step: async () => {
      waiting.shift()!()
      await new Promise<void>(resolve => void setImmediate(resolve))
    },
    read: async key => {
      const found = records.get(key) ?? null
      await turn()
      return found
    },
    write: async (key, variants) => {
      records.set(key, variants)
      await turn()
    },
    remove: key => {
      records.delete(key)
      return Promise.resolve()
    },
    purge: matches => {
      const hit = [...records.keys()].filter(key => matches(key, 'generic', 0))
      for (const key of hit) records.delete(key)
      return Promise.resolve(hit.length)
    },
    usage: () => ({ entries: records.size, bytes: 0 }),
    close: () => Promise.resolve()
  }
}

const turn = (): Promise<void> => new Promise<void>(resolve => void setImmediate(resolve))
const textOf = (body: Uint8Array | undefined): string | undefined =>
  body === undefined ? undefined : Buffer.from(body).toString()

describe('in memory', () => {
  const bodyFor = async (
    cache: ReturnType<typeof createHttpCache>,
    key: string,
    asked: Asked = {}
  ): Promise<string | undefined> => textOf((await cache.find(key, asked))?.kept.body)

  test('variants lie side by side, and the newest takes the place of its like', async () => {
    const cache = createHttpCache(null, log)
    for (const [kind, body] of [
      ['a', '1'],
      ['b', '2'],
      ['a', '3']
    ] as const)
      cache.keep(keptOf('k', body, { 'x-kind': kind }), { 'x-kind': kind })
    expect(await bodyFor(cache, 'k', { 'x-kind': 'a' })).toBe('3')
    expect(await bodyFor(cache, 'k', { 'x-kind': 'b' })).toBe('2')
    expect(await bodyFor(cache, 'k', { 'x-kind': 'c' })).toBeUndefined()
    expect(await bodyFor(cache, 'other', { 'x-kind': 'a' })).toBeUndefined()
  })

  test('what comes with another status takes the place of all', async () => {
    const cache = createHttpCache(null, log)
    cache.keep(keptOf('k', 'here', { 'x-kind': 'a' }), { 'x-kind': 'a' })
    cache.keep(keptOf('k', 'gone', { 'x-kind': 'b' }, 'x-kind', 404), { 'x-kind': 'b' })
    expect(await bodyFor(cache, 'k', { 'x-kind': 'a' })).toBeUndefined()
  })

  test('of many variants the oldest goes', async () => {
    const cache = createHttpCache(null, log, { memoryBytesMax: 100 * KiB, variantsMax: 2 })
    for (const kind of ['a', 'b', 'c']) cache.keep(keptOf('k', kind, { 'x-kind': kind }), { 'x-kind': kind })
    expect(await bodyFor(cache, 'k', { 'x-kind': 'a' })).toBeUndefined()
    expect(await bodyFor(cache, 'k', { 'x-kind': 'b' })).toBe('b')
  })

  test('there is never more than fits, and what was not used goes first', async () => {
    const memoryBytesMax: Bytes = 100 * KiB
    const cache = createHttpCache(null, log, { memoryBytesMax, variantsMax: 4 })
    for (let index = 0; index < 20; index++) {
      cache.keep(keptOf(`k${index}`, 'x'.repeat(10 * KiB)), {})
      await cache.find('k0', {})
      expect(cache.usage().memoryBytes).toBeLessThanOrEqual(memoryBytesMax)
    }
    expect([await bodyFor(cache, 'k0'), await bodyFor(cache, 'k1')]).toEqual([expect.anything(), undefined])
  })

  test('headers count', () => {
    const cache = createHttpCache(null, log)
    const kept = keptOf('k', '')
    cache.keep({ ...kept, headers: [['x-long', 'x'.repeat(30 * KiB)]] }, {})
    expect(cache.usage().memoryBytes).toBeGreaterThan(30 * KiB)
  })

  test('forgotten is one, purged is what matches', async () => {
    const cache = createHttpCache(null, log)
    for (const key of ['a', 'b', 'c']) cache.keep(keptOf(key, key), {})
    cache.forget('a')
    expect(await cache.purge((key, contentClass) => key === 'b' && contentClass === 'generic')).toBe(1)
    expect(await Promise.all(['a', 'b', 'c'].map(key => bodyFor(cache, key)))).toEqual([
      undefined,
      undefined,
      'c'
    ])
  })
})

describe('behind it, on disk,', () => {
  test('is in the end what was kept last, however slow it is, and not each step of the way', async () => {
    const disk = slowDisk()
    const cache = createHttpCache(disk, log)
    cache.keep(keptOf('k', '1'), {})
    await turn()
    for (const body of ['2', '3']) cache.keep(keptOf('k', body), {})
    await disk.step()
    expect(textOf(disk.records.get('k')![0]!.body)).toBe('3')
  })

  test('lies what memory has lost', async () => {
    const disk = slowDisk()
    disk.records.set('k', [keptOf('k', 'old')])
    const cache = createHttpCache(disk, log)
    const found = cache.find('k', {})
    await disk.step()
    expect(textOf((await found)?.kept.body)).toBe('old')
    expect(cache.usage().memoryBytes).toBeGreaterThan(0)
  })

  test('nothing is read over what was kept meanwhile', async () => {
    const disk = slowDisk()
    disk.records.set('k', [keptOf('k', 'old')])
    const cache = createHttpCache(disk, log)
    const found = cache.find('k', {})
    cache.keep(keptOf('k', 'new'), {})
    await disk.step()
    expect(textOf((await found)?.kept.body)).toBe('new')
  })

  test.each(['purged', 'forgotten'])('what is %s while it is read does not come back', async how => {
    const disk = slowDisk()
    disk.records.set('k', [keptOf('k', 'withdrawn')])
    const cache = createHttpCache(disk, log)
    const found = cache.find('k', {})
    if (how === 'purged') await cache.purge(() => true)
    else cache.forget('k')
    await disk.step()
    expect(await found).toBeNull()
    expect([cache.usage().memoryBytes, disk.records.size]).toEqual([0, 0])
  })

  test('what is purged before its turn to be written is not written', async () => {
    const disk = slowDisk()
    const cache = createHttpCache(disk, log)
    cache.keep(keptOf('first', ''), {})
    cache.keep(keptOf('k', 'withdrawn'), {})
    await turn()
    await cache.purge(key => key === 'k')
    await disk.step()
    await cache.close()
    expect([...disk.records.keys()]).toEqual(['first'])
  })

  test('a failure costs nothing but the disk', async () => {
    const disk = { ...slowDisk(), write: () => Promise.reject(new Error('full')) }
    const cache = createHttpCache(disk, log)
    cache.keep(keptOf('k', 'here'), {})
    await turn()
    expect(textOf((await cache.find('k', {}))?.kept.body)).toBe('here')
    const unreadable = createHttpCache({ ...disk, read: () => Promise.reject(new Error('bad')) }, log)
    expect(await unreadable.find('k', {})).toBeNull()
    await cache.close()
  })
})
