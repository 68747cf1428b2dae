/**
 * Rendezvous hashing: everybody ranks the same agents for the same thing and comes to the same order without a
 * word. Willingness (weight) sorts first, so that a laptop on Wi-Fi fetches only when no wired machine would; among
 * equals a hash decides, so that work spreads evenly and a lost agent's share falls to all others.
 */
import { hash32, mix32 } from '@starling/shared/prng.ts'
import type { AgentId } from '@starling/shared/ids.ts'

export interface Candidate {
  readonly id: AgentId
  readonly weight: number
  /** `seedOf(id)`, where it is known already: ids are long, and ranks are asked for often. */
  readonly seed?: number
}

export function seedOf(id: string): number {
  return hash32(id)
}

/** The order of `agent` for `thing`: a 32-bit number, lower goes first. Both are seeds. */
export function drawOf(agentSeed: number, thingSeed: number): number {
  return mix32(Math.imul(agentSeed ^ 0x9e3779b9, 0x85ebca6b) ^ mix32(thingSeed))
}

/** How many of `candidates` go before `self` for `thing` (weight 0 never goes). Ties are broken by id. */
export function rankOf(self: Candidate, candidates: Iterable<Candidate>, thingSeed: number): number {
  const own = drawFor(self, thingSeed)
  let before = 0
  for (const other of candidates) {
    if (other.id === self.id || other.weight === 0) continue
    if (goesBefore(other, drawFor(other, thingSeed), self, own)) before++
  }
  return before
}

/** Whether `one` goes before `other` for `thing`. */
export function isBefore(one: Candidate, other: Candidate, thingSeed: number): boolean {
  return goesBefore(one, drawFor(one, thingSeed), other, drawFor(other, thingSeed))
}

function drawFor(candidate: Candidate, thingSeed: number): number {
  return drawOf(candidate.seed ?? seedOf(candidate.id), thingSeed)
}

function goesBefore(one: Candidate, oneDraw: number, other: Candidate, otherDraw: number): boolean {
  if (one.weight !== other.weight) return one.weight > other.weight
  if (oneDraw !== otherDraw) return oneDraw < otherDraw
  return one.id < other.id
}
