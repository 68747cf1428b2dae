/**
 * A gateway uploads about one copy: of a chunk that only gateways have, the first rank takes it from there, and the
 * others from the first rank. Each next rank turns to the gateway a little later, so nobody waits for a dead first.
 */
import { mix32 } from '@starling/shared/prng.ts'
import type { AgentId } from '@starling/shared/ids.ts'
import type { Millis } from '@starling/shared/units.ts'
import { gatewayStaggerMs } from './limits.ts'
import type { Members } from './members.ts'
import { rankOf, type Candidate } from './rendezvous.ts'

export class GatewayTurns {
  /** Chunks that only gateways have, until it is our turn to ask them. */
  readonly #delayed = new Map<number, Millis>()
  readonly #self: AgentId
  readonly #members: Members
  readonly #seed: number

  constructor(self: AgentId, members: Members, transferSeed: number) {
    this.#self = self
    this.#members = members
    this.#seed = transferSeed
  }

  /** Not to be asked for yet. */
  delays(chunk: number): boolean {
    return this.#delayed.has(chunk)
  }

  /** A gateway has it, and no agent that we know of. */
  delay(chunk: number, now: Millis): void {
    const self = { id: this.#self, weight: 1 }
    const rank = rankOf(self, this.#leechersAfter(chunk), mix32(this.#seed ^ ~chunk))
    if (rank > 0) this.#delayed.set(chunk, now + rank * gatewayStaggerMs)
  }

  forget(chunk: number): void {
    this.#delayed.delete(chunk)
  }

  /** Calls `refresh` for each chunk whose time has come. @returns when the next one's does. */
  open(now: Millis, refresh: (chunk: number) => void): Millis | null {
    let next: Millis | null = null
    for (const [chunk, at] of this.#delayed) {
      if (at <= now) {
        this.#delayed.delete(chunk)
        refresh(chunk)
      } else if (next === null || at < next) next = at
    }
    return next
  }

  *#leechersAfter(chunk: number): Generator<Candidate> {
    for (const member of this.#members.all()) {
      if (member.role === 'gateway' || !member.interested || member.has?.has(chunk) === true) continue
      if (member.wants.some(span => chunk >= span.start && chunk < span.end))
        yield { id: member.id, weight: 1 }
    }
  }
}
