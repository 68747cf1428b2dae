/**
 * Who is connected to whom, and what travels between them: messages, requests, chunks. Nothing overtakes within one
 * connection, and nothing arrives on one that has been cut.
 */
import type { FetchId } from '@starling/agent/core/events.ts'
import type { AgentId } from '@starling/shared/ids.ts'
import { secondMs, type Bytes, type Millis } from '@starling/shared/units.ts'
import type { SwarmMessage } from '@starling/shared/wire.ts'
import type { Content } from './content.ts'
import type { SimAgent } from './sim-agent.ts'
import { neighboursOf, type Topology } from './topology.ts'
import type { World } from './world.ts'

/** One direction of a connection between two agents. */
export interface Link {
  readonly peer: SimAgent
  saidUntil: Millis
}

/** After so long without an answer a request for a chunk is given up. */
const answerTimeoutMs: Millis = 10 * secondMs
/** Somebody who hung up or was lost is dialled again after so long, if there is a reason. */
const redialMs: Millis = 2 * secondMs

export class Network {
  readonly #world: World
  readonly #topology: Topology
  readonly #wholesale: boolean
  /** Agents in different halves do not reach each other. */
  readonly #halves = new Map<AgentId, number>()

  /** Wholesale: a message arrives at all its receivers at one time, one event for all. */
  constructor(world: World, topology: Topology, wholesale: boolean) {
    this.#world = world
    this.#topology = topology
    this.#wholesale = wholesale
  }

  // ------------------------------------------------------------------------------------------- connections

  joined(agent: SimAgent): void {
    for (const other of neighboursOf(this.#world, this.#topology, agent)) this.connect(agent, other)
  }

  connect(one: SimAgent, other: SimAgent): void {
    if (one === other || !other.alive) return
    this.#world.after(this.#latency(one, other) * 4, () => {
      if (!one.alive || !other.alive || one.links.has(other.id) || !this.#reaches(one, other)) return
      one.links.set(other.id, { peer: other, saidUntil: 0 })
      other.links.set(one.id, { peer: one, saidUntil: 0 })
      one.emit({ type: 'peer-joined', peer: other.id, site: String(other.site), role: other.role })
      other.emit({ type: 'peer-joined', peer: one.id, site: String(one.site), role: one.role })
    })
  }

  disconnect(one: SimAgent, other: SimAgent): void {
    const linked = one.links.delete(other.id)
    other.links.delete(one.id)
    if (!linked) return
    this.#hearsOfLoss(one, other)
    this.#hearsOfLoss(other, one)
  }

  /** A connection breaks, as they do on a bad line, and is dialled again. */
  interrupt(one: SimAgent, other: SimAgent): void {
    this.disconnect(one, other)
    this.#world.after(redialMs, () => {
      this.connect(one, other)
    })
  }

  /** The agent is gone from the network. */
  left(agent: SimAgent): void {
    for (const { peer } of agent.links.values()) {
      peer.links.delete(agent.id)
      this.#hearsOfLoss(peer, agent)
      this.#replace(peer)
    }
    agent.links.clear()
  }

  /** Address known, one handshake away. */
  dial(agent: SimAgent, peer: AgentId): void {
    const other = this.#world.agents.get(peer)
    if (other === undefined) return
    this.#world.after(this.#world.lanLatencyMs * 8, () => {
      if (agent.alive && other.alive && !agent.links.has(peer)) this.connect(agent, other)
    })
  }

  hangUp(agent: SimAgent, peer: AgentId): void {
    const other = this.#world.agents.get(peer)
    if (other === undefined) return
    this.#world.after(this.#world.lanLatencyMs, () => {
      this.disconnect(agent, other)
    })
  }

  /** Cuts a site in two: `half` says on which side each agent is from now on. */
  partition(agents: readonly SimAgent[], half: (agent: SimAgent) => number): void {
    for (const agent of agents) this.#halves.set(agent.id, half(agent))
    for (const agent of agents) {
      for (const { peer } of Array.from(agent.links.values()))
        if (!this.#reaches(agent, peer)) this.disconnect(agent, peer)
    }
  }

  heal(agents: readonly SimAgent[]): void {
    for (const agent of agents) this.#halves.delete(agent.id)
    for (const agent of agents) if (agent.alive) this.joined(agent)
  }

  #reaches(one: SimAgent, other: SimAgent): boolean {
    return this.#halves.size === 0 || this.#halves.get(one.id) === this.#halves.get(other.id)
  }

  #hearsOfLoss(agent: SimAgent, lost: SimAgent): void {
    this.#world.after(this.#world.lanLatencyMs, () => {
      for (const [fetch, to] of agent.asking) if (to === lost) agent.broken(fetch)
      if (!agent.links.has(lost.id)) agent.emit({ type: 'peer-left', peer: lost.id })
    })
  }

  /** Who has lost more than half of its neighbours finds new ones. */
  #replace(agent: SimAgent): void {
    if (!agent.alive || agent.links.size * 2 >= this.#topology.degree) return
    const site = this.#world.atSite(agent.site)
    if (site.length <= this.#topology.fullMax + 1) return
    this.connect(agent, this.#world.prng.pick(site))
  }

  // ------------------------------------------------------------------------------------------- messages

  deliver(from: SimAgent, to: readonly AgentId[], message: SwarmMessage): void {
    const world = this.#world
    if (this.#wholesale && to.length > 1 && from.latencyMs === 0) {
      const peers: SimAgent[] = []
      for (const id of to) {
        const link = from.links.get(id)
        if (link === undefined) continue
        if (link.peer.latencyMs === 0) peers.push(link.peer)
        else this.#deliverOne(from, link, message)
      }
      const arrivesAt = Math.max(from.saidUntil, world.now + world.lanLatencyMs * (1 + world.prng.fraction()))
      from.saidUntil = arrivesAt
      world.at(arrivesAt, () => {
        for (const peer of peers)
          if (peer.links.has(from.id)) peer.emit({ type: 'peer-said', peer: from.id, message })
      })
      return
    }
    for (const id of to) {
      const link = from.links.get(id)
      if (link !== undefined) this.#deliverOne(from, link, message)
    }
  }

  #deliverOne(from: SimAgent, link: Link, message: SwarmMessage): void {
    const { peer } = link
    const world = this.#world
    const arrivesAt = Math.max(
      from.saidUntil,
      link.saidUntil,
      world.now + this.#latency(from, peer) * (1 + world.prng.fraction())
    )
    link.saidUntil = arrivesAt
    world.at(arrivesAt, () => {
      if (from.links.get(peer.id) === link) peer.emit({ type: 'peer-said', peer: from.id, message })
    })
  }

  #latency(one: SimAgent, other: SimAgent): Millis {
    return this.#world.lanLatencyMs + one.latencyMs + other.latencyMs
  }

  // ------------------------------------------------------------------------------------------- chunks

  ask(from: SimAgent, peer: AgentId, content: Content, chunk: number, fetch: FetchId): void {
    const link = from.links.get(peer)
    const to = this.#world.agents.get(peer)
    if (to === undefined) throw new Error(`bug: ${from.id} asks ${peer}, which is not in the world`)
    from.asking.set(fetch, to)
    this.#world.after(this.#latency(from, to), () => {
      if (link === undefined || !to.alive || from.links.get(peer) !== link) from.broken(fetch)
      else if (to.asleep) this.silent(from, fetch)
      else if (from.asking.has(fetch)) to.trades.asked(from, content, chunk, fetch)
    })
  }

  /** No answer comes. */
  silent(from: SimAgent, fetch: FetchId): void {
    this.#world.after(answerTimeoutMs, () => {
      from.broken(fetch, 'timeout')
    })
  }

  answer(from: SimAgent, to: SimAgent, fetch: FetchId, reason: 'busy' | 'gone', retryAfterMs: Millis): void {
    this.#world.after(this.#latency(from, to), () => {
      if (to.asking.delete(fetch)) to.emit({ type: 'fetch-failed', fetch, reason, retryAfterMs })
    })
  }

  /** Carries a chunk: over the ports of one site, or over the line of the site of the receiver. */
  carry(from: SimAgent, to: SimAgent, bytes: Bytes, sent: () => void, arrived: () => void): void {
    const world = this.#world
    const link = from.links.get(to.id)
    const arrive = (): void => {
      if (link !== undefined && from.links.get(to.id) === link) arrived()
    }
    if (from.site !== to.site) {
      world.wanOf(to.site).carry(bytes, () => {
        from.later(0, sent)
        world.after(this.#latency(from, to), arrive)
      })
      return
    }
    const sentAt = from.up.carry(bytes, world.now)
    const arrivedAt = to.down.carry(bytes, sentAt - (bytes * 1000) / from.up.rate)
    from.later(sentAt - world.now, sent)
    world.at(Math.max(sentAt, arrivedAt) + this.#latency(from, to), arrive)
  }
}
