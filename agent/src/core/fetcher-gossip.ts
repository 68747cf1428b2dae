/**
 * Large sites gossip who fetches, not what is fetched. Where not everybody hears everybody, the list of fetchers
 * (fetchers.ts) is passed on from neighbour to neighbour, and those on it connect with each other, so that their
 * claims meet at once. In a small site none of this happens.
 */
import type { AgentId, TransferId } from '@starling/shared/ids.ts'
import type { Millis } from '@starling/shared/units.ts'
import { isLargeSite, type Around } from './around.ts'
import type { Fetchers } from './fetchers.ts'
import { fetchersRepeatMs, haveBatchMs } from './limits.ts'
import type { Members } from './members.ts'

export class FetcherGossip {
  readonly #transfer: TransferId
  readonly #fetchers: Fetchers
  readonly #members: Members
  readonly #around: Around
  #tellAt: Millis | null = null
  /** This agent is after something, and so may be one of them. */
  #takesPart = false
  /** Since when this agent has been one of the fetchers of a large site. */
  memberSince: Millis | null = null

  constructor(transfer: TransferId, fetchers: Fetchers, members: Members, around: Around) {
    this.#transfer = transfer
    this.#fetchers = fetchers
    this.#members = members
    this.#around = around
  }

  begin(now: Millis): void {
    this.#takesPart = true
    this.#noteSelf(now)
    this.#changed(now)
  }

  stop(): void {
    this.#takesPart = false
    this.#tellAt = null
    this.#fetchers.drop(this.#around.self)
  }

  /** A peer is interested. */
  note(peer: AgentId, weight: number, now: Millis): void {
    if (this.#fetchers.note(peer, weight, now)) this.#changed(now)
  }

  /** A peer has gone or is not interested any more. */
  drop(peer: AgentId, now: Millis): void {
    if (this.#fetchers.drop(peer)) this.#changed(now)
  }

  heard(agents: ReadonlyArray<readonly [AgentId, weight: number, ageMs: Millis]>, now: Millis): void {
    let changed = false
    for (const [id, weight, ageMs] of agents) {
      // Of itself and of its peers an agent knows better than anyone.
      if (id === this.#around.self || this.#around.peers.has(id)) continue
      if (this.#fetchers.note(id, weight, now - ageMs)) changed = true
    }
    if (changed) this.#changed(now)
  }

  /** @returns when the list is to be told next; null in a site where everybody hears everybody. */
  tell(now: Millis): Millis | null {
    if (!isLargeSite(this.#around)) return null
    this.#tellAt ??= now + fetchersRepeatMs
    if (this.#tellAt > now) return this.#tellAt
    this.#noteSelf(now)
    for (const { id, interested, far, weight } of this.#members.all())
      if (interested && !far) this.#fetchers.note(id, weight, now)
    this.#fetchers.forget(now)
    const to = this.#members.nearLeechers()
    const agents = this.#fetchers.told(now)
    if (to.length > 0)
      this.#around.effect({
        type: 'say',
        to,
        message: { type: 'fetchers', transfer: this.#transfer, agents }
      })
    this.#tellAt = now + fetchersRepeatMs
    return this.#tellAt
  }

  #noteSelf(now: Millis): void {
    this.#fetchers.note(this.#around.self, this.#around.willingness(), now)
  }

  #changed(now: Millis): void {
    if (!isLargeSite(this.#around)) return
    const { self, peers } = this.#around
    // Those who are done leave the list, and others move up.
    if (this.#takesPart) this.#noteSelf(now)
    const isOne = this.#fetchers.has(self)
    if (!isOne) this.memberSince = null
    else this.memberSince ??= now
    this.#tellAt = Math.min(this.#tellAt ?? Infinity, now + haveBatchMs)
    if (!isOne) return
    // Of two, the one with the lower id dials.
    for (const { id } of this.#fetchers.top)
      if (id > self && !peers.has(id)) this.#around.effect({ type: 'dial', peer: id })
  }
}
