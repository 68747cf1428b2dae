/**
 * Purges over a restart. Each has a place of its own in the store's memory, which is a log: writing all of them for each
 * new one would be a megabyte a purge.
 */
import { decode, encode } from '@ipld/dag-cbor'
import {
  isOf,
  nameOfTarget,
  purgesKeptMax,
  type KeptPurge,
  type PurgeTarget
} from '@starling/shared/purge.ts'
import { PurgeBook } from '@starling/shared/purge-book.ts'
import type { Millis } from '@starling/shared/units.ts'
import { keptPurgeShape } from '@starling/shared/wire.ts'
import type { StorePort } from './ports.ts'

type Memory = Pick<StorePort, 'remember' | 'recall'>

export interface PurgeMemory {
  /** As they are kept now. */
  readonly book: PurgeBook
  /** Makes these the ones that are kept. @throws StarlingError `fact-not-kept` */
  keep(all: readonly KeptPurge[]): Promise<void>
}

export async function loadPurges(store: Memory): Promise<PurgeMemory> {
  const places = new Map<string, { readonly place: number; readonly text: string }>()
  const found: KeptPurge[] = []
  for (let place = 0; place < purgesKeptMax; place++) {
    const text = await store.recall(nameOf(place))
    const purge = typeof text === 'string' ? parse(text) : null
    if (purge === null) continue
    places.set(nameOfTarget(purge.target), { place, text: text as string })
    found.push(purge)
  }
  const memory = {
    book: new PurgeBook(found),
    async keep(all: readonly KeptPurge[]) {
      memory.book = new PurgeBook(all)
      const written: Array<Promise<void>> = []
      for (const [target, { place }] of places) {
        if (all.some(purge => nameOfTarget(purge.target) === target)) continue
        places.delete(target)
        written.push(store.remember(nameOf(place), undefined))
      }
      const taken = new Set([...places.values()].map(({ place }) => place))
      let free = 0
      for (const purge of all) {
        const target = nameOfTarget(purge.target)
        const text = Buffer.from(encode(purge)).toString('base64url')
        const known = places.get(target)
        if (known?.text === text) continue
        while (known === undefined && taken.has(free)) free++
        const place = known?.place ?? free
        taken.add(place)
        places.set(target, { place, text })
        written.push(store.remember(nameOf(place), text))
      }
      await Promise.all(written)
    }
  }
  return memory
}

/** For `starling cache purge` while the agent is stopped. @returns how many transfers are gone */
export async function purgeStore(
  store: Memory & Pick<StorePort, 'list' | 'remove'>,
  target: PurgeTarget,
  now: Millis
): Promise<number> {
  const memory = await loadPurges(store)
  const purgedAt = momentOf(target, store, memory.book, now)
  memory.book.take({ target, purgedAt, word: null }, now)
  await memory.keep(memory.book.all())
  const old = store.list().filter(({ head }) => isOf(target, head.head))
  for (const { head } of old) await store.remove(head.transfer)
  return old.length
}

/** Now, but not before anything that is known of the target: the clocks of those who signed it may have been ahead. */
export function momentOf(
  target: PurgeTarget,
  store: Pick<StorePort, 'list'>,
  book: PurgeBook,
  now: Millis
): Millis {
  let purgedAt = Math.max(Math.floor(now), book.signAfterPurgeOf(target))
  for (const { head, digests } of store.list()) {
    if (!isOf(target, head.head)) continue
    for (const { signed } of [head, ...digests]) purgedAt = Math.max(purgedAt, signed.issuedAt)
  }
  return purgedAt
}

function nameOf(place: number): string {
  return `purge.${place}`
}

/** What is damaged, or of another version, is as good as not there. */
function parse(text: string): KeptPurge | null {
  try {
    const parsed = keptPurgeShape.safeParse(decode(Buffer.from(text, 'base64url')))
    return parsed.success ? parsed.data : null
  } catch {
    return null
  }
}
