/** A real coordinator and real agents' links on loopback, for the tests of joining: only the peers are listeners. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createCoordinatorLink, type CoordinatorLink } from '@starling/agent/coordinator-link/link.ts'
import { createPolicyKeeper, type PolicyKeeper } from '@starling/agent/coordinator-link/policy.ts'
import type { Reach } from '@starling/agent/coordinator-link/policy-trial.ts'
import type { AgentReportNow } from '@starling/shared/heartbeat-report.ts'
import { createIdentity, type Identity } from '@starling/agent/identity/keys.ts'
import { createLinkIdentity } from '@starling/agent/identity/link-identity.ts'
import { verifyPolicy } from '@starling/agent/identity/signatures.ts'
import { createTrust, type Trust } from '@starling/agent/identity/trust.ts'
import { createConfig, type ConfigInput } from '@starling/coordinator/config.ts'
import { createCoordinator, type Coordinator } from '@starling/coordinator/coordinator.ts'
import { createLog } from '@starling/coordinator/log.ts'
import type { TicketRequest } from '@starling/shared/admin-api/fleet.ts'
import type { AgentId } from '@starling/shared/ids.ts'
import { unknownHost, type HostFacts } from '@starling/shared/policy/host-facts.ts'
import { hostTold } from '@starling/shared/policy/host-told.ts'
import type { Purge } from '@starling/shared/purge.ts'
import type { ScopedPolicy } from '@starling/shared/signed-policy.ts'
import { minuteMs, type Millis } from '@starling/shared/units.ts'

export const quiet = createLog('silent')
/** Short, so that a test waits for news and not for a clock. */
export const heartbeatMs = 25

const reachesNobody: Reach = { peers: 0, upstreamTried: 0, upstreamFailed: 0 }

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
  readonly policy: PolicyKeeper
  /** What it was told to act on, in the order in which that came. */
  readonly applied: Array<readonly ScopedPolicy[]>
  /** What it reaches, beside the coordinator. */
  reach: Reach
  /** How often a trial has asked for that: when it began, and when it was over. */
  looks: number
  problem: string | null
  /** Why it says that it cannot act on what comes; null: it can. */
  whyNotApplied: string | null
  /** Whether it needs a restart for some of what came. */
  waits: boolean
  /** What it reports. */
  report: AgentReportNow
}

export interface JoinLab {
  folder(): Promise<string>
  /** Where its keys are. */
  folderOf(coordinator: Coordinator): string
  coordinator(input?: Partial<ConfigInput>, clock?: Clock): Promise<Coordinator>
  agent(
    ticket: string | null,
    options?: {
      identity?: Identity
      folder?: string
      clock?: Clock
      address?: string
      peers?: AgentId[]
      trialMs?: Millis
      reach?: Reach
      connectionsMax?: number
      host?: HostFacts
      machine?: string
      addresses?: () => readonly string[]
    }
  ): Promise<TestAgent>
  ticket(of: Coordinator, request?: Partial<TicketRequest>): Promise<string>
  end(): Promise<void>
}

export function createJoinLab(): JoinLab {
  const undo: Array<() => Promise<unknown>> = []
  const folders = new Map<Coordinator, string>()

  async function folder(): Promise<string> {
    const path = await mkdtemp(join(tmpdir(), 'starling-join-'))
    undo.push(() => rm(path, { recursive: true, force: true }))
    return path
  }

  return {
    folder,
    folderOf: coordinator => folders.get(coordinator)!,
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
      folders.set(coordinator, config.dataFolder)
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
        trialMs = minuteMs,
        reach = reachesNobody,
        connectionsMax = Infinity,
        host = unknownHost,
        machine,
        addresses = () => []
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
        applied: [] as Array<readonly ScopedPolicy[]>,
        reach,
        looks: 0,
        problem: null as string | null,
        whyNotApplied: null as string | null,
        waits: false,
        report: {
          counters: { fromPeers: 1 },
          host: { ...hostTold(host), platform: 'test' },
          swarm: [],
          problems: []
        } as AgentReportNow
      }
      const whole = await createLinkIdentity(identity)
      let connections = 0
      const linkIdentity: typeof whole = {
        ...whole,
        async dial(to) {
          if (++connections > connectionsMax) throw new Error('the test allows no more connections')
          return await whole.dial(to)
        }
      }
      const policy = createPolicyKeeper(
        {
          self: identity.agentId,
          files: linkIdentity,
          verify: verifyPolicy,
          apply(scopes) {
            heard.applied.push(scopes)
            return Promise.resolve(heard.whyNotApplied)
          },
          waits: () => heard.waits,
          reach() {
            heard.looks++
            return heard.reach
          },
          problem: sentence => void (heard.problem = sentence),
          log: quiet,
          clock,
          trialMs
        },
        path
      )
      const link = createCoordinatorLink(
        {
          identity: linkIdentity,
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
                name: null,
                network: null,
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
          policy,
          report: () => heard.report,
          ...(machine === undefined ? {} : { machine: async () => machine }),
          log: quiet,
          clock
        },
        { dataFolder: path, ticket, addresses, version: '0.1.0' }
      )
      undo.push(() => link.stop())
      return Object.assign(heard, { identity, trust, link, policy, folder: path, hints, forbidden, hungUp })
    },
    ticket: async (of, request = {}) =>
      (await of.enrolment.createTicket({ role: 'agent', uses: 1, expiresInMs: minuteMs, ...request })).ticket,
    async end() {
      for (const step of undo.splice(0).reverse()) await step()
    }
  }
}
