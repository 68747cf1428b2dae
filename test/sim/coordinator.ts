/** The coordinator of the virtual world: its real core, heartbeats, and connections to whom it hands out. */
import { createCoordinatorCore } from '@starling/coordinator/core/coordinator.ts'
import type { AgentId } from '@starling/shared/ids.ts'
import { secondMs, type Millis } from '@starling/shared/units.ts'
import type { SimAgent } from './sim-agent.ts'
import type { World } from './world.ts'

/** As the agents' link does. */
const heartbeatMs: Millis = 30 * secondMs
/** The first heartbeats of a site that is switched on at once come within so long. */
const startSpreadMs: Millis = secondMs / 2

export class SimCoordinator {
  down = false
  heartbeats = 0
  readonly #world: World
  /** What an agent keeps on its disk. */
  readonly #handedOut = new Map<SimAgent, readonly AgentId[]>()
  readonly #core = createCoordinatorCore({ heartbeatMs })

  constructor(world: World) {
    this.#world = world
  }

  enrol(agent: SimAgent): void {
    this.#core.step(
      { type: 'agent-enrolled', agent: agent.id, site: String(agent.site), role: agent.role },
      this.#world.now
    )
    this.#world.after(this.#world.prng.fraction() * startSpreadMs, () => {
      this.#beat(agent)
    })
    agent.onRestart = () => {
      this.#dial(agent)
      this.#heartbeat(agent)
    }
  }

  #dial(agent: SimAgent): void {
    for (const id of this.#handedOut.get(agent) ?? []) {
      const peer = this.#world.agents.get(id)
      if (peer !== undefined) this.#world.network.connect(agent, peer)
    }
  }

  #beat(agent: SimAgent): void {
    this.#world.after(heartbeatMs * (0.9 + this.#world.prng.fraction() / 5), () => {
      this.#beat(agent)
    })
    this.#heartbeat(agent)
  }

  #heartbeat(agent: SimAgent): void {
    const { now } = this.#world
    if (this.down || !agent.alive || agent.asleep) return
    this.heartbeats++
    const swarm = [...agent.kept].map(([transfer, have]) => ({ transfer, complete: have.full }))
    const effects = this.#core.step(
      { type: 'heartbeat', request: this.heartbeats, agent: agent.id, addresses: [agent.id], swarm },
      now
    )
    for (const effect of effects) {
      if (effect.type !== 'hand-out') continue
      this.#handedOut.set(
        agent,
        effect.peers.map(({ id }) => id)
      )
      this.#dial(agent)
    }
  }
}
