/**
 * What this agent says of its own claims: `claim` before the request leaves and again with its progress, `release` when
 * it gives an extent back.
 */
import type { AgentId } from '@starling/shared/ids.ts'
import type { Bytes, Millis } from '@starling/shared/units.ts'
import type { Claim } from '@starling/shared/wire.ts'
import type { Claims } from './claims.ts'
import { claimRepeatMs, releaseDelayMs } from './limits.ts'

/** To the interested, or to every peer of the site. */
export type SayClaim = (message: { type: 'claim' | 'release'; claim: Claim }, toAll?: boolean) => void

export class ClaimTelling {
  readonly #self: AgentId
  readonly #claims: Claims
  readonly #say: SayClaim
  /** Given back, but not yet told. */
  readonly #releases: Array<{ readonly at: Millis; readonly extent: number; readonly bytesDone: Bytes }> = []
  /** When a claim of ours was last repeated to somebody who claimed the same. */
  readonly #saidAgainAt = new Map<number, Millis>()
  #sequence = 0
  #repeatAt: Millis | null = null

  constructor(self: AgentId, claims: Claims, say: SayClaim) {
    this.#self = self
    this.#claims = claims
    this.#say = say
  }

  /** Notes a claim of ours and tells it. */
  claim(extent: number, now: Millis): void {
    this.#claims.set({ extent, claimant: this.#self, sequence: ++this.#sequence, bytesDone: 0 }, now)
    this.#tell('claim', extent, 0)
  }

  /** Once more to everybody, before anyone has said `interested`. */
  claimToAll(extent: number): void {
    const claim = { extent, claimant: this.#self, sequence: ++this.#sequence, bytesDone: 0 }
    this.#say({ type: 'claim', claim }, true)
  }

  /**
   * To one who claims what we do. It has not heard of ours, or it would not have claimed: without a word it would fetch
   * on. Not more often than progress is told: it may be as sure of its claim as we are of ours.
   */
  sayAgain(extent: number, bytesDone: Bytes, now: Millis): void {
    if (now < (this.#saidAgainAt.get(extent) ?? -Infinity) + claimRepeatMs) return
    this.#saidAgainAt.set(extent, now)
    this.#tell('claim', extent, bytesDone)
  }

  /** The haves of what did arrive (`brought`) must be heard first, or the next in rank fetches that again. */
  release(extent: number, bytesDone: Bytes, brought: boolean, now: Millis): void {
    if (brought) this.#releases.push({ at: now + releaseDelayMs, extent, bytesDone })
    else this.#tell('release', extent, bytesDone)
  }

  /** Tells progress (while `flowing`), and what was given back, when it is due. @returns when next. */
  repeat(flowing: boolean, now: Millis): Millis | null {
    while (this.#releases[0] !== undefined && this.#releases[0].at <= now) {
      const { extent, bytesDone } = this.#releases.shift()!
      if (this.#claims.of(extent) === undefined) this.#tell('release', extent, bytesDone)
    }
    const releaseAt = this.#releases[0]?.at ?? null
    const progressAt = this.#tellProgress(flowing, now)
    return releaseAt === null || (progressAt !== null && progressAt < releaseAt) ? progressAt : releaseAt
  }

  #tellProgress(flowing: boolean, now: Millis): Millis | null {
    if (!flowing) this.#repeatAt = null
    else if (this.#repeatAt === null) this.#repeatAt = now + claimRepeatMs
    else if (this.#repeatAt <= now) {
      this.#repeatAt = now + claimRepeatMs
      for (const { claimant, extent, bytesDone } of this.#claims.all())
        if (claimant === this.#self) this.#tell('claim', extent, bytesDone)
    }
    return this.#repeatAt
  }

  #tell(type: 'claim' | 'release', extent: number, bytesDone: Bytes): void {
    const sequence = ++this.#sequence
    const record = this.#claims.of(extent)
    if (record?.claimant === this.#self) record.sequence = sequence
    this.#say({ type, claim: { extent, claimant: this.#self, sequence, bytesDone } })
  }
}
