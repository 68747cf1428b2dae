/**
 * A disk that forgets: what was written but not synced may, at power loss, have reached it in part and in any order.
 * A kept transfer works on such a disk for a while, the power goes, and recovery must not believe one wrong byte. And
 * since LevelDB is not synced, any record that was ever written to the index may be the one that is still there.
 */
import { open, readFile, writeFile, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { Bitfield } from '@starling/shared/bitfield.ts'
import { Prng } from '@starling/shared/prng.ts'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { madeTransfer } from '../../../test/doubles/made-transfer.ts'
import { storeFolder, type StoreFolder } from '../../../test/doubles/store-folder.ts'
import { createLog } from '../log.ts'
import { createHandles, type Handles } from './handles.ts'
import type { IndexRecord } from './index-db.ts'
import { createKeptTransfer, type KeptTransfer } from './kept-transfer.ts'
import { createLayout, makeFolder, pathsOf, type Layout } from './layout.ts'
import { newManifest } from './manifest-log.ts'
import { recover } from './recovery.ts'

const made = madeTransfer({ chunkBytes: 3000, length: 20 * 3000 - 100 })

let folder: StoreFolder
let layout: Layout
const handles = createHandles(8)
beforeEach(async () => {
  folder = await storeFolder()
  layout = await createLayout(folder.path)
  await makeFolder(join(layout.content, made.id.slice(0, 2)))
})
afterEach(async () => {
  for (const path of Object.values(pathsOf(layout, made.id))) await handles.release(path)
  await folder.end()
})

function newTransfer(over: Handles): KeptTransfer {
  const paths = pathsOf(layout, made.id)
  const synced = new Bitfield(made.chunks)
  return createKeptTransfer(over, {
    id: made.id,
    paths,
    state: newManifest(made.head()),
    manifestBytes: 0,
    synced,
    lastUsedAt: 0
  })
}

interface ForgetfulDisk {
  readonly handles: Handles
  powerLoss(prng: Prng): Promise<void>
  unsureWrites(path: string): number
}

/** Remembers for each file what is on the disk for sure, and the writes since. No sync ends before `syncing` does. */
function forgetfulHandles(syncing: Promise<void> = Promise.resolve()): ForgetfulDisk {
  const sure = new Map<string, Buffer>()
  const unsure = new Map<string, Array<{ bytes: Buffer; position: number }>>()
  const forgetful = (path: string, handle: FileHandle) => ({
    read: handle.read.bind(handle),
    async write(bytes: Uint8Array, offset: number, length: number, position: number) {
      if (!sure.has(path)) sure.set(path, await readFile(path))
      const part = Buffer.from(bytes.subarray(offset, offset + length))
      unsure.set(path, [...(unsure.get(path) ?? []), { bytes: part, position }])
      return await handle.write(bytes, offset, length, position)
    },
    async datasync() {
      await syncing
      const begun = unsure.get(path)?.length ?? 0
      sure.set(path, await readFile(path))
      unsure.set(path, (unsure.get(path) ?? []).slice(begun))
    }
  })
  return {
    handles: {
      ...handles,
      use: async (path, work) =>
        await handles.use(path, async handle => await work(forgetful(path, handle) as unknown as FileHandle))
    },
    unsureWrites: path => unsure.get(path)?.length ?? 0,
    async powerLoss(prng) {
      for (const [path, bytes] of sure) {
        await handles.release(path)
        await writeFile(path, bytes)
        const file = await open(path, 'r+')
        for (const write of unsure.get(path) ?? []) {
          // Not at all, in part, or whole.
          const reached =
            prng.below(3) === 0 ? prng.below(write.bytes.length + 1) : prng.below(2) * write.bytes.length
          await file.write(write.bytes, 0, reached, write.position)
        }
        await file.close()
      }
    }
  }
}

it('believes no wrong byte after power loss, whatever reached the disk', async () => {
  let survived = 0
  for (let seed = 1; seed <= 60; seed++) {
    const prng = new Prng(seed)
    const disk = forgetfulHandles()
    const kept = newTransfer(disk.handles)
    await kept.begin()
    const written: IndexRecord[] = [await kept.sync()]
    const done = new Set<number>()
    for (let turn = 0; turn < 60; turn++) {
      const chunk = prng.below(made.chunks)
      const what = prng.below(10)
      if (what < 7 && !done.has(chunk)) {
        await kept.write(chunk, made.digest(chunk), made.chunk(chunk))
        done.add(chunk)
      } else if (what === 7) {
        await kept.drop([chunk])
        done.delete(chunk)
      } else if (what > 7) written.push(await kept.sync())
    }
    await disk.powerLoss(prng)

    const record = prng.pick([written.at(-1)!, ...written])
    const index = {
      records: new Map([[made.id, record]]),
      renewed: false,
      write: async () => {},
      close: async () => {}
    }
    const { transfers } = await recover({ log: createLog('silent', 'test'), layout, index, handles })
    for (const recovered of transfers) {
      for (const chunk of recovered.have.indices()) {
        const target = new Uint8Array(recovered.bytesOf(chunk))
        await recovered.read(chunk, 0, target)
        expect({ seed, chunk, bytes: target }).toEqual({ seed, chunk, bytes: made.chunk(chunk) })
        survived++
      }
      await recovered.remove()
    }
  }
  // Else the test would hold for a store that forgets everything.
  expect(survived).toBeGreaterThan(300)
})

it('loses nothing that was synced', async () => {
  const disk = forgetfulHandles()
  const kept = newTransfer(disk.handles)
  await kept.begin()
  for (const chunk of [1, 5, 9]) await kept.write(chunk, made.digest(chunk), made.chunk(chunk))
  const record = await kept.sync()
  await disk.powerLoss(new Prng(1))
  const index = {
    records: new Map([[made.id, record]]),
    renewed: false,
    write: async () => {},
    close: async () => {}
  }
  const { transfers, verifiedChunks } = await recover({
    log: createLog('silent', 'test'),
    layout,
    index,
    handles
  })
  expect([...transfers[0]!.have.indices()]).toEqual([1, 5, 9])
  expect(verifiedChunks).toBe(0)
})

it('writes a dropped chunk again only after the drop is on the disk', async () => {
  const gate = Promise.withResolvers<void>()
  const disk = forgetfulHandles(gate.promise)
  const { data, manifest } = pathsOf(layout, made.id)
  const kept = newTransfer(disk.handles)
  await kept.begin()
  await kept.write(0, made.digest(0), made.chunk(0))
  const before = disk.unsureWrites(manifest)
  const dropped = kept.drop([0])
  const written = kept.write(0, made.digest(0), made.chunk(0))
  try {
    await expect.poll(() => disk.unsureWrites(manifest)).toBe(before + 1)
    // The disk is at the drop's sync. A data write that did not wait would have come before the drop's frame.
    expect(disk.unsureWrites(data)).toBe(1)
  } finally {
    gate.resolve()
    await Promise.all([dropped, written])
  }
  expect(kept.have.has(0)).toBe(true)
})

it('does not let an old data file shine through a transfer that begins', async () => {
  const { data } = pathsOf(layout, made.id)
  await writeFile(data, Buffer.alloc(100_000, 7))
  await newTransfer(handles).begin()
  expect(await readFile(data)).toEqual(Buffer.alloc(made.head().head.length))
})

it('is not to be used once it is removed, and makes no file anew', async () => {
  const kept = newTransfer(handles)
  await kept.begin()
  await kept.write(0, made.digest(0), made.chunk(0))
  await kept.remove()
  await expect(kept.read(0, 0, new Uint8Array(1))).rejects.toMatchObject({ code: 'not-kept' })
  await expect(kept.write(1, made.digest(1), made.chunk(1))).rejects.toMatchObject({ code: 'not-open' })
  await expect(readFile(pathsOf(layout, made.id).data)).rejects.toMatchObject({ code: 'ENOENT' })
})
