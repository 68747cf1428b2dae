import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Level } from 'level'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { recognise } from '@starling/shared/content-classes/recognise.ts'
import { KiB, MiB } from '@starling/shared/units.ts'
import {
  ask,
  cleanUp,
  closers,
  proxyOf,
  serve,
  swarm,
  upstreamOf
} from '../../../../test/doubles/proxy-harness.ts'
import { createLog } from '../../log.ts'
import { openCacheDisk, type CacheDisk } from './disk.ts'
import { createHttpCache } from './http-cache.ts'
import { termsOf, useOf, type Kept } from './kept.ts'

const log = createLog('silent', 'test')
let folder: string
beforeEach(async () => {
  const made = await mkdtemp(join(tmpdir(), 'starling-small-'))
  folder = join(made, 'small')
  closers.push(() => rm(made, { recursive: true, force: true }))
})
afterEach(cleanUp)

async function open(quotaBytes = MiB): Promise<CacheDisk> {
  const disk = await openCacheDisk(folder, quotaBytes, log)
  closers.push(() => disk.close())
  return disk
}

function keptOf(key: string, body: string, contentClass = 'generic'): Kept {
  const headers = [
    ['cache-control', 'max-age=60'],
    ['vary', 'x-kind'],
    ['x-name', 'caf\u00e9']
  ] as const
  const terms = termsOf({ 'x-kind': 'a' }, { status: 200, headers }, recognise('http://a.example/'))!
  return { key, contentClass, status: 200, headers, body: Buffer.from(body), ...terms }
}
const bodyOf = async (disk: CacheDisk, key: string): Promise<string | undefined> => {
  const read = await disk.read(key)
  return read === null ? undefined : Buffer.from(read[0]!.body).toString()
}

describe('what was written', () => {
  test('is there when the disk is opened again, and still knows for whom it is', async () => {
    const disk = await open()
    await disk.write('k', [keptOf('k', 'body')])
    await disk.close()
    const again = await open()
    const [kept] = (await again.read('k'))!
    const { policy: _policy, body, ...facts } = kept!
    const { policy: _written, body: _body, ...written } = keptOf('k', 'body')
    expect([facts, Buffer.from(body).toString()]).toEqual([written, 'body'])
    expect(useOf(kept!, { 'x-kind': 'a' }).kind).toBe('fresh')
    expect(useOf(kept!, { 'x-kind': 'b' }).kind).toBe('other')
    expect(again.usage()).toEqual(disk.usage())
  })

  test('answers after a restart without a request', async () => {
    let requests = 0
    const url = await serve((_req, res) => {
      requests++
      res.writeHead(200, { 'cache-control': 'max-age=60' }).end('body')
    })
    for (let life = 0; life < 2; life++) {
      const upstream = upstreamOf()
      const cache = createHttpCache(await openCacheDisk(folder, MiB, log), log)
      const proxy = await proxyOf(swarm(upstream), {}, upstream, cache)
      expect((await ask(proxy, `${url}/page`)).body.toString()).toBe('body')
      await proxy.close()
      await cache.close()
    }
    expect(requests).toBe(1)
  })

  test('is what was written last', async () => {
    const disk = await open()
    await Promise.all(['1', '2', '3'].map(body => disk.write('k', [keptOf('k', body)])))
    expect([await bodyOf(disk, 'k'), disk.usage().entries]).toEqual(['3', 1])
  })

  test('goes, the oldest first, when there is too much', async () => {
    const disk = await open(100 * KiB)
    for (let index = 0; index < 20; index++) {
      await disk.write(`k${index}`, [keptOf(`k${index}`, 'x'.repeat(10 * KiB))])
      expect(disk.usage().bytes).toBeLessThanOrEqual(100 * KiB)
    }
    expect([await bodyOf(disk, 'k0'), await bodyOf(disk, 'k19')]).toEqual([undefined, expect.anything()])
  })

  test('is not counted when it could not be written', async () => {
    const disk = await open()
    await disk.write('a', [keptOf('a', 'body')])
    await disk.close()
    await expect(disk.write('a', [keptOf('a', 'newer')])).rejects.toThrow()
    await expect(disk.write('b', [keptOf('b', 'body')])).rejects.toThrow()
    expect(disk.usage()).toEqual({ entries: 0, bytes: 0 })
  })

  test('is gone when it is purged or removed, after a restart too', async () => {
    const disk = await open()
    for (const [key, contentClass] of [
      ['a', 'generic'],
      ['b', 'generic'],
      ['c', 'other']
    ] as const)
      await disk.write(key, [keptOf(key, key, contentClass)])
    expect(await disk.purge((_key, contentClass) => contentClass === 'other')).toBe(1)
    await disk.remove('a')
    await disk.close()
    const again = await open()
    expect(await Promise.all(['a', 'b', 'c'].map(key => bodyOf(again, key)))).toEqual([
      undefined,
      'b',
      undefined
    ])
    expect(again.usage().entries).toBe(1)
  })

  test('is told with its moment to who purges: what was written later stays', async () => {
    const disk = await open()
    await disk.write('k', [keptOf('k', 'body')])
    const before = Date.now() - 60_000
    expect(await disk.purge((_key, _class, writtenAt) => writtenAt <= before)).toBe(0)
    expect(await disk.purge((_key, _class, writtenAt) => writtenAt <= Date.now())).toBe(1)
    await disk.close()
  })

  test('is gone although its write was under way when it was purged', async () => {
    const disk = await open()
    const writing = disk.write('k', [keptOf('k', 'withdrawn')])
    await disk.purge(() => true)
    await writing
    await disk.close()
    const again = await open()
    expect([await bodyOf(again, 'k'), again.usage()]).toEqual([undefined, { entries: 0, bytes: 0 }])
  })
})

describe('damage', () => {
  async function damage(change: (database: Level<string, Uint8Array>) => Promise<void>): Promise<void> {
    const database = new Level<string, Uint8Array>(folder, { keyEncoding: 'utf8', valueEncoding: 'view' })
    await change(database)
    await database.close()
  }
  const firstName = async (database: Level<string, Uint8Array>, prefix: string): Promise<string> =>
    (await database.keys({ gte: prefix, limit: 1 }).all())[0]!

  test.each(['body', 'caf\u00e9', 'short'])('to a record (%s) costs that record', async what => {
    const disk = await open()
    await disk.write('k', [keptOf('k', 'body')])
    await disk.close()
    await damage(async database => {
      const name = await firstName(database, 'r!')
      const value = Buffer.from((await database.get(name))!)
      if (what !== 'short') value[value.indexOf(what)]! ^= 1
      await database.put(name, what === 'short' ? value.subarray(0, 20) : value)
    })
    const again = await open()
    expect([await again.read('k'), again.usage()]).toEqual([null, { entries: 0, bytes: 0 }])
  })

  test('to the list costs everything, and not the start', async () => {
    const disk = await open()
    await disk.write('k', [keptOf('k', 'body')])
    await disk.close()
    await damage(async database => {
      await database.put(await firstName(database, 'l!'), Buffer.from([0xff]))
    })
    const again = await open()
    expect(again.usage().entries).toBe(0)
    await again.write('k', [keptOf('k', 'new')])
    expect(await bodyOf(again, 'k')).toBe('new')
  })

  test('to the database costs everything, and not the start', async () => {
    const disk = await open()
    await disk.write('k', [keptOf('k', 'body')])
    await disk.close()
    for (const name of await readdir(folder)) await writeFile(join(folder, name), 'nonsense')
    const again = await open()
    expect(again.usage().entries).toBe(0)
    await again.write('k', [keptOf('k', 'new')])
    expect(await bodyOf(again, 'k')).toBe('new')
  })
})
