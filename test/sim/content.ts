/** Something that agents download. Chunks are numbers here: whether bytes are right is a fact that the world keeps. */
import type { Bitfield } from '@starling/shared/bitfield.ts'
import { chunkCount, chunkLength } from '@starling/shared/chunking.ts'
import type { AgentId, KeyHash, TransferId } from '@starling/shared/ids.ts'
import {
  keyHashOf,
  transferIdOf,
  type Digest,
  type Head,
  type Signature,
  type SignedDigests,
  type SignedHead
} from '@starling/shared/manifest.ts'
import { dayMs, MiB, type Bytes, type Millis } from '@starling/shared/units.ts'

/** The core passes digests on and never looks into them, so one will do for all chunks. */
const anyDigest: Digest = new Uint8Array(0)

export class Content {
  readonly key: KeyHash
  readonly url: string
  readonly length: Bytes
  readonly chunkBytes: Bytes = MiB
  readonly chunks: number
  readonly transfer: TransferId
  readonly digests: readonly Digest[]
  readonly #head: Head

  constructor(name: string, length: Bytes) {
    this.url = `http://origin.example/${name}`
    this.length = length
    this.chunks = chunkCount(length, MiB)
    this.#head = {
      key: `origin.example/${name}`,
      length,
      validator: `"${name}"`,
      chunkBytes: MiB,
      contentClass: 'generic-download',
      headers: [],
      promised: null
    }
    this.key = keyHashOf(this.#head.key)
    this.transfer = transferIdOf(this.#head)
    this.digests = Array.from({ length: this.chunks }, () => anyDigest)
  }

  bytesOf(chunk: number): Bytes {
    return chunkLength(chunk, this.length, this.chunkBytes)
  }

  headBy(issuer: AgentId, now: Millis): SignedHead {
    return { transfer: this.transfer, head: this.#head, signed: signatureBy(issuer, now) }
  }

  /** What an agent that was switched off has on its disk about the chunks it has. */
  digestsKnown(have: Bitfield): SignedDigests[] {
    const entries = [...have.indices()].map(chunk => [chunk, this.digests[chunk]!] as const)
    return entries.length === 0 ? [] : [{ transfer: this.transfer, entries, signed: signatureBy('', 0) }]
  }
}

export function signatureBy(issuer: AgentId, now: Millis): Signature {
  return { issuer, issuedAt: now, expiresAt: now + dayMs, serial: 1, bytes: new Uint8Array(0) }
}
