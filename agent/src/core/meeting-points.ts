/**
 * How the few who want a key find each other in a site without a full mesh. Who comes late and has no neighbour that knows
 * the key asks two agents that everybody would ask, the first of the site by rendezvous rank for it. They need not want
 * it themselves: they remember who asked before, and say so. In a flash crowd none of this happens, because there the
 * neighbours are looking too.
 */
import { hash32 } from '@starling/shared/prng.ts'
import type { AgentId, KeyHash } from '@starling/shared/ids.ts'
import type { Around } from './around.ts'
import { meetingPoints, rememberedKeysMax } from './limits.ts'
import { isBefore } from './rendezvous.ts'

export class MeetingPoints {
  readonly #around: Around
  /** Who asked for a key that we did not know; the one who asked longest ago first. */
  readonly #askers = new Map<KeyHash, Set<AgentId>>()

  constructor(around: Around) {
    this.#around = around
  }

  /** The agents to ask for this key. */
  of(key: KeyHash): AgentId[] {
    const candidates = this.#around.site.others.map(id => ({ id, weight: 1 }))
    candidates.sort((one, other) => (isBefore(one, other, hash32(key)) ? -1 : 1))
    return candidates.slice(0, meetingPoints).map(({ id }) => id)
  }

  /** A peer asks for a key that we do not know. @returns one who asked before and is still connected. */
  asked(key: KeyHash, peer: AgentId): AgentId | null {
    const askers = this.#askers.get(key) ?? new Set()
    const before = [...askers].find(id => id !== peer && this.#around.peers.has(id)) ?? null
    askers.add(peer)
    this.#askers.delete(key)
    this.#askers.set(key, askers)
    for (const oldest of this.#askers.keys()) {
      if (this.#askers.size <= rememberedKeysMax) break
      this.#askers.delete(oldest)
    }
    return before
  }

  left(peer: AgentId): void {
    for (const [key, askers] of this.#askers)
      if (askers.delete(peer) && askers.size === 0) this.#askers.delete(key)
  }
}
