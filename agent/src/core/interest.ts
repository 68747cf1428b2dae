/**
 * What this agent tells its site that it is after (`interested`), and how long it listens for answers before it
 * claims anything: the first thing that it gets from each peer is a bitfield with the claims in force.
 */
import type { AgentId, TransferId } from '@starling/shared/ids.ts'
import type { Millis } from '@starling/shared/units.ts'
import { isLargeSite, type Around } from './around.ts'
import { askWaitMs, largeSiteWaitMs } from './limits.ts'
import type { Members } from './members.ts'
import type { Wants } from './wants.ts'

/** No more spans are told than a client's open reads come to; the rest is told when these are done. */
const spansTold = 16

export class Interest {
  readonly #transfer: TransferId
  readonly #wants: Wants
  readonly #members: Members
  readonly #around: Around
  /** Said `interested` to the site at; null: not interested now. */
  #since: Millis | null = null
  #told = ''

  constructor(transfer: TransferId, wants: Wants, members: Members, around: Around) {
    this.#transfer = transfer
    this.#wants = wants
    this.#members = members
    this.#around = around
  }

  /** @returns whether it has only begun. */
  begin(now: Millis): boolean {
    if (this.#since !== null) return false
    this.#since = now
    return true
  }

  end(): void {
    const to = [...this.#around.peers.keys()]
    if (this.#since !== null && to.length > 0)
      this.#around.effect({ type: 'say', to, message: { type: 'not-interested', transfer: this.#transfer } })
    this.#since = null
    this.#told = ''
  }

  /** Tells the site when what is wanted is not what was told. */
  tellChanges(): void {
    const told = [this.#around.willingness(), this.#wants.foreground, ...this.#spans()].join(' ')
    if (told === this.#told) return
    this.#told = told
    this.#say([...this.#around.peers.keys()], this.#spans())
  }

  /** To a peer that cannot have heard of it: it has only joined, or the transfer was not known yet. */
  tell(peer: AgentId): void {
    if (this.#since !== null) this.#say([peer], this.#spans())
  }

  /** As `tell`; but a gateway that is at work for others says so even when it wants nothing itself. */
  answer(peer: AgentId, fetchesForOthers: boolean): void {
    if (this.#since !== null || fetchesForOthers) this.#say([peer], this.#spans())
  }

  /** When everybody has answered, or has had the time to. `fetcherSince`: this agent has been a fetcher since. */
  introducedAt(fetcherSince: Millis | null, now: Millis): Millis {
    if (this.#since === null) return now
    // Who has only just become a fetcher, because others are done, must first hear what the others are at.
    if (isLargeSite(this.#around)) return Math.max(this.#since, fetcherSince ?? 0) + largeSiteWaitMs
    const atTheLatest = this.#since + askWaitMs
    if (now >= atTheLatest) return atTheLatest
    for (const peer of this.#around.peers.keys())
      if (this.#members.get(peer)?.introduced !== true) return atTheLatest
    return now
  }

  #spans(): Array<readonly [start: number, end: number]> {
    return this.#wants.spans.slice(0, spansTold).map(({ start, end }) => [start, end] as const)
  }

  #say(to: readonly AgentId[], wants: ReadonlyArray<readonly [start: number, end: number]>): void {
    if (to.length === 0) return
    const weight = this.#around.willingness()
    this.#around.effect({
      type: 'say',
      to,
      message: {
        type: 'interested',
        transfer: this.#transfer,
        weight,
        // Of our own clients only: two agents must not keep each other awake, nor a gateway its site.
        background: !this.#wants.foreground,
        wants
      }
    })
  }
}
