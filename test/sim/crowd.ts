/** One site that wants one content: the smallest whole scenario, for tests and for looking at a rule alone. */
import type { CorePolicy } from '@starling/agent/core/events.ts'
import { corePolicyDefaults } from '@starling/shared/policy/effective.ts'
import {
  MiB,
  minuteMs,
  secondMs,
  type Bytes,
  type BytesPerSecond,
  type Millis
} from '@starling/shared/units.ts'
import type { SimAgent } from './sim-agent.ts'
import { World, type Content } from './world.ts'

export interface CrowdInit {
  readonly seed: number
  readonly agents: number
  readonly gateway?: boolean
  readonly size?: Bytes
  readonly wanRate?: BytesPerSecond
  readonly perFlowRate?: BytesPerSecond
  readonly lanRate?: BytesPerSecond
  /** One way. */
  readonly wanLatencyMs?: Millis
  readonly policy?: Partial<CorePolicy>
  /** What differs from that for some. */
  readonly policyOf?: (index: number) => Partial<CorePolicy>
  /** Indices of agents that send wrong bytes. */
  readonly liars?: readonly number[]
  /** Agents ask one after another, so far apart. */
  readonly staggerMs?: Millis
}

export interface Crowd {
  readonly world: World
  readonly content: Content
  /** Those who want the content: all but the gateway. */
  readonly agents: readonly SimAgent[]
  readonly gateway: SimAgent | null
  /** Virtual time at which the first agent asks. */
  readonly startMs: Millis
  /** What one copy takes over the line. */
  readonly lowerBoundMs: Millis
}

export const crowdPolicy: CorePolicy = {
  ...corePolicyDefaults,
  upstreamSlots: 2,
  siteUpstreamSlots: 6,
  uploadSlots: 8,
  downloadSlots: 12,
  delayForegroundDownloadFromHttpMs: 2 * secondMs,
  upstreamWeight: 100
}

const gigabit: BytesPerSecond = 125_000_000
const branchLine: BytesPerSecond = 6_250_000

export function makeCrowd(init: CrowdInit): Crowd {
  const size = init.size ?? 64 * MiB
  const wanRate = init.wanRate ?? branchLine
  const lanRate = init.lanRate ?? gigabit
  const policy = { ...crowdPolicy, ...init.policy }
  const world = new World({
    seed: init.seed,
    sites: 1,
    wanRate,
    ...(init.wanLatencyMs === undefined ? {} : { wanLatencyMs: init.wanLatencyMs }),
    ...(init.perFlowRate === undefined ? {} : { perFlowRate: init.perFlowRate })
  })
  const content = world.addContent('update.msu', size)
  const agents = Array.from({ length: init.agents }, (_, index) =>
    world.addAgent({
      id: `agent-${String(index).padStart(3, '0')}`,
      role: 'agent',
      site: 0,
      policy: { ...policy, ...init.policyOf?.(index) },
      seed: init.seed * 1000 + index,
      lanRate,
      lies: init.liars?.includes(index) ?? false
    })
  )
  const gateway =
    init.gateway === true
      ? world.addAgent({
          id: 'gateway',
          role: 'gateway',
          site: 0,
          policy: { ...policy, upstreamWeight: 1000 },
          seed: init.seed,
          lanRate
        })
      : null
  for (const agent of [...agents, ...(gateway === null ? [] : [gateway])]) agent.start()
  const startMs = secondMs
  for (const [index, agent] of agents.entries()) {
    world.at(startMs + index * (init.staggerMs ?? 0), () => {
      agent.want(content)
    })
  }
  return { world, content, agents, gateway, startMs, lowerBoundMs: (size * 1000) / wanRate }
}

export interface CrowdResult {
  readonly allDone: boolean
  readonly wanAmplification: number
  readonly slowestOverLowerBound: number
  readonly gatewayUploadCopies: number
  readonly failures: readonly string[]
}

/** Runs until every agent that is alive has everything, or an hour of virtual time has gone by. */
export function runCrowd(crowd: Crowd, limitMs: Millis = 60 * minuteMs): CrowdResult {
  const { world, content, agents, gateway } = crowd
  const allDone = world.runUntil(
    () => agents.every(agent => !agent.alive || agent.completedAt.has(content.transfer)),
    limitMs
  )
  const tookMs = agents.flatMap(agent => {
    const doneAt = agent.completedAt.get(content.transfer)
    return doneAt === undefined ? [] : [doneAt - agent.askedAt.get(content.transfer)!]
  })
  return {
    allDone,
    wanAmplification: world.wanOf(0).bytes / content.length,
    slowestOverLowerBound: Math.max(...tookMs) / crowd.lowerBoundMs,
    gatewayUploadCopies: gateway === null ? 0 : gateway.uploaded / content.length,
    failures: world.failures
  }
}
