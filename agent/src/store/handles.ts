/**
 * Open files, few of them: the least recently used handle is closed once there are more than `handlesMax`, but never
 * one that is in use. Windows refuses to rename or delete what is open, so `release` closes a file before that.
 */
import type { FileHandle } from 'node:fs/promises'
import { StarlingError } from '@starling/shared/errors.ts'
import { openFile } from './files.ts'

interface Slot {
  readonly handle: Promise<FileHandle>
  uses: number
  released: PromiseWithResolvers<void> | null
}

export interface Handles {
  /** The handle is open for reading and writing until `work` settles. The file must exist. */
  use<T>(path: string, work: (handle: FileHandle) => Promise<T>): Promise<T>
  /** Waits for the uses under way, then closes. New uses open the file anew. */
  release(path: string): Promise<void>
  close(): Promise<void>
}

export function createHandles(handlesMax: number): Handles {
  // In the order of last use.
  const slots = new Map<string, Slot>()
  let closed = false

  function slotOf(path: string): Slot {
    const slot = slots.get(path) ?? { handle: openFile(path), uses: 0, released: null }
    slots.delete(path)
    slots.set(path, slot)
    return slot
  }

  function trim(): void {
    for (const [path, slot] of slots) {
      if (slots.size <= handlesMax) return
      if (slot.uses > 0) continue
      slots.delete(path)
      // Nothing was written through it that a failing close could lose: what must last was synced.
      void slot.handle.then(async handle => await handle.close()).catch(() => {})
    }
  }

  async function release(path: string): Promise<void> {
    const slot = slots.get(path)
    if (slot === undefined) return
    slots.delete(path)
    if (slot.uses > 0) {
      slot.released = Promise.withResolvers()
      await slot.released.promise
    }
    await (await slot.handle.catch(() => null))?.close()
  }

  return {
    async use(path, work) {
      if (closed) throw new StarlingError('store-closed', 'the store is closed: the agent is stopping')
      const slot = slotOf(path)
      slot.uses++
      try {
        return await work(await slot.handle)
      } catch (error) {
        // A file that could not be opened is tried again next time.
        if ((await slot.handle.catch(() => null)) === null && slots.get(path) === slot) slots.delete(path)
        throw error
      } finally {
        slot.uses--
        if (slot.uses === 0) slot.released?.resolve()
        trim()
      }
    },
    release,
    async close() {
      closed = true
      await Promise.all([...slots.keys()].map(release))
    }
  }
}
