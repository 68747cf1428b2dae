import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { madeTransfer } from '../../../test/doubles/made-transfer.ts'
import { digestsOf, putAll } from '../../../test/doubles/store-folder.ts'
import { createLog } from '../log.ts'
import { createStore } from './store.ts'

const one = madeTransfer({ name: 'one' })
let root: string
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'starling-moved-'))
})
afterEach(() => rm(root, { recursive: true }))

const openAt = (drive: string | null) =>
  createStore(
    { log: createLog('silent', 'test') },
    {
      folder: join(root, 'data'),
      contentFolder: drive === null ? null : join(root, drive),
      quotaBytes: 2 ** 40,
      floorBytes: 0,
      now: () => 1000
    }
  )

async function fill(drive: string | null): Promise<void> {
  const store = await openAt(drive)
  await putAll(store, one)
  await store.complete(one.id, digestsOf(one))
  await store.close()
}

it('the content lies on the drive that policy names, index and facts where they were', async () => {
  await fill('drive')
  expect(await readdir(join(root, 'drive', 'content'))).toEqual([one.id.slice(0, 2)])
  expect((await readdir(join(root, 'data'))).toSorted()).toEqual(['facts.log', 'index'])
  const again = await openAt('drive')
  expect(again.list()).toMatchObject([{ completedAt: 1000, have: { full: true } }])
  await again.close()
})

it('what lies in the old place is removed, and nothing else there', async () => {
  await fill(null)
  const old = join(root, 'data', 'content')
  await writeFile(join(old, 'notes.txt'), 'somebody wrote this')
  const store = await openAt('drive')
  expect(store.list()).toEqual([])
  await store.close()
  expect(await readdir(old)).toEqual(['notes.txt'])
  await (await openAt(null)).close()
  expect(await readdir(join(root, 'drive'))).toEqual([])
})

it('a place that is gone with its drive is nobody to wait for', async () => {
  await fill('drive')
  await rm(join(root, 'drive'), { recursive: true })
  const store = await openAt(null)
  expect(store.list()).toEqual([])
  await store.close()
  await mkdir(join(root, 'drive'))
})
