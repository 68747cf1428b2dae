import {
  copyFile,
  cp,
  lstat,
  mkdir,
  open,
  readdir,
  readFile,
  rm,
  symlink,
  truncate,
  writeFile
} from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { madeTransfer } from '../../../test/doubles/made-transfer.ts'
import {
  digestsOf,
  putAll,
  rightChunks,
  storeFolder,
  type StoreFolder
} from '../../../test/doubles/store-folder.ts'
import { createLog } from '../log.ts'
import { rebuild } from './store.ts'

const one = madeTransfer({ name: 'one' })
const two = madeTransfer({ name: 'two' })
const all = [...Array(one.chunks).keys()]
/** No batch is due while the test runs: what is written stays unsynced. */
const never = { syncDelayMs: 2 ** 30 }

let folder: StoreFolder
beforeEach(async () => {
  folder = await storeFolder()
})
afterEach(async () => {
  await folder.end()
})

const fileOf = (at: StoreFolder, id: string, suffix: string) =>
  join(at.path, 'content', id.slice(0, 2), `${id}.${suffix}`)

async function overwrite(path: string, position: number, bytes: Uint8Array): Promise<void> {
  const handle = await open(path, 'r+')
  await handle.write(bytes, 0, bytes.length, position)
  await handle.close()
}

async function filled(): Promise<void> {
  const store = await folder.open({ now: () => 1000 })
  await putAll(store, one)
  await store.complete(one.id, digestsOf(one))
  await putAll(store, two, [0, 2, 9])
  await store.keepDigests(two.batch(0, 3))
  await store.pin(two.id, true)
  store.touch(two.id, 7000)
  await store.remember('serial', 42)
  await store.close()
}

it('finds everything again after a restart', async () => {
  await filled()
  const store = await folder.open()
  const loaded = new Map((await store.load()).map(stored => [stored.head.transfer, stored]))
  expect(loaded.get(one.id)).toMatchObject({
    head: one.head(),
    have: { full: true },
    lastUsedAt: 1000,
    pinned: false,
    contentId: expect.stringMatching(/^bafy/)
  })
  expect(loaded.get(two.id)).toMatchObject({
    digests: [two.batch(0, 3)],
    lastUsedAt: 7000,
    pinned: true,
    contentId: null
  })
  expect(await rightChunks(store, one)).toEqual(all)
  expect(await rightChunks(store, two)).toEqual([0, 2, 9])
  expect((await store.usage()).usedBytes).toBe(
    one.head().head.length + 2 * two.chunk(0).length + two.chunk(9).length
  )
  expect(await store.recall('serial')).toBe(42)
})

it('keeps what comes after a transfer was complete, too', async () => {
  const store = await folder.open()
  await putAll(store, one)
  await store.complete(one.id, digestsOf(one))
  await store.pin(one.id, true)
  await store.drop(one.id, 2)
  await store.keepDigests(one.batch(0, 5))
  await store.close()
  const [stored] = (await folder.open()).list()
  expect(stored).toMatchObject({
    pinned: true,
    contentId: null,
    digests: [one.batch(0, 5)],
    have: { count: all.length - 1 }
  })
})

describe('an index that is lost, in whole or in part, costs hashing and nothing else', () => {
  const damages: Record<string, (index: string) => Promise<void>> = {
    deleted: async index => {
      await rm(index, { recursive: true })
    },
    'CURRENT empty': async index => {
      await truncate(join(index, 'CURRENT'), 0)
    },
    'CURRENT garbled': async index => {
      await writeFile(join(index, 'CURRENT'), 'nonsense')
    },
    'MANIFEST cut in half': async index => {
      await cutInHalf(index, /^MANIFEST/)
    },
    'log cut in half': async index => {
      await cutInHalf(index, /\.log$/)
    },
    'every file zeroed': async index => {
      for (const name of await readdir(index))
        await writeFile(join(index, name), Buffer.alloc((await lstat(join(index, name))).size))
    },
    'log garbled': async index => {
      for (const name of await namesLike(index, /\.log$/))
        await overwrite(join(index, name), 20, Buffer.from('garbled'))
    }
  }
  it.each(Object.entries(damages))('%s', async (_, damage) => {
    await filled()
    await damage(join(folder.path, 'index'))
    const store = await folder.open()
    expect(await rightChunks(store, one)).toEqual(all)
    expect(await rightChunks(store, two)).toEqual([0, 2, 9])
    expect(store.list().find(({ head }) => head.transfer === two.id)?.pinned).toBe(true)
    expect(await store.recall('serial')).toBe(42)
    await putAll(store, two)
    await store.close()
    expect(await rightChunks(await folder.open(), two)).toEqual(all)
  })

  async function namesLike(index: string, shape: RegExp): Promise<string[]> {
    const names = (await readdir(index)).filter(name => shape.test(name))
    expect(names.length).toBeGreaterThan(0)
    return names
  }

  async function cutInHalf(index: string, shape: RegExp): Promise<void> {
    for (const name of await namesLike(index, shape))
      await truncate(join(index, name), Math.floor((await lstat(join(index, name))).size / 2))
  }
})

it('hashes only what was not synced, and believes the rest', async () => {
  const store = await folder.open(never)
  await putAll(store, one)
  await store.complete(one.id, digestsOf(one))
  await putAll(store, two, [0, 1, 2])
  await store.close()
  const later = await folder.open(never)
  await putAll(later, two, [3, 4, 5])
  const image = await folder.crashImage()
  // Bytes that never reached the disk: power loss took the write, and left zeros.
  const { length } = two.chunk(0)
  await overwrite(fileOf(image, two.id, 'data'), 4 * length, Buffer.alloc(length))
  // Damage to a synced chunk is not looked for at start: this is how we see that it was not hashed.
  await overwrite(fileOf(image, two.id, 'data'), 1 * length, Buffer.alloc(length))
  const recovered = await image.open()
  expect(all.filter(chunk => recovered.has(two.id, chunk))).toEqual([0, 1, 2, 3, 5])
  const verified = []
  for await (const { transfer, bad } of recovered.verify()) verified.push({ transfer, bad })
  expect(verified).toContainEqual({ transfer: two.id, bad: [1] })
  expect(verified).toContainEqual({ transfer: one.id, bad: [] })
  expect(await rightChunks(recovered, two)).toEqual([0, 2, 3, 5])
})

it('sets no bit in the index before the bytes are synced', async () => {
  const store = await folder.open(never)
  await putAll(store, one)
  const image = await folder.crashImage()
  await writeFile(fileOf(image, one.id, 'data'), Buffer.alloc(one.head().head.length))
  expect(await rightChunks(await image.open(), one)).toEqual([])
})

it('does not bring back a dropped chunk with an older index', async () => {
  await filled()
  const index = join(folder.path, 'index')
  const older = join(folder.path, 'older')
  await cp(index, older, { recursive: true })
  const store = await folder.open(never)
  await store.drop(one.id, 4)
  await store.put(one.id, 4, one.digest(4), one.chunk(4))
  const image = await folder.crashImage()
  // The second write of chunk 4 was lost, and so were the index's last records.
  await overwrite(fileOf(image, one.id, 'data'), 4 * one.chunk(0).length, Buffer.alloc(100))
  await rm(join(image.path, 'index'), { recursive: true })
  await cp(older, join(image.path, 'index'), { recursive: true })
  const recovered = await image.open()
  expect(await rightChunks(recovered, one)).toEqual(all.filter(chunk => chunk !== 4))
  expect(recovered.list().find(({ head }) => head.transfer === one.id)?.contentId).toBeNull()
})

it('does not believe the bits of a transfer that was removed and begun anew', async () => {
  await filled()
  const older = join(folder.path, 'older')
  await cp(join(folder.path, 'index'), older, { recursive: true })
  const store = await folder.open()
  await store.remove(one.id)
  await putAll(store, one, [3])
  await store.close()
  await rm(join(folder.path, 'index'), { recursive: true })
  await cp(older, join(folder.path, 'index'), { recursive: true })
  expect(await rightChunks(await folder.open(), one)).toEqual([3])
})

it('takes what is before a manifest torn at any frame, and goes on from there', async () => {
  await filled()
  const manifest = fileOf(folder, two.id, 'manifest')
  const whole = await readFile(manifest)
  const seen = new Set<number>()
  for (let cut = whole.length - 1; cut > 0; cut -= 37) {
    await writeFile(manifest, whole.subarray(0, cut))
    const store = await folder.open()
    seen.add((await rightChunks(store, two)).length)
    await store.close()
  }
  expect(seen).toEqual(new Set([0, 1, 2, 3]))
})

it('appends after the good part of a torn manifest, not after the torn one', async () => {
  await filled()
  const manifest = fileOf(folder, two.id, 'manifest')
  await writeFile(manifest, Buffer.concat([await readFile(manifest), Buffer.alloc(1000, 7)]))
  const store = await folder.open()
  await putAll(store, two)
  await store.close()
  expect(await rightChunks(await folder.open(), two)).toEqual(all)
})

it('forgets a transfer whose manifest cannot be read, with its bytes', async () => {
  await filled()
  await writeFile(fileOf(folder, one.id, 'manifest'), 'nonsense')
  const store = await folder.open()
  expect(store.list().map(({ head }) => head.transfer)).toEqual([two.id])
  await expect(lstat(fileOf(folder, one.id, 'data'))).rejects.toMatchObject({ code: 'ENOENT' })
  await putAll(store, one)
  expect(await rightChunks(store, one)).toEqual(all)
})

it('keeps the chunks that a truncated data file still holds', async () => {
  await filled()
  await truncate(fileOf(folder, one.id, 'data'), 4 * one.chunk(0).length + 5)
  const store = await folder.open()
  expect(await rightChunks(store, one)).toEqual([0, 1, 2, 3])
  await putAll(store, one)
  expect(await rightChunks(store, one)).toEqual(all)
})

it('lives with a data file that is gone', async () => {
  await filled()
  await rm(fileOf(folder, one.id, 'data'))
  const store = await folder.open()
  expect(await rightChunks(store, one)).toEqual([])
  await putAll(store, one)
  expect(await rightChunks(store, one)).toEqual(all)
})

it('says so when a data file is cut off under it, and gives no byte', async () => {
  await filled()
  const store = await folder.open()
  await truncate(fileOf(folder, one.id, 'data'), 10)
  await expect(store.read(one.id, 0, 0, new Uint8Array(100))).rejects.toMatchObject({ code: 'short-read' })
})

it('sweeps away what a crash left half made, and leaves alone what is not ours', async () => {
  await filled()
  const orphan = madeTransfer({ name: 'orphan' }).id
  await mkdir(join(folder.path, 'content', orphan.slice(0, 2)), { recursive: true })
  await writeFile(fileOf(folder, orphan, 'data'), 'bytes')
  await copyFile(fileOf(folder, one.id, 'manifest'), fileOf(folder, one.id, 'manifest.new'))
  const foreign = join(folder.path, 'content', one.id.slice(0, 2), 'notes.txt')
  await writeFile(foreign, 'mine')
  await folder.open()
  await expect(lstat(fileOf(folder, orphan, 'data'))).rejects.toMatchObject({ code: 'ENOENT' })
  await expect(lstat(fileOf(folder, one.id, 'manifest.new'))).rejects.toMatchObject({ code: 'ENOENT' })
  expect(await readFile(foreign, 'utf8')).toBe('mine')
})

it('believes no manifest under another name', async () => {
  await filled()
  await mkdir(join(folder.path, 'content', two.id.slice(0, 2)), { recursive: true })
  await copyFile(fileOf(folder, one.id, 'manifest'), fileOf(folder, two.id, 'manifest'))
  const store = await folder.open()
  expect(store.list().map(({ head }) => head.transfer)).toEqual([one.id])
})

it('is made anew on demand: every chunk is hashed, bad ones are dropped', async () => {
  await filled()
  await overwrite(fileOf(folder, one.id, 'data'), 0, Buffer.alloc(100))
  const collaborators = { log: createLog('silent', 'test') }
  expect(await rebuild(collaborators, { folder: folder.path })).toEqual({
    transfers: 2,
    chunks: all.length + 3,
    bad: 1
  })
  expect(await rebuild(collaborators, { folder: folder.path })).toMatchObject({ bad: 0 })
  expect(await rightChunks(await folder.open(), one)).toEqual(all.slice(1))
})

describe.skipIf(process.platform === 'win32')('links', () => {
  it.each(['content', 'content/shard', 'data', 'manifest', 'facts.log'])(
    'refuses a link in the place of %s',
    async what => {
      await filled()
      const path = {
        content: join(folder.path, 'content'),
        'content/shard': join(folder.path, 'content', one.id.slice(0, 2)),
        data: fileOf(folder, one.id, 'data'),
        manifest: fileOf(folder, one.id, 'manifest'),
        'facts.log': join(folder.path, 'facts.log')
      }[what]!
      await cp(path, `${path}.elsewhere`, { recursive: true })
      await rm(path, { recursive: true })
      await symlink(`${path}.elsewhere`, path)
      await expect(folder.open()).rejects.toMatchObject({
        code: 'folder-unsafe',
        message: expect.stringContaining('remove it')
      })
    }
  )

  it('follows none that appears while it runs', async () => {
    const store = await folder.open({ handlesMax: 0 })
    await putAll(store, one)
    const data = fileOf(folder, one.id, 'data')
    await rm(data)
    await symlink('/etc/passwd', data)
    await expect(store.read(one.id, 0, 0, new Uint8Array(10))).rejects.toMatchObject({
      code: 'folder-unsafe'
    })
  })
})
