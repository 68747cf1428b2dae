/** Chunk files and their index, as whoever keeps and reads content sees them. */
import type { Bitfield } from '@starling/shared/bitfield.ts'
import type { ContentId, TransferId } from '@starling/shared/ids.ts'
import type { Digest, DigestEntry, SignedDigests, SignedHead } from '@starling/shared/manifest.ts'
import type { Bytes, Millis } from '@starling/shared/units.ts'

export interface StoredTransfer {
  readonly head: SignedHead
  readonly have: Bitfield
  readonly digests: readonly SignedDigests[]
  readonly lastUsedAt: Millis
  readonly pinned: boolean
  readonly contentId: ContentId | null
  /** Null: it is not complete, or was so before this was written down. */
  readonly completedAt: Millis | null
}

/** What a list shows of one: figures in place of what they were counted from, so that a list of thousands copies nothing. */
export interface StoredOutline extends Pick<
  StoredTransfer,
  'head' | 'lastUsedAt' | 'pinned' | 'completedAt'
> {
  readonly keptBytes: Bytes
  readonly complete: boolean
}

/** As it was found at start. */
export interface LoadedTransfer extends StoredTransfer {
  /** Kept chunks that none of the batches covers: this agent fetched them itself, and ended before they were signed. */
  readonly unsigned: readonly DigestEntry[]
}

export interface StoreUsage {
  readonly usedBytes: Bytes
  readonly quotaBytes: Bytes
  /** Free on the volume now, and what must stay free. */
  readonly freeBytes: Bytes
  readonly floorBytes: Bytes
}

/** Result of checking one stored transfer against its digests. */
export interface VerifyResult {
  readonly transfer: TransferId
  readonly key: string
  readonly chunks: number
  readonly bad: readonly number[]
}

/** Chunk files and their index. Callers verify before they put; the store never gives a byte whose bit is not set. */
export interface StorePort {
  /** Everything kept, after recovery: chunks not known to be synced were verified again. */
  load(): Promise<LoadedTransfer[]>
  /** Idempotent. Writes the self-describing manifest file beside the (sparse) data file. */
  open(head: SignedHead): Promise<void>
  keepDigests(digests: SignedDigests): Promise<void>
  /** Write order: bytes, (batched) sync, bit. 'full' when quota, floor or disk forbid it; nothing is changed then. */
  put(transfer: TransferId, chunk: number, digest: Digest, bytes: Uint8Array): Promise<'kept' | 'full'>
  has(transfer: TransferId, chunk: number): boolean
  /**
   * Reads from a kept chunk into `target`, from `offset` within the chunk on.
   * @throws StarlingError `not-kept` when the bit is not set (any more), system errors as they are.
   */
  read(transfer: TransferId, chunk: number, offset: Bytes, target: Uint8Array): Promise<number>
  /** All chunks are in: note the ContentId (computed from the digests) and settle the file. */
  complete(transfer: TransferId, digests: readonly Digest[]): Promise<ContentId>
  /** A chunk that turned out bad (read error, digest): its bit is cleared. */
  drop(transfer: TransferId, chunk: number): Promise<void>
  remove(transfer: TransferId): Promise<void>
  pin(transfer: TransferId, pinned: boolean): Promise<void>
  touch(transfer: TransferId, at: Millis): void
  list(): readonly StoredTransfer[]
  /** One of them, without looking at the others. */
  find(transfer: TransferId): StoredTransfer | null
  /** All of them and one, for whoever shows them again and again. */
  outlines(): Iterable<StoredOutline>
  outline(transfer: TransferId): StoredOutline | null
  usage(): Promise<StoreUsage>
  /** From now on; what is over it already stays until it is removed. */
  limit(limits: { readonly quotaBytes: Bytes; readonly floorBytes: Bytes }): void
  /** Reads and hashes every kept chunk; bad ones are dropped. */
  verify(): AsyncIterable<VerifyResult>
  /** Small facts that outlive a restart: bans, serials. JSON values. */
  remember(name: string, value: unknown): Promise<void>
  recall(name: string): Promise<unknown>
  close(): Promise<void>
}
