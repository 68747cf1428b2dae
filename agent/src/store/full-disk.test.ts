import { execFileSync } from 'node:child_process'
import { mkdtemp, open, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, type TestContext } from 'vitest'
import { madeTransfer } from '../../../test/doubles/made-transfer.ts'
import { putAll, rightChunks, storeFolder, type StoreFolder } from '../../../test/doubles/store-folder.ts'
import { codeOf, messageOf } from '@starling/shared/errors.ts'
import { MiB } from '@starling/shared/units.ts'

const made = madeTransfer({ chunkBytes: MiB, length: 16 * MiB })

it('stops at the floor of free space', async () => {
  const folder = await storeFolder()
  try {
    const { freeBytes } = await (await folder.open()).usage()
    const other = await storeFolder()
    try {
      const store = await other.open({ floorBytes: freeBytes * 2 })
      await store.open(made.head())
      expect(await store.put(made.id, 0, made.digest(0), made.chunk(0))).toBe('full')
      expect(await store.usage()).toMatchObject({ usedBytes: 0, floorBytes: freeBytes * 2 })
    } finally {
      await other.end()
    }
  } finally {
    await folder.end()
  }
})

it('says full when another program fills the disk between two looks at it, and leaves no half transfer', async context => {
  await onSmallDisk(context, async (folder, disk) => {
    const store = await folder.open({ folder: disk })
    await putAll(store, made, [0])
    await fill(join(disk, 'other'))
    expect(await store.put(made.id, 1, made.digest(1), made.chunk(1))).toBe('full')
    expect((await store.usage()).usedBytes).toBe(MiB)
    const two = madeTransfer({ name: 'two' })
    await expect(store.open(two.head())).rejects.toMatchObject({ code: 'full' })
    expect(await filesOf(disk, two.id)).toEqual([])
    expect(await rightChunks(store, made)).toEqual([0])
    await rm(join(disk, 'other'))
    await putAll(store, two)
    await putAll(store, made, [1])
    await store.close()
    const again = await folder.open({ folder: disk })
    expect(await rightChunks(again, made)).toEqual([0, 1])
    expect(await rightChunks(again, two)).toHaveLength(two.chunks)
    await again.close()
  })
})

it('says full when the disk is, keeps what it has, and goes on once there is room', async context => {
  await onSmallDisk(context, async (folder, disk) => {
    const store = await folder.open({ folder: disk })
    await store.open(made.head())
    const answers = []
    for (let chunk = 0; chunk < made.chunks; chunk++) {
      answers.push(await store.put(made.id, chunk, made.digest(chunk), made.chunk(chunk)))
    }
    const keptCount = answers.filter(answer => answer === 'kept').length
    expect(keptCount).toBeGreaterThanOrEqual(4)
    expect(answers.slice(keptCount)).toEqual(Array(made.chunks - keptCount).fill('full'))
    expect((await store.usage()).usedBytes).toBe(keptCount * MiB)
    expect(await rightChunks(store, made)).toHaveLength(keptCount)
    await store.close()
    const again = await folder.open({ folder: disk })
    expect(await rightChunks(again, made)).toHaveLength(keptCount)
    await again.remove(made.id)
    await putAll(again, made, [10, 11])
    expect(await rightChunks(again, made)).toEqual([10, 11])
    await again.close()
  })
})

/** A real file system of 6 MiB, or a skip that says why not. */
async function onSmallDisk(
  context: TestContext,
  work: (folder: StoreFolder, disk: string) => Promise<void>
): Promise<void> {
  const disk = await mkdtemp(join(tmpdir(), 'starling-small-disk-'))
  try {
    execFileSync('/usr/bin/env', ['mount', '-t', 'tmpfs', '-o', 'size=6m', 'starling-test', disk], {
      stdio: 'pipe'
    })
  } catch (error) {
    await rm(disk, { recursive: true })
    context.skip(`a real full disk needs the right to mount a small tmpfs: ${messageOf(error)}`)
  }
  const folder = await storeFolder()
  try {
    await work(folder, disk)
  } finally {
    await folder.end()
    execFileSync('/usr/bin/env', ['umount', disk])
    await rm(disk, { recursive: true })
  }
}

async function fill(path: string): Promise<void> {
  const file = await open(path, 'w')
  try {
    for (;;) await file.write(Buffer.alloc(4096))
  } catch (error) {
    if (codeOf(error) !== 'ENOSPC') throw error
  } finally {
    await file.close()
  }
}

async function filesOf(disk: string, id: string): Promise<string[]> {
  return (await readdir(join(disk, 'content'), { recursive: true })).filter(name => name.includes(id))
}
