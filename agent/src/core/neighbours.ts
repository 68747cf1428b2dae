/**
 * With whom an agent keeps a connection. A small site is a full mesh. In a large one each agent dials five by rendezvous
 * draw and is dialled by about five: a random graph of degree ten or so, which is connected for all practical purposes,
 * needs no word between agents, and changes by one edge when an agent comes or goes.
 */
import type { AgentId } from '@starling/shared/ids.ts'
import { dialledInLargeSite, fullMeshMax } from './limits.ts'
import { drawOf, seedOf } from './rendezvous.ts'

/** Of the agents that are known, those to dial. */
export function chooseNeighbours(self: AgentId, known: readonly AgentId[]): ReadonlySet<AgentId> {
  const others = known.filter(id => id !== self)
  if (others.length < fullMeshMax) return new Set(others)
  const own = seedOf(self)
  const drawn = others.map(id => ({ id, draw: drawOf(own, seedOf(id)) }))
  drawn.sort((one, other) => one.draw - other.draw || (one.id < other.id ? -1 : 1))
  return new Set(drawn.slice(0, dialledInLargeSite).map(({ id }) => id))
}
