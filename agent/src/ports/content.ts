/** The agent as its proxy (and its command line's `fetch`) sees it: wishes in, verified bytes out. */
import type { KeyHash, TransferId } from '@starling/shared/ids.ts'
import type { Digest, PromisedDigest, SignedHead } from '@starling/shared/manifest.ts'
import type { Bytes } from '@starling/shared/units.ts'
import type { UpstreamResponse } from './upstream.ts'

/** What a client asked of the proxy, as far as sharing it matters. */
export interface Wish {
  readonly url: string
  readonly key: string
  readonly keyHash: KeyHash
  readonly contentClass: string
  /** By the name: a head that does not promise the same is not taken for an answer. */
  readonly promised: PromisedDigest | null
  /** Whether the first upstream request may ask for a range although the client did not (download-like classes). */
  readonly rangeFirst: boolean
  /** End-to-end request headers to send upstream when this wish has to resolve the key. */
  readonly headers: Readonly<Record<string, string>>
  /** What the client wants of it; null: everything. The first of several ranges. */
  readonly range: WishRange | null
  /** As of UpstreamRequest. */
  readonly client?: string | undefined
  readonly signal: AbortSignal
}

/** `end` is exclusive; null: to the end of the content. */
export type WishRange =
  | { readonly kind: 'from'; readonly start: Bytes; readonly end: Bytes | null }
  | { readonly kind: 'suffix'; readonly length: Bytes }

export type WishOutcome =
  | { readonly kind: 'transfer'; readonly head: SignedHead }
  /** Not to be shared. `response` is the upstream's answer if we have already asked (to be passed on, or cancelled). */
  | { readonly kind: 'pass'; readonly reason: string; readonly response: UpstreamResponse | null }

/** SHA-256 of each chunk, as the vendor published them. */
export interface PieceHashes {
  readonly length: Bytes
  readonly digests: readonly Digest[]
  /** They contradict what was fetched: the file that they are from is not to be given to anybody any more. */
  readonly doubted: () => void
}

/** The agent as its proxy (and its command line's `fetch`) sees it. */
export interface ContentPort {
  want(wish: Wish): Promise<WishOutcome>
  /**
   * The bytes [start, end) as they become verified (or arrive here from the origin itself). A slice may be read until
   * the next one is asked for.
   * Ends early with a StarlingError: `transfer-failed` when they cannot be had, `content-untrusted` when some that were given
   * before they were verified turned out wrong: nothing may be joined to those.
   * @param isBackground nobody waits for them
   */
  read(
    transfer: TransferId,
    start: Bytes,
    end: Bytes,
    signal: AbortSignal,
    isBackground?: boolean
  ): AsyncIterable<Uint8Array>
  /** What the vendor's own hashes say of the content under this key. What contradicts them is thrown away. */
  expectPieces(key: string, hashes: PieceHashes): void
  /** Whether all of [start, end) lies here. */
  isKept(transfer: TransferId, start: Bytes, end: Bytes): boolean
}
