/**
 * Telling the site what we have. A chunk from upstream is signed first: it is announced only with or after the digest
 * that it is checked against, so that a `have` can always be acted on. Both go out in batches.
 *
 * What few have is told soon, for others wait for it. What several have already can be had without us: word of it goes
 * out in longer batches. In a full mesh of 20 that is a third of all messages, and messages cost more than the chunks'
 * own way there.
 */
import type { Bitfield } from '@starling/shared/bitfield.ts'
import type { TransferId } from '@starling/shared/ids.ts'
import type { Digest, DigestEntry, SignedHead } from '@starling/shared/manifest.ts'
import type { Millis } from '@starling/shared/units.ts'
import type { Around } from './around.ts'
import { commonHaveBatchMs, commonHolders, haveBatchMs } from './limits.ts'
import type { Members } from './members.ts'

/** Digests under one signature: a page of docs/PROTOCOL.md. */
const pageEntries = 64

export class Announcing {
  readonly #transfer: TransferId
  readonly #have: Bitfield
  readonly #members: Members
  readonly #around: Around
  /** When the head was signed. */
  readonly #notBefore: Millis
  readonly #toTell: number[] = []
  /** What several have already. */
  readonly #common: number[] = []
  readonly #toSign: DigestEntry[] = []
  #dueAt: Millis | null = null
  #commonDueAt: Millis | null = null

  constructor(
    { transfer, signed }: Pick<SignedHead, 'transfer' | 'signed'>,
    have: Bitfield,
    members: Members,
    around: Around
  ) {
    this.#transfer = transfer
    this.#notBefore = signed.issuedAt
    this.#have = have
    this.#members = members
    this.#around = around
  }

  /** A chunk that is kept, and whose digest the site knows (`known`) or has to learn from us. */
  stored(chunk: number, digest: Digest, known: boolean, fromUpstream: boolean, now: Millis): void {
    if (known) this.#toTell.push(chunk)
    else if (fromUpstream) this.#toSign.push([chunk, digest])
    // Many get a chunk at the same moment: who draws a longer wait finds that the others have told enough.
    const waitMs = fromUpstream ? 0 : this.#around.prng.below(2 * haveBatchMs)
    this.#dueAt ??= now + haveBatchMs + waitMs
  }

  /** Our signature is made and told: what it covers can be announced at once. */
  signed(entries: readonly DigestEntry[]): void {
    for (const [chunk] of entries) if (this.#have.has(chunk)) this.#toTell.push(chunk)
    this.#tell(this.#toTell.splice(0))
  }

  /** @returns when there is something to tell next. */
  tellWhenDue(now: Millis): Millis | null {
    if (this.#dueAt !== null && this.#dueAt <= now) {
      this.#dueAt = null
      this.#sign()
      const isCommon = (chunk: number) => this.#members.holders(chunk) >= commonHolders
      const chunks = this.#toTell.splice(0)
      this.#tell(chunks.filter(chunk => !isCommon(chunk)))
      this.#common.push(...chunks.filter(isCommon))
      // Who is complete has nothing more to batch.
      if (this.#common.length > 0) this.#commonDueAt ??= this.#have.full ? now : now + commonHaveBatchMs
    }
    if (this.#commonDueAt !== null && (this.#commonDueAt <= now || this.#have.full)) {
      this.#commonDueAt = null
      this.#tell(this.#common.splice(0))
    }
    return this.#dueAt === null || (this.#commonDueAt !== null && this.#commonDueAt < this.#dueAt)
      ? this.#commonDueAt
      : this.#dueAt
  }

  #sign(): void {
    const entries = this.#toSign.splice(0).sort(([one], [other]) => one - other)
    for (let at = 0; at < entries.length; at += pageEntries) {
      const page = entries.slice(at, at + pageEntries)
      this.#around.effect({
        type: 'sign-digests',
        transfer: this.#transfer,
        entries: page,
        notBefore: this.#notBefore
      })
    }
  }

  #tell(told: readonly number[]): void {
    const chunks = told.filter(chunk => this.#have.has(chunk))
    if (chunks.length === 0) return
    // Who has them does not need to know: that is half of all haves in a large site.
    const { scores } = this.#around
    const to = this.#members
      .lacking(chunks, peer => scores.isTroubled(peer))
      .filter(peer => this.#around.givesTo(peer))
    const message = { type: 'have', transfer: this.#transfer, chunks } as const
    if (to.length > 0) this.#around.effect({ type: 'say', to, message })
  }
}
