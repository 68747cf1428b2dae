/**
 * Where small responses lie: in memory, as many as fit, and behind it on disk (disk.ts). A key has a few variants (Vary),
 * the newest first.
 */
import { LRUCache } from 'lru-cache'
import { messageOf } from '@starling/shared/errors.ts'
import type { Log } from '../../log.ts'
import type { SmallCacheUsage } from '../../ports.ts'
import type { CacheDisk } from './disk.ts'
import { mirrorMayCoverError, useOf, type Asked, type Kept, type Known, type Use } from './kept.ts'
import { entryOverheadBytes, memoryBytesMax, variantsMax } from '../limits.ts'

export interface Found {
  readonly kept: Kept
  readonly use: Exclude<Use, { readonly kind: 'other' }>
}

export interface HttpCache {
  /** The best there is for this request; null: nothing. */
  find(key: string, asked: Asked): Promise<Found | null>
  /** What a mirror may give while its upstream fails; null: nothing. */
  cover(key: string, asked: Asked, known: Known): Promise<Kept | null>
  /** Takes the place of those that would answer the same request. */
  keep(kept: Kept, asked: Asked): void
  purge(matches: (key: string, contentClass: string) => boolean): Promise<number>
  usage(): SmallCacheUsage
  close(): Promise<void>
}

type Variants = readonly Kept[]

/** @param disk null: nothing outlives a restart */
export function createHttpCache(disk: CacheDisk | null, log: Log): HttpCache {
  const memory = new LRUCache<string, Variants>({
    maxSize: memoryBytesMax,
    sizeCalculation: variants =>
      variants.reduce((sum, { body }) => sum + body.length + entryOverheadBytes, entryOverheadBytes)
  })
  /** Writes in order, so that what was kept last is what lies on disk in the end. */
  let writing: Promise<unknown> = Promise.resolve()
  const later = (what: string, write: () => Promise<unknown>): void => {
    writing = writing.then(write).catch((error: unknown) => {
      log.warn({ problem: messageOf(error) }, `${what}: the small cache goes on in memory`)
    })
  }

  async function variantsOf(key: string): Promise<Variants> {
    const known = memory.get(key)
    if (known !== undefined || disk === null) return known ?? []
    const read = await disk.read(key).catch((error: unknown) => {
      log.warn({ problem: messageOf(error) }, 'a small response cannot be read from disk')
      return null
    })
    // Somebody may have kept a newer one meanwhile.
    const now = memory.get(key) ?? read ?? []
    if (now.length > 0) memory.set(key, now)
    return now
  }

  return {
    async find(key, asked) {
      const variants = await variantsOf(key)
      const uses = variants.map(kept => ({ kept, use: useOf(kept, asked) }))
      const usable = uses.filter((found): found is Found => found.use.kind !== 'other')
      return usable.find(({ use }) => use.kind !== 'validate') ?? usable[0] ?? null
    },
    async cover(key, asked, known) {
      const variants = await variantsOf(key)
      return variants.find(kept => kept.status === 200 && mirrorMayCoverError(kept, asked, known)) ?? null
    },
    keep(kept, asked) {
      const others = (memory.get(kept.key) ?? []).filter(
        one => one.status === kept.status && useOf(one, asked).kind === 'other'
      )
      const variants = [kept, ...others].slice(0, variantsMax)
      memory.set(kept.key, variants)
      if (disk !== null) later('a small response could not be written', () => disk.write(kept.key, variants))
    },
    async purge(matches) {
      let purged = 0
      for (const [key, variants] of memory.entries()) {
        if (!variants.some(({ contentClass }) => matches(key, contentClass))) continue
        memory.delete(key)
        purged++
      }
      await writing
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
