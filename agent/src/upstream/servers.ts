/**
 * The servers of the plan that is in force, and of plans before it those that still have something under way. A new plan holds from
 * the next request on: what runs ends where it runs, and then the connections are closed. A server that stays keeps its
 * connections and what is known of it, because a policy that changes something else must not send everybody to a dead one again.
 */
import { messageOf } from '@starling/shared/errors.ts'
import type { Log } from '../log.ts'
import type { UpstreamView } from '../ports.ts'
import type { Probes } from './health.ts'
import type { Plan, PlannedServer, Target } from './plan.ts'
import { isSameServer, type Server } from './server.ts'

export interface Servers {
  groupsFor(target: Target): Server[][]
  follow(plan: Plan): void
  views(): readonly UpstreamView[]
  /** Since this agent started, of servers that are asked no more, too. */
  totals(): UpstreamTotals
  /** At once, with all that is under way. */
  close(): Promise<void>
}

export interface UpstreamTotals {
  readonly requests: number
  readonly failures: number
}

export function createServers(
  parts: {
    readonly create: (planned: PlannedServer) => Server
    readonly probes: Pick<Probes, 'follow'>
    readonly log: Log
  },
  first: Plan
): Servers {
  const { create, probes, log } = parts
  const leaving = new Set<Server>()
  let gone: UpstreamTotals = { requests: 0, failures: 0 }
  let plan = first
  let servers = new Map(first.servers.map(one => [one.name, create(one)]))
  probes.follow([...servers.values()])

  function retire(server: Server): void {
    leaving.add(server)
    server
      .retire()
      .catch((error: unknown) => {
        log.debug({ server: server.label, problem: messageOf(error) }, 'its connections were closed already')
      })
      .finally(() => {
        leaving.delete(server)
        gone = sumOf([gone, server.view()])
      })
  }

  function kept(planned: PlannedServer): Server | null {
    const server = servers.get(planned.name)
    if (server === undefined || !isSameServer(server.planned, planned)) return null
    server.follow(planned)
    return server
  }

  return {
    groupsFor: target => plan.groupsFor(target).map(names => names.map(name => servers.get(name)!)),
    follow(next) {
      const before = [...servers.values()]
      servers = new Map(next.servers.map(one => [one.name, kept(one) ?? create(one)]))
      plan = next
      const now = [...servers.values()]
      probes.follow(now)
      for (const server of before) if (!now.includes(server)) retire(server)
    },
    views: () => [...servers.values()].map(server => server.view()),
    totals: () => sumOf([gone, ...[...leaving, ...servers.values()].map(server => server.view())]),
    async close() {
      await Promise.all([...leaving, ...servers.values()].map(({ route }) => route.destroy()))
    }
  }
}

function sumOf(all: readonly UpstreamTotals[]): UpstreamTotals {
  return {
    requests: all.reduce((sum, { requests }) => sum + requests, 0),
    failures: all.reduce((sum, { failures }) => sum + failures, 0)
  }
}
