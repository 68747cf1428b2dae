/**
 * The signed digests of one transfer, as far as they are known: what a chunk must hash to, and the batch that says
 * so, to be passed on as it came (only its issuer could sign it anew).
 */
import type { Digest, SignedDigests } from '@starling/shared/manifest.ts'

export class DigestBook {
  readonly #digests: Array<Digest | undefined>
  readonly #batches: Array<SignedDigests | undefined>
  #known = 0

  constructor(chunks: number) {
    this.#digests = Array.from({ length: chunks }, () => undefined)
    this.#batches = Array.from({ length: chunks }, () => undefined)
  }

  get complete(): boolean {
    return this.#known === this.#digests.length
  }
  of(chunk: number): Digest | undefined {
    return this.#digests[chunk]
  }

  /** Notes what is new. @returns the chunks whose digest was not known before. A first digest stays. */
  add(batch: SignedDigests): number[] {
    const news: number[] = []
    for (const [chunk, digest] of batch.entries) {
      if (chunk >= this.#digests.length || this.#digests[chunk] !== undefined) continue
      this.#digests[chunk] = digest
      this.#batches[chunk] = batch
      this.#known++
      news.push(chunk)
    }
    return news
  }

  /** The batches that cover what is known of [first, first + count), each once, in order. */
  batches(first: number, count: number): SignedDigests[] {
    const found = new Set<SignedDigests>()
    for (let chunk = first; chunk < Math.min(first + count, this.#batches.length); chunk++) {
      const batch = this.#batches[chunk]
      if (batch !== undefined) found.add(batch)
    }
    return [...found]
  }
}
