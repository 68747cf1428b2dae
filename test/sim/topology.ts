/**
 * Which agents of a site are connected. Small sites are a full mesh; a larger one is a union of random rings, which
 * is a nearly regular random graph that is in one piece by construction. Multicast ends at a subnet's border:
 * what joins subnets is the coordinator's hand-out (coordinator.ts). Agents of another site are never linked, but for
 * gateways that serve everywhere.
 */
import { Prng } from '@starling/shared/prng.ts'
import type { SimAgent } from './sim-agent.ts'
import type { World } from './world.ts'

export interface Topology {
  /** A subnet of so many agents, the asker not counted, is a full mesh ... */
  readonly fullMax: number
  /** ... and in a larger one each has about so many neighbours, and the gateways. */
  readonly degree: number
}

const graphs = new WeakMap<World, Map<string, Map<SimAgent, Set<SimAgent>>>>()

export function neighboursOf(world: World, topology: Topology, agent: SimAgent): Iterable<SimAgent> {
  const everywhere = [...world.gatewaysEverywhere]
  if (everywhere.includes(agent)) return world.agents.values()
  const around = world.atSite(agent.site).filter(other => other.subnet === agent.subnet)
  if (around.length <= topology.fullMax + 1) return [...around, ...everywhere]
  const gateways = around.filter(other => other.role === 'gateway')
  if (agent.role === 'gateway') return around
  return new Set([...(graphOf(world, topology, around).get(agent) ?? []), ...gateways, ...everywhere])
}

/** Drawn once from the world's seed, for all who are in the subnet by then. */
function graphOf(
  world: World,
  topology: Topology,
  around: readonly SimAgent[]
): Map<SimAgent, Set<SimAgent>> {
  const [first] = around
  const name = `${first?.site} ${first?.subnet} ${around.length}`
  let ofWorld = graphs.get(world)
  if (ofWorld === undefined) graphs.set(world, (ofWorld = new Map()))
  let graph = ofWorld.get(name)
  if (graph !== undefined) return graph
  graph = new Map(around.map(agent => [agent, new Set<SimAgent>()]))
  const prng = new Prng(world.seed * 31 + (first?.site ?? 0) * 7 + (first?.subnet ?? 0))
  for (let ring = 0; ring < topology.degree / 2; ring++) {
    const order = prng.shuffle(around.filter(agent => agent.role !== 'gateway'))
    for (const [at, agent] of order.entries()) {
      const next = order[(at + 1) % order.length]!
      graph.get(agent)!.add(next)
      graph.get(next)!.add(agent)
    }
  }
  ofWorld.set(name, graph)
  return graph
}
