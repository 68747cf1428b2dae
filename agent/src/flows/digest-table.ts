/**
 * The digests known of one transfer: 32 bytes a chunk in one array, because a Map of small arrays takes ten times as
 * much and content may have 65,536 chunks. The first digest known for a chunk stays: a later one that differs is
 * refused, and the caller says so aloud.
 */
import { Bitfield } from '@starling/shared/bitfield.ts'
import type { Digest } from '@starling/shared/manifest.ts'
import { sameBytes } from './hashing.ts'

const digestBytes = 32

export class DigestTable {
  readonly #known: Bitfield
  readonly #bytes: Uint8Array

  constructor(chunks: number) {
    this.#known = new Bitfield(chunks)
    this.#bytes = new Uint8Array(chunks * digestBytes)
  }

  has(chunk: number): boolean {
    return this.#known.has(chunk)
  }

  /** A copy, null when not known. */
  get(chunk: number): Digest | null {
    if (!this.#known.has(chunk)) return null
    return this.#bytes.slice(chunk * digestBytes, (chunk + 1) * digestBytes)
  }

  /** @returns false if another digest is known already (or there is no such chunk), which then stays. */
  note(chunk: number, digest: Digest): boolean {
    if (chunk < 0 || chunk >= this.#known.size) return false
    const known = this.get(chunk)
    if (known !== null) return sameBytes(known, digest)
    this.#bytes.set(digest, chunk * digestBytes)
    this.#known.set(chunk)
    return true
  }
}
