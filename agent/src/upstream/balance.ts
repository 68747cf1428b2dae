/**
 * In which order servers are asked, pure. Groups come in the order of the rule. Within one, gateways are ranked by rendezvous
 * hashing of what is asked for: each keeps its share of the contents, and when one is lost only its share moves. The
 * others by the load that they would have, so that a slow one gets less; a tie goes by the same hash, so that an idle
 * site still uses all, and asks the same proxy for the same thing.
 */
import { hash32, mix32 } from '@starling/shared/prng.ts'
import type { Millis } from '@starling/shared/units.ts'
import { mayAsk, type Health } from './health-state.ts'

export interface Candidate {
  readonly name: string
  readonly kind: 'proxy' | 'gateway' | 'direct'
  readonly weight: number
  readonly inFlight: number
  readonly health: Health
}

export interface Order<Server> {
  readonly ready: readonly Server[]
  /** Down: asked only when all others have failed. */
  readonly resting: readonly Server[]
}

export function inOrder<Server extends Candidate>(
  groups: ReadonlyArray<readonly Server[]>,
  key: string,
  now: Millis
): Order<Server> {
  const seed = hash32(key)
  const ordered = groups.flatMap(group => [
    ...group.filter(({ kind }) => kind === 'gateway').toSorted((a, b) => byRank(a, b, seed)),
    ...group
      .filter(({ kind }) => kind !== 'gateway')
      .toSorted((a, b) => loadWith(a) - loadWith(b) || byRank(a, b, seed))
  ])
  return {
    ready: ordered.filter(({ health }) => mayAsk(health, now)),
    resting: ordered.filter(({ health }) => !mayAsk(health, now))
  }
}

function loadWith({ inFlight, weight }: Candidate): number {
  return (inFlight + 1) / weight
}

function byRank(a: Candidate, b: Candidate, seed: number): number {
  return scoreOf(b, seed) - scoreOf(a, seed) || (a.name < b.name ? -1 : 1)
}

/** Weighted rendezvous: the share of each is its weight's, and a changed weight moves no more than it must. */
function scoreOf({ name, weight }: Candidate, seed: number): number {
  const draw = (mix32(hash32(name) ^ mix32(seed)) + 1) / (0x1_0000_0000 + 1)
  return -weight / Math.log(draw)
}
