/** A real coordinator and real agents' links on loopback, for the tests of joining: only the peers are listeners. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createCoordinatorLink, type CoordinatorLink } from '@starling/agent/coordinator-link/link.ts'
import type { AgentReportNow } from '@starling/shared/heartbeat-report.ts'
import { createIdentity, type Identity } from '@starling/agent/identity/keys.ts'
import { createLinkIdentity } from '@starling/agent/identity/link-identity.ts'
import { createTrust, type Trust } from '@starling/agent/identity/trust.ts'
import { createConfig, type ConfigInput } from '@starling/coordinator/config.ts'
import { createCoordinator, type Coordinator } from '@starling/coordinator/coordinator.ts'
import { createLog } from '@starling/coordinator/log.ts'
import type { TicketRequest } from '@starling/shared/admin-api/fleet.ts'
import type { AgentId } from '@starling/shared/ids.ts'
import type { Purge } from '@starling/shared/purge.ts'
import { minuteMs, type Millis } from '@starling/shared/units.ts'

export const quiet = createLog('silent')
/** Short, so that a test waits for news and not for a clock. */
export const heartbeatMs = 25

export interface Clock {
  (): Millis
  offsetMs: Millis
}

/** The machine's clock, which a test may move. */
export function movableClock(): Clock {
  const clock: Clock = Object.assign(() => Date.now() + clock.offsetMs, { offsetMs: 0 })
  return clock
}

export interface TestAgent {
  readonly identity: Identity
  readonly trust: Trust
  readonly link: CoordinatorLink
  readonly folder: string
  readonly hints: Map<AgentId, readonly string[]>
  readonly forbidden: Set<AgentId>
  readonly hungUp: Set<AgentId>
  /** What the coordinator told, in the order in which it came. */
  readonly purges: Purge[]
  /** How far it was heard; set to null: as after a first start. */
  purgesVersion: number | null
  /** What it reports. */
  report: AgentReportNow
}

export interface JoinLab {
  folder(): Promise<string>
  coordinator(input?: Partial<ConfigInput>, clock?: Clock): Promise<Coordinator>
  agent(
    ticket: string | null,
    options?: {
      identity?: Identity
      folder?: string
      clock?: Clock
      address?: string
      peers?: AgentId[]
      machine?: string
    }
  ): Promise<TestAgent>
  ticket(of: Coordinator, request?: Partial<TicketRequest>): Promise<string>
  end(): Promise<void>
}

export function createJoinLab(): JoinLab {
  const undo: Array<() => Promise<unknown>> = []

  async function folder(): Promise<string> {
    const path = await mkdtemp(join(tmpdir(), 'starling-join-'))
    undo.push(() => rm(path, { recursive: true, force: true }))
    return path
  }

  return {
    folder,
    async coordinator(input = {}, clock = movableClock()) {
      const config = createConfig({
        data: await folder(),
        listen: '127.0.0.1:0',
        gateway: false,
        site: 'office',
        heartbeatMs,
        ...input
      })
      const coordinator = await createCoordinator(config, { log: quiet, clock })
      undo.push(() => coordinator.stop())
      return coordinator
    },
    async agent(
      ticket,
      {
        identity = createIdentity(),
        folder: given,
        clock = movableClock(),
        address,
        peers = [],
        machine
      } = {}
    ) {
      const path = given ?? (await folder())
      const trust = createTrust({ self: identity.agentId, clock, fleetSecret: null })
      const hints = new Map<AgentId, readonly string[]>()
      const forbidden = new Set<AgentId>()
      const hungUp = new Set<AgentId>()
      const heard = {
        purges: [] as Purge[],
        purgesVersion: null as number | null,
        report: {
          counters: { fromPeers: 1 },
          host: { platform: 'test' },
          swarm: [],
          problems: []
        } as AgentReportNow
      }
      const link = createCoordinatorLink(
        {
          identity: await createLinkIdentity(identity),
          trust,
          peers: {
            hint(list) {
              for (const { id, addresses } of list) if (id !== null) hints.set(id, addresses)
            },
            forbid(list) {
              for (const peer of list) forbidden.add(peer)
            },
            hangUp(peer) {
              hungUp.add(peer)
            },
            list: () =>
              peers.map(id => ({
                id,
                site: 'office',
                role: 'agent',
                address: '',
                capabilities: [],
                connectedAt: 0
              })),
            addresses: () => (address === undefined ? [] : [address])
          },
          purges: {
            version: () => heard.purgesVersion,
            async take(_fleet, purges, version) {
              heard.purges.push(...purges)
              heard.purgesVersion = version
            }
          },
          report: () => heard.report,
          ...(machine === undefined ? {} : { machine: async () => machine }),
          log: quiet,
          clock
        },
        { dataFolder: path, ticket, version: '0.1.0' }
      )
      undo.push(() => link.stop())
      return Object.assign(heard, { identity, trust, link, folder: path, hints, forbidden, hungUp })
    },
    ticket: async (of, request = {}) =>
      (await of.enrolment.createTicket({ role: 'agent', uses: 1, expiresInMs: minuteMs, ...request })).ticket,
    async end() {
      for (const step of undo.splice(0).reverse()) await step()
    }
  }
}
