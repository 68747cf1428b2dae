import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { lstat, readdir, readlink } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { madeTransfer } from '../../../test/doubles/made-transfer.ts'
import { putAll, rightChunks, storeFolder, type StoreFolder } from '../../../test/doubles/store-folder.ts'
import { createLog } from '../log.ts'
import { rebuild } from './store.ts'

let folder: StoreFolder
beforeEach(async () => {
  folder = await storeFolder()
})
afterEach(async () => {
  await folder.end()
})

const one = madeTransfer()

it('has one owner: a second is told what to do, and harms nothing', async () => {
  const store = await folder.open()
  await putAll(store, one)
  const inUse = {
    code: 'folder-in-use',
    message: `another agent already uses ${folder.path}: stop it, or give this one a folder of its own with --data`
  }
  await expect(folder.open()).rejects.toMatchObject(inUse)
  await expect(rebuild({ log: createLog('silent', 'test') }, { folder: folder.path })).rejects.toMatchObject(
    inUse
  )
  expect(await rightChunks(store, one)).toHaveLength(one.chunks)
  await store.close()
  expect(await rightChunks(await folder.open(), one)).toHaveLength(one.chunks)
})

it('has one owner across processes, and is free again the moment that one is killed', async () => {
  const script = `
    import { createStore } from ${JSON.stringify(import.meta.resolve('./store.ts'))}
    import { createLog } from ${JSON.stringify(import.meta.resolve('../log.ts'))}
    await createStore({ log: createLog('silent', 'owner') }, { folder: ${JSON.stringify(folder.path)}, quotaBytes: 1e9, floorBytes: 0 })
    process.stdout.write('open')
    setInterval(() => {}, 1000)`
  const owner = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit']
  })
  const ended = once(owner, 'exit')
  try {
    await Promise.race([once(owner.stdout, 'data'), ended])
    await expect(folder.open()).rejects.toMatchObject({ code: 'folder-in-use' })
  } finally {
    owner.kill('SIGKILL')
    await ended
  }
  await putAll(await folder.open(), one)
})

it('takes nothing after it was closed', async () => {
  const store = await folder.open()
  await putAll(store, one, [0])
  const late = store.put(one.id, 1, one.digest(1), one.chunk(1))
  await store.close()
  expect(await late).toBe('kept')
  await expect(store.put(one.id, 2, one.digest(2), one.chunk(2))).rejects.toMatchObject({
    code: 'store-closed'
  })
  await expect(store.open(one.head())).rejects.toMatchObject({ code: 'store-closed' })
  await store.close()
  expect(await rightChunks(await folder.open(), one)).toEqual([0, 1])
})

it.skipIf(process.platform === 'win32')('is for this account alone', async () => {
  const store = await folder.open()
  await putAll(store, one)
  await store.remember('x', 1)
  const mode = async (...names: string[]) => (await lstat(join(folder.path, ...names))).mode & 0o777
  const shard = one.id.slice(0, 2)
  for (const path of [['content'], ['index'], ['content', shard]]) expect(await mode(...path)).toBe(0o700)
  for (const path of [
    ['facts.log'],
    ['content', shard, `${one.id}.data`],
    ['content', shard, `${one.id}.manifest`]
  ]) {
    expect(await mode(...path)).toBe(0o600)
  }
})

it.skipIf(process.platform !== 'linux')('keeps few files open, and closes before it removes', async () => {
  const store = await folder.open({ handlesMax: 4 })
  const many = Array.from({ length: 12 }, (_, at) => madeTransfer({ name: `${at}`, length: 30_000 }))
  await Promise.all(
    many.map(async made => {
      await putAll(store, made)
    })
  )
  for (const made of many) expect(await rightChunks(store, made)).toHaveLength(made.chunks)
  const openFiles = async () => {
    const links = await Promise.all(
      (await readdir('/proc/self/fd')).map(async fd => await readlink(`/proc/self/fd/${fd}`).catch(() => ''))
    )
    return links.filter(link => link.startsWith(join(folder.path, 'content')))
  }
  // A handle that had to go is closed in the background.
  await expect.poll(openFiles).toHaveLength(4)
  for (const made of many) await store.remove(made.id)
  expect(await openFiles()).toEqual([])
})
