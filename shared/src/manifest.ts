/**
 * A manifest says how content is cut and what its chunks must hash to, and who vouches for that. It grows while
 * the first copy arrives: the *head* is known from the first response headers on, the *digests* follow in
 * signed batches as chunks complete, and the ContentId names the whole once all digests are known.
 */
import { encode } from '@ipld/dag-cbor'
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js'
import { CID } from 'multiformats/cid'
import { create as multihash } from 'multiformats/hashes/digest'
import type { AgentId, ContentId, KeyHash, TransferId } from './ids.ts'
import type { Bytes, Millis } from './units.ts'

/** A SHA-256 over one chunk: 32 bytes. */
export type Digest = Uint8Array

/** A digest that the content's name (content-classes) or its origin promises, checked over the whole. */
export interface PromisedDigest {
  readonly algorithm: 'sha1' | 'sha256'
  readonly hex: string
}

/** One version of one key, as its first response headers described it. */
export interface Head {
  /** Scheme-less URL without what does not matter; see content-classes. */
  readonly key: string
  readonly length: Bytes
  /** Strong ETag as sent, else `Last-Modified` text. Empty if, and only if, the name promises the digest. */
  readonly validator: string
  readonly chunkBytes: Bytes
  /** Id of the content class that made the key. */
  readonly contentClass: string
  /** Response headers to give to clients again, names in lower case, in the order they came. */
  readonly headers: ReadonlyArray<readonly [name: string, value: string]>
  /** By the name, or by the origin's word in a response header: `promisedByName` tells which. */
  readonly promised: PromisedDigest | null
}

/**
 * Whether the name itself says which bytes it means, so that versions need not be told apart and nothing has to be
 * revalidated. What only a response header promises may be another digest tomorrow: it is checked, and means no more.
 */
export function promisedByName(head: Pick<Head, 'promised' | 'validator'>): boolean {
  return head.promised !== null && head.validator === ''
}

export function sameDigest(a: PromisedDigest | null, b: PromisedDigest | null): boolean {
  return a?.algorithm === b?.algorithm && a?.hex === b?.hex
}

/** An issuer's Ed25519 signature and the limits within which it counts. */
export interface Signature {
  readonly issuer: AgentId
  readonly issuedAt: Millis
  readonly expiresAt: Millis
  /** Grows with every head that is issued for a key: an older version is never taken after a newer one. */
  readonly serial: number
  /** 64 bytes over `headSigningBytes` or `digestsSigningBytes`. */
  readonly bytes: Uint8Array
}
export type SignatureLimits = Omit<Signature, 'bytes'>

export interface SignedHead {
  readonly transfer: TransferId
  readonly head: Head
  readonly signed: Signature
}

export type DigestEntry = readonly [chunk: number, digest: Digest]
/** Entries are sorted by chunk, at most `digestsPerBatchMax`. A batch over 64 aligned chunks is called a page. */
export interface SignedDigests {
  readonly transfer: TransferId
  readonly entries: readonly DigestEntry[]
  readonly signed: Signature
}

export const digestsPerBatchMax = 64

export function keyHashOf(key: string): KeyHash {
  return bytesToHex(sha256(utf8ToBytes(key)))
}

/** SHA-256(key, length, validator, chunkBytes), each set apart by a line feed (none of them can hold one). */
export function transferIdOf(head: Pick<Head, 'key' | 'length' | 'validator' | 'chunkBytes'>): TransferId {
  return bytesToHex(sha256(utf8ToBytes(`${head.key}\n${head.length}\n${head.validator}\n${head.chunkBytes}`)))
}

/** The name of the whole content: equal bytes have equal names, whoever signed and whatever URL they came from. */
export function contentIdOf(body: {
  length: Bytes
  chunkBytes: Bytes
  digests: readonly Digest[]
}): ContentId {
  const dagCborCode = 0x71
  const sha256Code = 0x12
  const bytes = encode({ length: body.length, chunkBytes: body.chunkBytes, digests: body.digests })
  return CID.createV1(dagCborCode, multihash(sha256Code, sha256(bytes))).toString()
}

/** What a head's signature is over. The prefix keeps a signature of one kind from passing as another. */
export function headSigningBytes(head: Head, limits: SignatureLimits): Uint8Array {
  return encode([
    'starling/head/1',
    head.key,
    head.length,
    head.validator,
    head.chunkBytes,
    head.contentClass,
    head.headers,
    head.promised === null ? null : [head.promised.algorithm, head.promised.hex],
    limits.issuer,
    limits.issuedAt,
    limits.expiresAt,
    limits.serial
  ])
}

/** What a batch's signature is over; the transfer binds key, length, validator and chunk size. */
export function digestsSigningBytes(
  batch: Pick<SignedDigests, 'transfer' | 'entries'>,
  limits: SignatureLimits
): Uint8Array {
  return encode([
    'starling/digests/1',
    batch.transfer,
    batch.entries,
    limits.issuer,
    limits.issuedAt,
    limits.expiresAt,
    limits.serial
  ])
}

/** Of these entries, those that none of the batches covers. */
export function uncovered(entries: Iterable<DigestEntry>, batches: readonly SignedDigests[]): DigestEntry[] {
  const covered = new Set(batches.flatMap(batch => batch.entries.map(([chunk]) => chunk)))
  return [...entries].filter(([chunk]) => !covered.has(chunk))
}
