/**
 * Where small responses lie: in memory, as many as fit, and behind it on disk (disk.ts). A key has a few variants (Vary),
 * the newest first.
 */
import { LRUCache } from 'lru-cache'
import { messageOf } from '@starling/shared/errors.ts'
import type { Bytes } from '@starling/shared/units.ts'
import type { Log } from '../../log.ts'
import type { SmallCacheUsage } from '../../ports.ts'
import * as limits from '../limits.ts'
import { entryOverheadBytes } from '../limits.ts'
import type { CacheDisk } from './disk.ts'
import { isFor, useOf, type Asked, type Kept, type Use } from './kept.ts'

export interface Found {
  readonly kept: Kept
  readonly use: Exclude<Use, { readonly kind: 'other' }>
}

export interface HttpCache {
  /** The newest there is for this request; null: nothing. */
  find(key: string, asked: Asked): Promise<Found | null>
  /** Takes the place of those that would answer the same request. */
  keep(kept: Kept, asked: Asked): void
  /** What lies under this key no longer holds. */
  forget(key: string): void
  purge(matches: (key: string, contentClass: string) => boolean): Promise<number>
  usage(): SmallCacheUsage
  close(): Promise<void>
}

export interface HttpCacheTunables {
  readonly memoryBytesMax: Bytes
  readonly variantsMax: number
}

type Variants = readonly Kept[]

/** @param disk null: nothing outlives a restart */
export function createHttpCache(
  disk: CacheDisk | null,
  log: Log,
  { memoryBytesMax, variantsMax }: HttpCacheTunables = limits
): HttpCache {
  const memory = new LRUCache<string, Variants>({
    maxSize: memoryBytesMax,
    sizeCalculation: variants => variants.reduce((sum, kept) => sum + sizeOf(kept), entryOverheadBytes)
  })
  /** How often something was taken away: what was read from disk meanwhile may be just that. */
  let removals = 0
  let writing: Promise<unknown> = Promise.resolve()

  /**
   * One after the other, and what lies in memory when its turn comes: what was kept last is on disk in the end, and a slow
   * disk does not make what waits for it pile up.
   */
  function writeDown(key: string): void {
    if (disk === null) return
    const write = (): Promise<void> => {
      const variants = memory.peek(key)
      return variants === undefined ? disk.remove(key) : disk.write(key, variants)
    }
    writing = writing.then(write).catch((error: unknown) => {
      log.warn({ problem: messageOf(error) }, 'a small response could not be written: it stays in memory')
    })
  }

  async function variantsOf(key: string): Promise<Variants> {
    const known = memory.get(key)
    if (known !== undefined || disk === null) return known ?? []
    const before = removals
    const read = await disk.read(key).catch((error: unknown) => {
      log.warn({ problem: messageOf(error) }, 'a small response cannot be read from disk')
      return null
    })
    // Somebody may have kept a newer one meanwhile.
    const newer = memory.get(key)
    if (newer !== undefined || read === null || removals > before) return newer ?? []
    memory.set(key, read)
    return read
  }

  return {
    async find(key, asked) {
      for (const kept of await variantsOf(key)) {
        const use = useOf(kept, asked)
        if (use.kind !== 'other') return { kept, use }
      }
      return null
    },
    keep(kept, asked) {
      const others = (memory.get(kept.key) ?? []).filter(
        one => one.status === kept.status && !isFor(one, asked)
      )
      memory.set(kept.key, [kept, ...others].slice(0, variantsMax))
      writeDown(kept.key)
    },
    forget(key) {
      removals++
      memory.delete(key)
      writeDown(key)
    },
    async purge(matches) {
      removals++
      let purged = 0
      for (const [key, variants] of memory.entries()) {
        if (!variants.some(({ contentClass }) => matches(key, contentClass))) continue
        memory.delete(key)
        purged++
      }
      const fromDisk = disk === null ? 0 : await disk.purge(matches)
      return Math.max(purged, fromDisk)
    },
    usage: () => ({
      entries: disk === null ? memory.size : disk.usage().entries,
      memoryBytes: memory.calculatedSize,
      diskBytes: disk === null ? 0 : disk.usage().bytes
    }),
    async close() {
      await writing
      await disk?.close()
    }
  }
}

/** Headers count: they may be larger than what they describe, and are stored twice, in the policy too. */
function sizeOf({ body, headers }: Kept): Bytes {
  const headerBytes = headers.reduce((sum, [name, value]) => sum + name.length + value.length, 0)
  return body.length + entryOverheadBytes + 2 * headerBytes
}
