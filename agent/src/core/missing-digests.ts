/** Chunks that somebody has and that we want, but whose signed digest has not come by itself: it is asked for. */
import type { TransferId } from '@starling/shared/ids.ts'
import type { Millis } from '@starling/shared/units.ts'
import type { Around } from './around.ts'
import { digestPatienceMs, digestsLateMs } from './limits.ts'
import type { Members } from './members.ts'

/** One question asks for no more than so many: sixteen batches of 64 as the answer. */
const asked = 1024

export class MissingDigests {
  /** Since when. */
  readonly #missing = new Map<number, Millis>()
  readonly #transfer: TransferId
  readonly #members: Members
  readonly #around: Around
  #askAt: Millis | null = null

  constructor(transfer: TransferId, members: Members, around: Around) {
    this.#transfer = transfer
    this.#members = members
    this.#around = around
  }

  /** It was told just now: the digest may be on its way. */
  expect(chunk: number, now: Millis): void {
    if (!this.#missing.has(chunk)) this.#missing.set(chunk, now)
    this.#askAt ??= now + digestPatienceMs
  }

  /** It has been told for a while, and we have only now come to want it. */
  miss(chunk: number, now: Millis): void {
    this.#missing.set(chunk, now)
    this.#askAt = now
  }

  known(chunk: number): void {
    this.#missing.delete(chunk)
  }

  /** It has been asked for long enough: a chunk that nobody vouches for is as good as not there. */
  isLate(chunk: number, now: Millis): boolean {
    const since = this.#missing.get(chunk)
    return since !== undefined && now >= since + digestsLateMs
  }

  /** Asks one who has the first of them, when it is time. @returns when next. */
  ask(now: Millis): Millis | null {
    if (this.#askAt === null || this.#missing.size === 0) return null
    if (this.#askAt > now) return this.#askAt
    this.#askAt = now + digestPatienceMs * 5
    const missing = [...this.#missing.keys()].sort((one, other) => one - other)
    const first = missing[0]!
    const { scores, prng } = this.#around
    const near = this.#members.holdersOf(first)
    const all = near.length > 0 ? near : this.#members.farHoldersOf(first)
    const holders = all.filter(peer => !scores.banned(peer, now))
    if (holders.length > 0) {
      const count = Math.min(asked, missing.at(-1)! - first + 1)
      this.#around.effect({
        type: 'say',
        to: [prng.pick(holders)],
        message: { type: 'ask-digests', transfer: this.#transfer, first, count }
      })
    }
    return this.#askAt
  }
}
