/** A data folder of its own for a test of the real store, gone afterwards, with whatever was opened in it closed. */
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createLog } from '@starling/agent/log.ts'
import type { StorePort } from '@starling/agent/ports.ts'
import { createStore, type StoreTunables } from '@starling/agent/store/store.ts'
import type { MadeTransfer } from './made-transfer.ts'

export interface StoreFolder {
  readonly path: string
  open(tunables?: Partial<StoreTunables>): Promise<StorePort>
  /** The folder as it lies on the disk now, as after a crash: nobody closed or flushed anything. */
  crashImage(): Promise<StoreFolder>
  end(): Promise<void>
}

export async function storeFolder(): Promise<StoreFolder> {
  return folderAt(await mkdtemp(join(tmpdir(), 'starling-store-')))
}

function folderAt(path: string): StoreFolder {
  const stores: StorePort[] = []
  const images: StoreFolder[] = []
  return {
    path,
    async open(tunables = {}) {
      const store = await createStore(
        { log: createLog('silent', 'test') },
        { folder: path, quotaBytes: 2 ** 40, floorBytes: 0, ...tunables }
      )
      stores.push(store)
      return store
    },
    async crashImage() {
      const image = await storeFolder()
      await cp(path, image.path, { recursive: true })
      images.push(image)
      return image
    },
    async end() {
      for (const image of images) await image.end()
      for (const store of stores) await store.close()
      await rm(path, { recursive: true, force: true })
    }
  }
}

export async function putAll(
  store: StorePort,
  made: MadeTransfer,
  chunks: Iterable<number> = Array(made.chunks).keys()
): Promise<void> {
  await store.open(made.head())
  for (const chunk of chunks) await store.put(made.id, chunk, made.digest(chunk), made.chunk(chunk))
}

export function digestsOf(made: MadeTransfer): Uint8Array[] {
  return Array.from({ length: made.chunks }, (_, chunk) => made.digest(chunk))
}

/** The kept chunks, each of which was read and found right; throws at the first wrong byte. */
export async function rightChunks(store: StorePort, made: MadeTransfer): Promise<number[]> {
  const kept: number[] = []
  for (let chunk = 0; chunk < made.chunks; chunk++) {
    if (!store.has(made.id, chunk)) continue
    const expected = made.chunk(chunk)
    const target = new Uint8Array(expected.length)
    await store.read(made.id, chunk, 0, target)
    if (Buffer.compare(target, expected) !== 0)
      throw new Error(`chunk ${chunk} of ${made.id} has wrong bytes`)
    kept.push(chunk)
  }
  return kept
}
