/**
 * `<TransferId>.manifest`: all that has to be known of one transfer, as a log. Head, signed digests, which chunk was
 * written with which digest, which was dropped, the pin, the ContentId. It is the truth; the index only remembers
 * which of these chunks need no second look (see store.ts).
 *
 * The *epoch* is a random word, new whenever a chunk that was kept stops being kept. Index bits of another epoch mean
 * nothing: so an index that lost its last records, or outlived a removed and re-made transfer, cannot vouch for
 * bytes that are no longer there.
 */
import { randomBytes } from 'node:crypto'
import type { ContentId, TransferId } from '@starling/shared/ids.ts'
import type { Digest, DigestEntry, SignedDigests, SignedHead } from '@starling/shared/manifest.ts'
import type { Millis } from '@starling/shared/units.ts'
import { decodeFrames, encodeFrame } from './frames.ts'
import { equalBytes } from './hash.ts'

export type ManifestFrame =
  | {
      readonly kind: 'head'
      readonly format: typeof manifestFormat
      readonly head: SignedHead
      readonly epoch: string
    }
  | { readonly kind: 'digests'; readonly digests: SignedDigests }
  | { readonly kind: 'kept'; readonly entries: readonly DigestEntry[] }
  | { readonly kind: 'dropped'; readonly chunks: readonly number[]; readonly epoch: string }
  | { readonly kind: 'pinned'; readonly pinned: boolean }
  /** `at`: absent in what an older program wrote. */
  | { readonly kind: 'complete'; readonly contentId: ContentId; readonly at?: Millis }

/** A manifest of another format is not ours to read: the transfer is forgotten, it is only a cache. */
const manifestFormat = 1
/** Entries of one `kept` frame in a settled manifest: frames stay small, so that damage costs little. */
const keptPerFrameMax = 1024

export interface ManifestState {
  head: SignedHead
  epoch: string
  /** Written chunks and what they must hash to. */
  readonly kept: Map<number, Digest>
  readonly digests: SignedDigests[]
  pinned: boolean
  contentId: ContentId | null
  completedAt: Millis | null
}

export function newEpoch(): string {
  return randomBytes(12).toString('hex')
}

export function newManifest(head: SignedHead): ManifestState {
  return {
    head,
    epoch: newEpoch(),
    kept: new Map(),
    digests: [],
    pinned: false,
    contentId: null,
    completedAt: null
  }
}

export function headFrame(state: Pick<ManifestState, 'head' | 'epoch'>): ManifestFrame {
  return { kind: 'head', format: manifestFormat, head: state.head, epoch: state.epoch }
}

export function completeFrame(contentId: ContentId, at: Millis | null): ManifestFrame {
  return at === null ? { kind: 'complete', contentId } : { kind: 'complete', contentId, at }
}

/** @returns null when not even the head can be read, or it is another transfer's. */
export function replayManifest(
  transfer: TransferId,
  bytes: Uint8Array
): { state: ManifestState; goodBytes: number } | null {
  const { values, goodBytes } = decodeFrames(bytes)
  const [first, ...rest] = values as ManifestFrame[]
  if (first?.kind !== 'head' || first.format !== manifestFormat || first.head.transfer !== transfer)
    return null
  const state = newManifest(first.head)
  for (const frame of [first, ...rest]) applyFrame(state, frame)
  return { state, goodBytes }
}

function applyFrame(state: ManifestState, frame: ManifestFrame): void {
  switch (frame.kind) {
    case 'head':
      state.head = frame.head
      state.epoch = frame.epoch
      break
    case 'digests':
      addDigests(state.digests, frame.digests)
      break
    case 'kept':
      for (const [chunk, digest] of frame.entries) state.kept.set(chunk, digest)
      break
    case 'dropped':
      for (const chunk of frame.chunks) state.kept.delete(chunk)
      state.epoch = frame.epoch
      state.contentId = null
      state.completedAt = null
      break
    case 'pinned':
      state.pinned = frame.pinned
      break
    case 'complete':
      state.contentId = frame.contentId
      state.completedAt = frame.at ?? null
      break
    default: // A frame of a newer program: what it says is skipped, the rest still holds.
  }
}

/** The same state in as few frames as will do. */
export function settledManifest(state: ManifestState): Uint8Array {
  const frames: ManifestFrame[] = [headFrame(state)]
  for (const digests of state.digests) frames.push({ kind: 'digests', digests })
  const entries = [...state.kept].sort(([one], [other]) => one - other)
  for (let at = 0; at < entries.length; at += keptPerFrameMax) {
    frames.push({ kind: 'kept', entries: entries.slice(at, at + keptPerFrameMax) })
  }
  if (state.pinned) frames.push({ kind: 'pinned', pinned: true })
  if (state.contentId !== null) frames.push(completeFrame(state.contentId, state.completedAt))
  return Buffer.concat(frames.map(encodeFrame))
}

/**
 * Adds a batch, and lets go of those of the same issuer that it covers (a page replaces the single digests before it).
 * @returns false when it says nothing new.
 */
export function addDigests(known: SignedDigests[], batch: SignedDigests): boolean {
  const first = batch.entries[0]?.[0] ?? 0
  const last = batch.entries.at(-1)?.[0] ?? -1
  for (let at = known.length - 1; at >= 0; at--) {
    const old = known[at]!
    const oldFirst = old.entries[0]?.[0] ?? 0
    if (oldFirst > last || (old.entries.at(-1)?.[0] ?? -1) < first) continue
    if (covers(old, batch)) return false
    if (covers(batch, old)) known.splice(at, 1)
  }
  known.push(batch)
  return true
}

function covers(wide: SignedDigests, narrow: SignedDigests): boolean {
  if (
    wide.entries.length < narrow.entries.length ||
    wide.signed.issuer !== narrow.signed.issuer ||
    wide.signed.expiresAt < narrow.signed.expiresAt
  )
    return false
  const digests = new Map(wide.entries)
  return narrow.entries.every(([chunk, digest]) => {
    const other = digests.get(chunk)
    return other !== undefined && equalBytes(other, digest)
  })
}
