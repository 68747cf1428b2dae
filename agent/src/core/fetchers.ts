/**
 * Who of a site fetches a transfer from upstream: the first few by rank of all that are interested. In a small site
 * everybody hears everybody's `interested`; in a large one nobody knows all, so the best that are known are passed on.
 * A list changes only when someone better turns up, which is rare once it is full, so this costs next to nothing.
 *
 * An agent that has gone may stay on the list for a while: it never claims, so for each of its extents the next in rank
 * comes in one stagger later.
 */
import { mix32 } from '@starling/shared/prng.ts'
import type { AgentId } from '@starling/shared/ids.ts'
import type { Millis } from '@starling/shared/units.ts'
import { fetcherForgottenMs, fetchersMax } from './limits.ts'
import { isBefore, rankOf, seedOf, type Candidate } from './rendezvous.ts'

interface Known {
  readonly id: AgentId
  readonly weight: number
  readonly seed: number
  heardAt: Millis
}

export class Fetchers {
  readonly #known = new Map<AgentId, Known>()
  readonly #thing: number
  #top: readonly Candidate[] = []
  /** Our ranks among them, asked for often; forgotten when the list changes. */
  readonly #ranks = new Map<number, number>()

  constructor(transferSeed: number) {
    this.#thing = mix32(transferSeed ^ -1)
  }

  /** The best that are known, best first. */
  get top(): readonly Candidate[] {
    return this.#top
  }
  has(id: AgentId): boolean {
    return this.#top.some(one => one.id === id)
  }

  /** How many of them go before `self` for a thing. */
  rank(self: Candidate, thing: number): number {
    let rank = this.#ranks.get(thing)
    if (rank === undefined) {
      rank = rankOf(self, this.#top, thing)
      this.#ranks.set(thing, rank)
    }
    return rank
  }

  /** Word of an agent that was interested at `heardAt`. @returns whether the list changed. */
  note(id: AgentId, weight: number, heardAt: Millis): boolean {
    const known = this.#known.get(id)
    if (known !== undefined && known.weight === weight) {
      known.heardAt = Math.max(known.heardAt, heardAt)
      return false
    }
    if (known !== undefined && known.heardAt > heardAt) return false
    if (weight === 0) return this.drop(id)
    const candidate = { id, weight, seed: known?.seed ?? seedOf(id), heardAt }
    const worst = this.#top[fetchersMax - 1]
    // Whoever would not be on the list is not kept: in a site of thousands that would be thousands.
    if (worst !== undefined && known === undefined && !isBefore(candidate, worst, this.#thing)) return false
    this.#known.set(id, candidate)
    return this.#sort()
  }

  /** The list as it is told to others: with the age of each word, so that it does not live for ever by being passed on. */
  told(now: Millis): Array<readonly [id: AgentId, weight: number, ageMs: Millis]> {
    return [...this.#known.values()].map(
      ({ id, weight, heardAt }) => [id, weight, Math.max(0, Math.floor(now - heardAt))] as const
    )
  }

  drop(id: AgentId): boolean {
    return this.#known.delete(id) && this.#sort()
  }

  /** Drops those of whom nobody has heard for long. */
  forget(now: Millis): void {
    let gone = false
    for (const known of this.#known.values()) {
      if (now - known.heardAt < fetcherForgottenMs) continue
      this.#known.delete(known.id)
      gone = true
    }
    if (gone) this.#sort()
  }

  #sort(): boolean {
    const before = this.#top
    const sorted = [...this.#known.values()].sort((one, other) =>
      isBefore(one, other, this.#thing) ? -1 : 1
    )
    for (const { id } of sorted.slice(fetchersMax)) this.#known.delete(id)
    this.#top = sorted.slice(0, fetchersMax)
    const changed =
      this.#top.length !== before.length || this.#top.some((one, place) => one.id !== before[place]!.id)
    if (changed) this.#ranks.clear()
    return changed
  }
}
