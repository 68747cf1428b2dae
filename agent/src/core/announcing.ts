/**
 * Telling the site what we have. A chunk from upstream is signed first: it is announced only with or after the digest
 * that it is checked against, so that a `have` can always be acted on. Both go out in batches.
 */
import type { Bitfield } from '@starling/shared/bitfield.ts'
import type { TransferId } from '@starling/shared/ids.ts'
import type { Digest, DigestEntry } from '@starling/shared/manifest.ts'
import type { Millis } from '@starling/shared/units.ts'
import type { Around } from './around.ts'
import { haveBatchMs } from './limits.ts'
import type { Members } from './members.ts'

/** Digests under one signature: a page of docs/PROTOCOL.md. */
const pageEntries = 64

export class Announcing {
  readonly #transfer: TransferId
  readonly #have: Bitfield
  readonly #members: Members
  readonly #around: Around
  readonly #toTell: number[] = []
  readonly #toSign: DigestEntry[] = []
  #dueAt: Millis | null = null

  constructor(transfer: TransferId, have: Bitfield, members: Members, around: Around) {
    this.#transfer = transfer
    this.#have = have
    this.#members = members
    this.#around = around
  }

  /** A chunk that is kept, and whose digest the site knows (`known`) or has to learn from us. */
  stored(chunk: number, digest: Digest, known: boolean, fromUpstream: boolean, now: Millis): void {
    if (known) this.#toTell.push(chunk)
    else if (fromUpstream) this.#toSign.push([chunk, digest])
    this.#dueAt ??= now + haveBatchMs
  }

  /** Our signature is made and told: what it covers can be announced at once. */
  signed(entries: readonly DigestEntry[]): void {
    for (const [chunk] of entries) if (this.#have.has(chunk)) this.#toTell.push(chunk)
    this.#tell()
  }

  /** @returns when there is something to tell next. */
  tellWhenDue(now: Millis): Millis | null {
    if (this.#dueAt !== null && this.#dueAt <= now) this.#tell()
    return this.#dueAt
  }

  #tell(): void {
    this.#dueAt = null
    const transfer = this.#transfer
    const entries = this.#toSign.splice(0).sort(([one], [other]) => one - other)
    for (let at = 0; at < entries.length; at += pageEntries) {
      const page = entries.slice(at, at + pageEntries)
      this.#around.effect({ type: 'sign-digests', transfer, entries: page })
    }
    const chunks = this.#toTell.splice(0).filter(chunk => this.#have.has(chunk))
    if (chunks.length === 0) return
    // Who has them does not need to know: that is half of all haves in a large site.
    const to = this.#members.lacking(chunks)
    if (to.length > 0) this.#around.effect({ type: 'say', to, message: { type: 'have', transfer, chunks } })
  }
}
