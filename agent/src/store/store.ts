/**
 * Chunk files and what is known of them (ports.ts, `StorePort`).
 *
 * The scheme, in the order in which a chunk goes through it:
 *
 *   1. the caller has hashed the bytes and vouches for them;
 *   2. pwrite into the preallocated, sparse `<TransferId>.data`;
 *   3. a `kept [chunk, digest]` frame at the end of `<TransferId>.manifest`;
 *   4. the bit in memory: from here on `has` and `read` serve it;
 *   5. at most a second later, for all chunks of that time together: fdatasync of both files;
 *   6. only then the bit in the index (LevelDB).
 *
 * What is kept but has no bit in the index is what was not known to be synced: those chunks, and no others, are hashed
 * at start. So after kill -9 (the system still holds all writes) everything survives, and after power loss whatever got
 * to the disk does, and no chunk is believed whose bytes are not there. A lost or stale index is the same case, only
 * with more to hash; the epoch in the manifest (manifest-log.ts) tells a stale one.
 *
 * Heads, digests, pins and ContentIds are in the manifest alone and not again in the index: two places would have to
 * agree. Small facts have a log of their own (facts.ts) for the same reason.
 *
 * Not done: Node cannot mark a file sparse on Windows (FSCTL_SET_SPARSE), so NTFS allocates a file as a whole when it
 * is opened; two complete transfers of one ContentId are kept twice; a dropped chunk's blocks go back to the disk
 * only when it is written again or its transfer removed.
 */
import { dirname } from 'node:path'
import { Bitfield } from '@starling/shared/bitfield.ts'
import { chunkCount } from '@starling/shared/chunking.ts'
import { codeOf, StarlingError } from '@starling/shared/errors.ts'
import { parseTransferId, type TransferId } from '@starling/shared/ids.ts'
import type { Digest, SignedHead } from '@starling/shared/manifest.ts'
import type { Bytes, Millis } from '@starling/shared/units.ts'
import type { Log } from '../log.ts'
import type { StorePort } from '../ports.ts'
import { badChunks } from './check.ts'
import { openFacts, type Facts } from './facts.ts'
import { createFlusher } from './flusher.ts'
import { createHandles } from './handles.ts'
import { equalBytes } from './hash.ts'
import { openIndex, type IndexRecord } from './index-db.ts'
import { createKeptTransfer, digestDiffers, notKept, notOpen, type KeptTransfer } from './kept-transfer.ts'
import { createLayout, makeFolder, pathsOf } from './layout.ts'
import { newManifest } from './manifest-log.ts'
import { removeContent } from './moved.ts'
import { recover, type Recovered } from './recovery.ts'
import { createSpace } from './space.ts'

export interface StoreTunables {
  readonly folder: string
  /** Where `content` is, when it is not in the folder. */
  readonly contentFolder?: string | null
  readonly quotaBytes: Bytes
  /** What must stay free on the volume. */
  readonly floorBytes: Bytes
  /** How long a written chunk may wait for others before both are synced: what power loss may cost to fetch again. */
  readonly syncDelayMs?: Millis
  /** Two files a transfer; 64 is a few dozen transfers at work, and far below any system's limit. */
  readonly handlesMax?: number
  readonly now?: () => Millis
}

interface Collaborators {
  readonly log: Log
}

/** A fact: where the content was when the store was opened last. */
const contentPlace = 'content-place'
const syncDelayMsDefault: Millis = 1000
/** Times of use matter to eviction only; a crash may cost the last seconds of them. */
const useDelayMs: Millis = 10_000
/** After a failed write of the index. */
const retryDelayMs: Millis = 5000

/**
 * Opens the folder, takes its lock and recovers; may take as long as hashing what the index does not vouch for.
 * @throws StarlingError `folder-in-use`, `folder-unsafe`, `index-broken`; system errors as they are
 */
export async function createStore(collaborators: Collaborators, tunables: StoreTunables): Promise<StorePort> {
  return (await start(collaborators, tunables, false)).store
}

/** Forgets the index and makes it anew from the content files: every kept chunk is hashed. */
export async function rebuild(
  collaborators: Collaborators,
  tunables: Pick<StoreTunables, 'folder' | 'contentFolder'>
): Promise<{ readonly transfers: number; readonly chunks: number; readonly bad: number }> {
  const { store, recovered } = await start(collaborators, { ...tunables, quotaBytes: 0, floorBytes: 0 }, true)
  await store.close()
  return { transfers: recovered.transfers.length, chunks: recovered.verifiedChunks, bad: recovered.badChunks }
}

async function start(
  { log }: Collaborators,
  tunables: StoreTunables,
  forgetIndex: boolean
): Promise<{ store: StorePort; recovered: Recovered }> {
  const { syncDelayMs = syncDelayMsDefault, handlesMax = 64, now = Date.now } = tunables
  const layout = await createLayout(tunables.folder, tunables.contentFolder ?? null)
  const index = await openIndex(log, layout, forgetIndex)
  const handles = createHandles(handlesMax)
  // The floor is of the drive that the content is on.
  const space = createSpace({ ...tunables, folder: layout.content })
  const transfers = new Map<TransferId, KeptTransfer>()
  const flusher = createFlusher(sync)
  /** Puts under way, by transfer and chunk. */
  const writing = new Map<string, { readonly digest: Digest; readonly done: Promise<'kept' | 'full'> }>()
  /** Opening and removing under way: the next waits for the last. */
  const changing = new Map<TransferId, Promise<unknown>>()

  let closing: Promise<void> | null = null

  /** The folder may be another's from now on: nothing may touch it, above all not by making files anew. */
  function refuseClosed(): void {
    if (closing !== null)
      throw new StarlingError('store-closed', 'the store is closed: the agent is stopping')
  }

  function opened(transfer: TransferId): KeptTransfer {
    refuseClosed()
    const kept = transfers.get(parseTransferId(transfer))
    if (kept === undefined) throw notOpen(transfer)
    return kept
  }

  async function inTurn(transfer: TransferId, work: () => Promise<void>): Promise<void> {
    refuseClosed()
    const done = (changing.get(transfer) ?? Promise.resolve()).then(work)
    const settled = done.catch(() => {})
    changing.set(transfer, settled)
    await settled
    if (changing.get(transfer) === settled) changing.delete(transfer)
    await done
  }

  /** Both files of each transfer, then all bits in one batch. */
  async function sync(marked: readonly KeptTransfer[]): Promise<void> {
    const records = new Map<TransferId, IndexRecord>()
    for (const kept of marked) {
      if (transfers.get(kept.id) !== kept) continue
      try {
        records.set(kept.id, await kept.sync())
      } catch (error) {
        // After a failed sync the system may have thrown the bytes away, and a second sync would not tell.
        const lost = kept.unsynced()
        log.error(
          { transfer: kept.id, chunks: lost, error },
          'syncing failed: these chunks will be fetched again'
        )
        await drop(kept, lost).catch((error: unknown) => {
          log.error(
            { transfer: kept.id, error },
            'and could not be noted: they will be verified at the next start'
          )
        })
      }
    }
    // Removed meanwhile: its record must not come back (it would be one of a past epoch, but litter).
    for (const id of records.keys()) if (!transfers.has(id)) records.delete(id)
    try {
      await index.write(records)
    } catch (error) {
      log.error({ error }, 'the index cannot be written; what it misses is verified again at the next start')
      for (const kept of marked) flusher.mark(kept, retryDelayMs)
    }
  }

  async function drop(kept: KeptTransfer, chunks: readonly number[]): Promise<void> {
    for (const chunk of chunks) if (kept.have.has(chunk)) space.release(kept.bytesOf(chunk))
    flusher.mark(kept, syncDelayMs)
    await kept.drop(chunks)
  }

  async function create(head: SignedHead): Promise<void> {
    const id = head.transfer
    const paths = pathsOf(layout, id)
    const state = newManifest(head)
    const chunks = chunkCount(head.head.length, head.head.chunkBytes)
    const kept = createKeptTransfer(handles, {
      id,
      paths,
      state,
      manifestBytes: 0,
      synced: new Bitfield(chunks),
      lastUsedAt: now()
    })
    await makeFolder(dirname(paths.data))
    try {
      await kept.begin()
    } catch (error) {
      await kept.remove()
      if (!isFull(error)) throw error
      throw new StarlingError(
        'full',
        `no room on the disk to keep ${head.head.key}: free some, or lower the quota`,
        { cause: error }
      )
    }
    transfers.set(id, kept)
  }

  /** Counts, writes, and takes back the count if nothing came of it. */
  async function write(
    kept: KeptTransfer,
    chunk: number,
    digest: Digest,
    bytes: Uint8Array
  ): Promise<'kept' | 'full'> {
    if (!(await space.reserve(bytes.length))) return 'full'
    try {
      await kept.write(chunk, digest, bytes)
    } catch (error) {
      space.release(bytes.length)
      if (isFull(error)) return 'full'
      throw error
    }
    flusher.mark(kept, syncDelayMs)
    return 'kept'
  }

  async function end(): Promise<void> {
    await Promise.allSettled([...writing.values()].map(async ({ done }) => await done))
    await Promise.allSettled(changing.values())
    await flusher.flush()
    transfers.clear()
    await handles.close()
    await facts.close()
    // Last: its lock is the lock on all of it.
    await index.close()
  }

  async function recoverAll(): Promise<{ recovered: Recovered; facts: Facts }> {
    try {
      return {
        recovered: await recover({ log, layout, index, handles }),
        facts: await openFacts(layout.facts)
      }
    } catch (error) {
      await handles.close()
      await index.close()
      throw error
    }
  }

  const { recovered, facts } = await recoverAll()
  await forgetOldPlace(facts, layout.content, log)
  for (const kept of recovered.transfers) {
    transfers.set(kept.id, kept)
    space.found(kept.keptBytes())
    // What was verified just now is not known to be synced yet.
    if (kept.unsynced().length > 0) flusher.mark(kept, syncDelayMs)
  }

  const store: StorePort = {
    load: async () =>
      [...transfers.values()].map(kept => ({ ...kept.snapshot(), unsigned: kept.unsigned() })),
    list: () => [...transfers.values()].map(kept => kept.snapshot()),
    find: transfer => transfers.get(transfer)?.snapshot() ?? null,
    outlines: () => transfers.values().map(kept => kept.outline()),
    outline: transfer => transfers.get(transfer)?.outline() ?? null,

    async open(head) {
      await inTurn(parseTransferId(head.transfer), async () => {
        const kept = transfers.get(head.transfer)
        if (kept === undefined) await create(head)
        else await kept.renewHead(head)
      })
    },

    async keepDigests(digests) {
      await opened(digests.transfer).keepDigests(digests)
    },

    async put(transfer, chunk, digest, bytes) {
      const kept = opened(transfer)
      if (!kept.isChunk(chunk) || bytes.length !== kept.bytesOf(chunk)) {
        throw new StarlingError(
          'bad-chunk',
          `${bytes.length} bytes as chunk ${chunk} of ${transfer}: not its size`
        )
      }
      const name = `${transfer}/${chunk}`
      const other = writing.get(name)
      const digestBefore = other?.digest ?? (kept.have.has(chunk) ? kept.digestOf(chunk) : undefined)
      if (digestBefore !== undefined && !equalBytes(digestBefore, digest))
        throw digestDiffers(transfer, chunk)
      if (other !== undefined) return await other.done
      if (digestBefore !== undefined) return 'kept'
      const done = write(kept, chunk, digest, bytes)
      writing.set(name, { digest, done })
      try {
        return await done
      } finally {
        writing.delete(name)
      }
    },

    has: (transfer, chunk) => transfers.get(transfer)?.have.has(chunk) ?? false,

    async read(transfer, chunk, offset, target) {
      const kept = transfers.get(parseTransferId(transfer))
      if (kept === undefined) throw notKept(transfer, chunk)
      return await kept.read(chunk, offset, target)
    },

    async complete(transfer, digests) {
      const kept = opened(transfer)
      const contentId = await kept.complete(digests, now())
      flusher.mark(kept, 0)
      return contentId
    },

    async drop(transfer, chunk) {
      const kept = transfers.get(parseTransferId(transfer))
      if (kept !== undefined) await drop(kept, [chunk])
    },

    async remove(transfer) {
      await inTurn(parseTransferId(transfer), async () => {
        const kept = transfers.get(transfer)
        if (kept === undefined) return
        transfers.delete(transfer)
        try {
          await kept.remove()
        } catch (error) {
          log.warn({ transfer, error }, 'a file could not be removed and stays until the next start')
        }
        space.release(kept.keptBytes())
        await index.write(new Map([[transfer, null]]))
      })
    },

    async pin(transfer, pinned) {
      await opened(transfer).pin(pinned)
    },

    touch(transfer, at) {
      const kept = transfers.get(transfer)
      if (kept === undefined || at <= kept.lastUsedAt) return
      kept.lastUsedAt = at
      flusher.mark(kept, useDelayMs)
    },

    usage: async () => await space.usage(),
    limit(limits) {
      space.limit(limits)
    },

    async *verify() {
      for (const kept of transfers.values()) {
        const chunks = [...kept.have.indices()]
        const bad = await badChunks(kept, chunks)
        // Removed, or the store closed, while it was read.
        if (transfers.get(kept.id) !== kept) continue
        await drop(kept, bad)
        yield { transfer: kept.id, key: kept.key(), chunks: chunks.length, bad }
      }
    },

    async remember(name, value) {
      await facts.remember(name, value)
    },
    recall: async name => facts.recall(name),

    async close() {
      closing ??= end()
      await closing
    }
  }
  return { store, recovered }
}

/** Where the content was before, if that was elsewhere. A place that cannot be cleared is tried again at the next start. */
async function forgetOldPlace(facts: Facts, content: string, log: Log): Promise<void> {
  const before = facts.recall(contentPlace)
  if (before === content) return
  try {
    if (typeof before === 'string') {
      await removeContent(before)
      log.info(
        { from: before, to: content },
        'the content lies elsewhere now; what was kept in the old place is removed'
      )
    }
    await facts.remember(contentPlace, content)
  } catch (error) {
    log.warn({ from: before, error }, 'what was kept in the old place could not be removed')
  }
}

/** The disk is full, or the account's share of it. */
function isFull(error: unknown): boolean {
  return ['ENOSPC', 'EDQUOT'].includes(codeOf(error))
}
