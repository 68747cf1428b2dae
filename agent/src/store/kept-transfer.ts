/**
 * One transfer on disk: its two files and what is known of them. All changes of the manifest go through `append`, one
 * after the other, at the end of what is good; so a short write (full disk) is simply written over by the next.
 *
 * A chunk is written in this order: bytes into the data file, a `kept` frame into the manifest, the bit in memory (from
 * now on it is served), and later, once for many chunks, both files synced and the bit in the index (`sync`). See
 * store.ts for why this is safe.
 */
import { Bitfield } from '@starling/shared/bitfield.ts'
import { chunkCount, chunkLength } from '@starling/shared/chunking.ts'
import { StarlingError } from '@starling/shared/errors.ts'
import type { ContentId, TransferId } from '@starling/shared/ids.ts'
import {
  contentIdOf,
  uncovered,
  type Digest,
  type DigestEntry,
  type SignedDigests,
  type SignedHead
} from '@starling/shared/manifest.ts'
import type { Bytes, Millis } from '@starling/shared/units.ts'
import type { StoredOutline, StoredTransfer } from '../ports.ts'
import { encodeFrame } from './frames.ts'
import { readAll, removeFile, replaceFile, setLength, writeAll } from './files.ts'
import type { Handles } from './handles.ts'
import { equalBytes } from './hash.ts'
import type { IndexRecord } from './index-db.ts'
import type { TransferPaths } from './layout.ts'
import {
  addDigests,
  completeFrame,
  headFrame,
  newEpoch,
  settledManifest,
  type ManifestFrame,
  type ManifestState
} from './manifest-log.ts'

export interface KeptTransfer {
  readonly id: TransferId
  readonly have: Bitfield
  lastUsedAt: Millis
  key(): string
  isChunk(chunk: number): boolean
  bytesOf(chunk: number): Bytes
  keptBytes(): Bytes
  digestOf(chunk: number): Digest | undefined
  snapshot(): StoredTransfer
  outline(): StoredOutline
  /** Kept chunks that no digest batch covers. */
  unsigned(): DigestEntry[]
  /** Makes the files of a transfer that is new here. */
  begin(): Promise<void>
  renewHead(head: SignedHead): Promise<void>
  keepDigests(batch: SignedDigests): Promise<void>
  write(chunk: number, digest: Digest, bytes: Uint8Array): Promise<void>
  read(chunk: number, offset: Bytes, target: Uint8Array): Promise<number>
  /** The bits are cleared at once; it is durable when it resolves. */
  drop(chunks: readonly number[]): Promise<void>
  pin(pinned: boolean): Promise<void>
  complete(digests: readonly Digest[], at: Millis): Promise<ContentId>
  /** Brings what is written to the disk; then, and only then, the record may go into the index. */
  sync(): Promise<IndexRecord>
  /** Chunks whose bytes may not have reached the disk. */
  unsynced(): number[]
  /** Waits for reads and writes under way, then takes both files away. */
  remove(): Promise<void>
}

export interface KeptStart {
  readonly id: TransferId
  readonly paths: TransferPaths
  readonly state: ManifestState
  readonly manifestBytes: Bytes
  /** Chunks of `state.kept` of which the index says that they were synced. */
  readonly synced: Bitfield
  readonly lastUsedAt: Millis
}

export function createKeptTransfer(handles: Handles, start: KeptStart): KeptTransfer {
  const { id, paths, state } = start
  const { length, chunkBytes } = state.head.head
  const chunks = chunkCount(length, chunkBytes)
  const have = new Bitfield(chunks)
  for (const chunk of state.kept.keys()) have.set(chunk)
  let synced = start.synced
  let manifestBytes = start.manifestBytes
  let removed = false
  let busy = 0
  let idle: PromiseWithResolvers<void> | null = null
  let tail: Promise<unknown> = Promise.resolve()
  /** A chunk is written again only after its drop is on disk: else old bits could vouch for half-written bytes. */
  let dropping: Promise<unknown> = Promise.resolve()

  /** Keeps the files in place for as long as `work` runs. */
  async function during<T>(work: () => Promise<T>): Promise<T> {
    if (removed) throw notOpen(id)
    busy++
    try {
      return await work()
    } finally {
      busy--
      if (busy === 0) idle?.resolve()
    }
  }

  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = during(() => tail.then(work))
    tail = done.catch(() => {})
    return done
  }

  function append(frame: ManifestFrame, durable = false): Promise<void> {
    const bytes = encodeFrame(frame)
    return inTurn(
      async () =>
        await handles.use(paths.manifest, async handle => {
          await writeAll(handle, bytes, manifestBytes)
          if (durable) await handle.datasync()
          manifestBytes += bytes.length
        })
    )
  }

  /** Writes the manifest anew, in as few frames as will do. */
  async function settle(): Promise<void> {
    await inTurn(async () => {
      const bytes = settledManifest(state)
      await handles.release(paths.manifest)
      await replaceFile(paths.manifest, bytes)
      manifestBytes = bytes.length
    })
  }

  const kept: KeptTransfer = {
    id,
    have,
    lastUsedAt: start.lastUsedAt,
    key: () => state.head.head.key,
    isChunk: chunk => Number.isInteger(chunk) && chunk >= 0 && chunk < chunks,
    bytesOf: chunk => chunkLength(chunk, length, chunkBytes),
    keptBytes: () =>
      have.count === 0
        ? 0
        : have.count * chunkBytes -
          (have.has(chunks - 1) ? chunkBytes - chunkLength(chunks - 1, length, chunkBytes) : 0),
    digestOf: chunk => state.kept.get(chunk),

    snapshot() {
      const { head, digests, pinned, contentId, completedAt } = state
      return {
        head,
        have: have.copy(),
        digests: [...digests],
        lastUsedAt: kept.lastUsedAt,
        pinned,
        contentId,
        completedAt
      }
    },

    outline: () => ({
      head: state.head,
      keptBytes: kept.keptBytes(),
      complete: have.full,
      lastUsedAt: kept.lastUsedAt,
      pinned: state.pinned,
      completedAt: state.completedAt
    }),

    unsigned: () => uncovered(state.kept, state.digests),

    async begin() {
      // First to nothing: an old file that could not be removed must not shine through.
      await setLength(paths.data, 0)
      await setLength(paths.data, length)
      await setLength(paths.manifest, 0)
      await append(headFrame(state))
    },

    async renewHead(head) {
      if (head.head.length !== length || head.head.chunkBytes !== chunkBytes) {
        throw new StarlingError('head-differs', `transfer ${id} is kept with another length: remove it first`)
      }
      if (head.signed.serial <= state.head.signed.serial) return
      state.head = head
      await append(headFrame(state))
    },

    async keepDigests(batch) {
      if (addDigests(state.digests, batch)) await append({ kind: 'digests', digests: batch })
    },

    async write(chunk, digest, bytes) {
      await dropping
      await during(async () => {
        await handles.use(paths.data, async handle => {
          await writeAll(handle, bytes, chunk * chunkBytes)
        })
        const copied = digest.slice()
        await append({ kind: 'kept', entries: [[chunk, copied]] })
        if (removed) throw notOpen(id)
        state.kept.set(chunk, copied)
        have.set(chunk)
      })
    },

    async read(chunk, offset, target) {
      if (!have.has(chunk) || removed) throw notKept(id, chunk)
      const chunkEnd = chunkLength(chunk, length, chunkBytes)
      if (!Number.isInteger(offset) || offset < 0 || offset > chunkEnd)
        throw new RangeError(`offset ${offset} of a chunk`)
      const wanted = target.subarray(0, chunkEnd - offset)
      const epoch = state.epoch
      const count = await during(() =>
        handles.use(paths.data, async handle => await readAll(handle, wanted, chunk * chunkBytes + offset))
      )
      // Something was dropped (and perhaps written again) while we read: look once more.
      if (removed || state.epoch !== epoch) return await kept.read(chunk, offset, target)
      if (count < wanted.length) {
        throw new StarlingError(
          'short-read',
          `the data file of ${id} ends within chunk ${chunk}: drop the chunk, it is fetched again`
        )
      }
      return count
    },

    async drop(dropped) {
      const gone = dropped.filter(chunk => have.clear(chunk))
      if (gone.length === 0) return
      for (const chunk of gone) {
        synced.clear(chunk)
        state.kept.delete(chunk)
      }
      state.contentId = null
      state.completedAt = null
      state.epoch = newEpoch()
      const done = append({ kind: 'dropped', chunks: gone, epoch: state.epoch }, true)
      dropping = done.catch(() => {})
      await done
    },

    async pin(pinned) {
      if (state.pinned === pinned) return
      state.pinned = pinned
      await append({ kind: 'pinned', pinned }, true)
    },

    async complete(digests, at) {
      if (!have.full || digests.length !== chunks) {
        throw new StarlingError(
          'not-complete',
          `${have.count} of ${chunks} chunks of ${id} are kept: fetch the rest first`
        )
      }
      const other = digests.findIndex((digest, chunk) => !equalBytes(digest, state.kept.get(chunk)!))
      if (other !== -1) throw digestDiffers(id, other)
      const contentId = contentIdOf({ length, chunkBytes, digests })
      if (state.contentId === contentId) return contentId
      state.contentId = contentId
      state.completedAt = at
      await settle().catch(async () => {
        // No room, or a scanner holds the file: the long manifest says the same.
        await append(completeFrame(contentId, at))
      })
      return contentId
    },

    async sync() {
      return await during(async () => {
        const { epoch } = state
        const written = have.copy()
        if (written.count !== synced.count) {
          await inTurn(async () => await handles.use(paths.manifest, async handle => await handle.datasync()))
          await handles.use(paths.data, async handle => await handle.datasync())
        }
        // A drop meanwhile makes the record one of a past epoch, which nobody will believe.
        if (epoch === state.epoch) synced = written
        return { epoch, synced: written.toBytes(), lastUsedAt: kept.lastUsedAt }
      })
    },

    unsynced: () => [...have.indices()].filter(chunk => !synced.has(chunk)),

    async remove() {
      removed = true
      if (busy > 0) {
        idle = Promise.withResolvers()
        await idle.promise
      }
      await handles.release(paths.manifest)
      await handles.release(paths.data)
      // The manifest first: a data file without one is swept away at the next start.
      for (const path of [paths.manifest, paths.data]) await removeFile(path)
    }
  }
  return kept
}

export function notOpen(transfer: TransferId): StarlingError {
  return new StarlingError('not-open', `transfer ${transfer} is not in the store: open it first`)
}

export function notKept(transfer: TransferId, chunk: number): StarlingError {
  return new StarlingError('not-kept', `chunk ${chunk} of ${transfer} is not kept: fetch it again`)
}

export function digestDiffers(transfer: TransferId, chunk: number): StarlingError {
  return new StarlingError(
    'digest-differs',
    `chunk ${chunk} of ${transfer} is kept with another digest: drop it first`
  )
}
