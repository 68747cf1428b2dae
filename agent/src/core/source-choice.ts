/**
 * Which of the peers that have a chunk is asked for it. Power of two choices: draw two at random, take the one
 * that would answer sooner. That spreads load nearly as well as knowing everybody's queue, and does not send a whole
 * site to whoever looked best a moment ago.
 */
import type { AgentId } from '@starling/shared/ids.ts'
import type { Prng } from '@starling/shared/prng.ts'
import type { Millis } from '@starling/shared/units.ts'
import { peerShareFloor, peerSharePercent, requestsPerPeerMax } from './limits.ts'
import type { PeerScores } from './peer-score.ts'

export interface Load {
  /** Requests of this swarm in flight, in all and by peer. */
  readonly total: number
  at(peer: AgentId): number
}

/** @returns null when nobody of `holders` should be asked now. */
export function choosePeer(
  holders: readonly AgentId[],
  load: Load,
  scores: PeerScores,
  prng: Prng,
  now: Millis
): AgentId | null {
  const free = holders.filter(
    peer =>
      !scores.rests(peer, now) && !scores.banned(peer, now) && scores.inFlight(peer) < requestsPerPeerMax
  )
  // Who failed us is tried with one request when its rest is over, whoever else has the chunk: delivering, it is believed
  // again. Each failure doubles the rest, so this costs little.
  const tried = scores.anyTroubled
    ? free.find(peer => scores.isTroubled(peer) && scores.inFlight(peer) === 0)
    : undefined
  if (tried !== undefined) return tried
  const able = scores.anyTroubled ? free.filter(peer => !scores.isTroubled(peer)) : free
  const cap = Math.max(peerShareFloor, Math.ceil(((load.total + 1) * peerSharePercent) / 100))
  const under = able.length > 1 ? able.filter(peer => load.at(peer) < cap) : able
  const among = under.length > 0 ? under : able
  if (among.length === 0) return null
  if (among.length === 1) return among[0]!
  const one = prng.pick(among)
  const other = prng.pick(among)
  return answersSooner(other, one, scores) ? other : one
}

/** A peer without a measured rate counts as fast as anyone, so that newcomers are tried. */
function answersSooner(one: AgentId, other: AgentId, scores: PeerScores): boolean {
  const oneQueue = scores.inFlight(one) + 1
  const otherQueue = scores.inFlight(other) + 1
  const oneRate = scores.rate(one)
  const otherRate = scores.rate(other)
  if (oneRate === 0 || otherRate === 0) return oneQueue < otherQueue
  return oneQueue * otherRate < otherQueue * oneRate
}
