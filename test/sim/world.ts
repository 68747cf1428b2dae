/**
 * The virtual world: sites with their lines, agents with their ports, an origin, and a clock that jumps. It delivers
 * what agents say, carries their bytes, breaks what is to be broken, and counts with its own counters: nothing that is
 * judged of a run is taken from what an agent says of itself.
 */
import type { AgentEffect, AgentEvent, Fact } from '@starling/agent/core/events.ts'
import type { AgentId, KeyHash, TransferId } from '@starling/shared/ids.ts'
import type { Signature } from '@starling/shared/manifest.ts'
import { Prng } from '@starling/shared/prng.ts'
import type { Bytes, BytesPerSecond, Millis } from '@starling/shared/units.ts'
import { Content, signatureBy } from './content.ts'
import { RunHash } from './counters.ts'
import { Timeline, type Plan } from './heap.ts'
import { Line } from './links.ts'
import { Network } from './network.ts'
import { SimAgent, type SimAgentInit } from './sim-agent.ts'
import type { Topology } from './topology.ts'

export { Content } from './content.ts'

export interface WorldInit {
  readonly seed: number
  readonly sites: number
  readonly wanRate: BytesPerSecond
  readonly wanLatencyMs?: Millis
  readonly lanLatencyMs?: Millis
  readonly perFlowRate?: BytesPerSecond | undefined
  readonly topology?: Topology
  /** One event for all receivers of a message: ten times fewer events, and no two hear it at different times. */
  readonly wholesale?: boolean
}

/** All agents of a subnet are connected, whatever their number. */
export const fullMesh: Topology = { fullMax: Infinity, degree: 10 }

export class World {
  readonly seed: number
  readonly prng: Prng
  readonly lanLatencyMs: Millis
  readonly originRoundTripMs: Millis
  readonly network: Network
  readonly agents = new Map<AgentId, SimAgent>()
  /** Gateways in a data centre: every agent of every site is connected to them, over its site's line. */
  readonly gatewaysEverywhere = new Set<SimAgent>()
  /** The origin answers 503 while it refuses. */
  readonly origin = { refuses: false }
  readonly facts: Array<{ readonly at: Millis; readonly agent: AgentId; readonly fact: Fact }> = []
  readonly failures: string[] = []
  readonly hash = new RunHash()
  /** Upstream bytes thrown away with a cancelled flow; chunk bytes that came twice; what clients were given and is wrong. */
  wastedBytes: Bytes = 0
  duplicateBytes: Bytes = 0
  wrongBytesToClients: Bytes = 0
  /** Clients that have all they asked for. */
  completions = 0
  /** Called with every event and every effect of every agent: for traces. */
  onEvent: ((agent: SimAgent, event: AgentEvent, now: Millis) => void) | null = null
  onEffect: ((agent: SimAgent, effect: AgentEffect) => void) | null = null
  readonly #timeline = new Timeline()
  readonly #lines: Line[]
  readonly #bySite: SimAgent[][]
  readonly #numbers = new Map<SimAgent, number>()
  readonly #contents = new Map<TransferId, Content>()
  readonly #byKey = new Map<KeyHash, Content>()
  #lastId = 1_000_000_000

  constructor(init: WorldInit) {
    this.seed = init.seed
    this.prng = new Prng(init.seed)
    this.lanLatencyMs = init.lanLatencyMs ?? 0.5
    this.originRoundTripMs = (init.wanLatencyMs ?? 20) * 2
    this.network = new Network(this, init.topology ?? fullMesh, init.wholesale ?? false)
    this.#lines = Array.from(
      { length: init.sites },
      () => new Line(this.#timeline, init.wanRate, init.perFlowRate)
    )
    this.#bySite = Array.from({ length: init.sites }, () => [])
  }

  get now(): Millis {
    return this.#timeline.now
  }
  get happened(): number {
    return this.#timeline.happened
  }
  get sites(): number {
    return this.#lines.length
  }
  at(time: Millis, action: () => void): Plan {
    return this.#timeline.at(time, action)
  }
  after(ms: Millis, action: () => void): Plan {
    return this.#timeline.after(ms, action)
  }
  nextId(): number {
    return ++this.#lastId
  }
  wanOf(site: number): Line {
    return found(this.#lines[site])
  }
  atSite(site: number): readonly SimAgent[] {
    return found(this.#bySite[site])
  }

  addContent(name: string, length: Bytes): Content {
    const content = new Content(name, length)
    this.#contents.set(content.transfer, content)
    this.#byKey.set(content.key, content)
    return content
  }

  /** One more line, of a place without agents of its own. @returns its number. */
  addSite(rate: BytesPerSecond): number {
    this.#bySite.push([])
    return this.#lines.push(new Line(this.#timeline, rate)) - 1
  }

  addAgent(init: SimAgentInit): SimAgent {
    const agent = new SimAgent(this, init)
    this.#numbers.set(agent, this.agents.size)
    this.agents.set(init.id, agent)
    this.atSite(init.site)
    this.#bySite[init.site]!.push(agent)
    return agent
  }

  contentOf(transfer: TransferId): Content {
    return found(this.#contents.get(transfer))
  }
  contentByKey(key: KeyHash): Content {
    return found(this.#byKey.get(key))
  }
  signature(issuer: AgentId): Signature {
    return signatureBy(issuer, this.now)
  }

  /** Lets things happen until `done`, or nothing is left, or virtual time runs out. @returns whether it was done. */
  runUntil(done: () => boolean, limitMs: Millis): boolean {
    while (!done()) {
      const next = this.#timeline.peek()
      if (next === null || next > limitMs) return done()
      this.#timeline.next()
    }
    return true
  }

  reported(agent: SimAgent, fact: Fact): void {
    this.facts.push({ at: this.now, agent: agent.id, fact })
  }

  note(agent: SimAgent, event: AgentEvent): void {
    this.hash.note(this.#numbers.get(agent)!, event, this.now)
    this.onEvent?.(agent, event, this.now)
  }
}

function found<T>(thing: T | undefined): T {
  if (thing === undefined) throw new Error('bug: the world was asked for something that is not in it')
  return thing
}
