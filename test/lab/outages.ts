/** Power cuts in mid-run: who is hit is drawn from the seed; what they had cost is noted before they are gone. */
import type { ByteCounters } from '@starling/agent/ports.ts'
import { Prng } from '@starling/shared/prng.ts'
import type { Endpoint, Server } from './actors.ts'
import { nothing, type ProcessCost } from './machine.ts'
import type { Plan } from './options.ts'
import type { Stage } from './stage.ts'

export interface ServerEnd {
  readonly totals: Readonly<ByteCounters> | null
  readonly cost: ProcessCost | null
  readonly wasKilled: boolean
}

export interface Outages {
  readonly victims: ReadonlySet<Endpoint>
  /** What the victims had cost when they died. */
  readonly lastCosts: ReadonlyMap<Endpoint, ProcessCost>
  readonly server: ServerEnd | null
  /** Once; later calls do nothing. */
  strike(say: (text: string) => void): Promise<void>
}

export function planOutages({ endpoints, server }: Stage, plan: Plan): Outages {
  const order = [...endpoints]
  new Prng(plan.seed).shuffle(order)
  const doomed = order.slice(0, plan.kill)
  const victims = new Set<Endpoint>()
  const lastCosts = new Map<Endpoint, ProcessCost>()
  let last: ServerEnd | null = null
  let hasStruck = false
  return {
    victims,
    lastCosts,
    get server() {
      return last
    },
    async strike(say) {
      if (hasStruck) return
      hasStruck = true
      if (plan.killServers && server !== null) {
        last = { ...(await lookAt(server)), wasKilled: true }
        server.kill()
        say('power cut: coordinator and gateway')
      }
      for (const one of doomed) {
        lastCosts.set(one, one.cost() ?? nothing)
        victims.add(one)
        one.kill()
      }
      if (doomed.length > 0) say(`power cut: ${doomed.map(({ name }) => name).join(', ')}`)
    }
  }
}

export async function lookAt(server: Server): Promise<ServerEnd> {
  const status = await server.status().catch(() => null)
  return { totals: status?.totals ?? null, cost: server.cost(), wasKilled: false }
}
