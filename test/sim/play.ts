/** A scenario and its options become a world; the world runs; what is left are its counters, for report and checkers. */
import type { CorePolicy } from '@starling/agent/core/events.ts'
import { corePolicyDefaults } from '@starling/shared/policy/effective.ts'
import { MiB, secondMs, type Bytes, type BytesPerSecond, type Millis } from '@starling/shared/units.ts'
import { SimCoordinator } from './coordinator.ts'
import { Port, Throttle } from './links.ts'
import { megabit, type Options, type Scenario } from './scenarios/scenario.ts'
import type { SimAgent, SimAgentInit } from './sim-agent.ts'
import { World, type Content } from './world.ts'

export const usualPolicy: CorePolicy = {
  ...corePolicyDefaults,
  upstreamSlots: 2,
  siteUpstreamSlots: 6,
  uploadSlots: 8,
  downloadSlots: 12,
  delayForegroundDownloadFromHttpMs: 2 * secondMs,
  upstreamWeight: 100
}

export const usualOptions = {
  seed: 1,
  agents: 20,
  sites: 1,
  size: 256 * MiB,
  wan: 50 * megabit,
  gateway: 'none',
  coordinator: false,
  mesh: 32,
  degree: 10,
  perFlow: Infinity,
  background: false,
  faults: 0
} as const

/** Everybody is up and connected by then. */
export const startMs: Millis = 2 * secondMs
/** Beyond so many agents a site a message is one event for all who hear it. */
const wholesaleFrom = 60
const dataCentreRate: BytesPerSecond = 1250 * megabit * 8

/** What a test or a fault changes of an agent before it is made. */
export type Dress = (init: SimAgentInit, index: number) => SimAgentInit

export interface Play {
  readonly options: Options
  readonly scenario: Scenario
  readonly world: World
  readonly content: Content
  /** Those who want the content, as opposed to gateways. */
  readonly agents: readonly SimAgent[]
  readonly gateways: readonly SimAgent[]
  readonly coordinator: SimCoordinator | null
  readonly startMs: Millis
  /** What one copy takes over the line, or over the LAN if that is slower. */
  readonly lowerBoundMs: Millis
  readonly call: { sent: Bytes; late: Bytes }
}

export function optionsFor(scenario: Scenario, told: Partial<Options>): Options {
  return { ...usualOptions, ...scenario.defaults, ...told, scenario: scenario.name }
}

export function stage(scenario: Scenario, options: Options, dress: Dress = init => init): Play {
  const { seed, sites, wan } = options
  const world = new World({
    seed,
    sites,
    wanRate: wan,
    lanLatencyMs: scenario.lan.latencyMs,
    perFlowRate: options.perFlow,
    topology: { fullMax: options.mesh, degree: options.degree },
    wholesale: options.agents > wholesaleFrom * sites
  })
  const content = world.addContent(`update-${seed}.msu`, options.size)
  const media = Array.from({ length: sites }, () =>
    scenario.lan.shared ? new Port(scenario.lan.rate) : null
  )
  const agents = Array.from({ length: options.agents }, (_, index) => {
    const site = index % sites
    const medium = media[site]
    return world.addAgent(
      dress(
        {
          id: `agent-${String(index).padStart(5, '0')}`,
          role: 'agent',
          site,
          policy: usualPolicy,
          background: options.background,
          seed: scenario.clones ? seed : seed * 100_000 + index,
          lanRate: scenario.lan.rate,
          subnet: Math.floor(index / sites) % scenario.subnets,
          ...(medium == null ? {} : { medium }),
          ...(scenario.slowestHashRate === null
            ? {}
            : { hashRate: scenario.slowestHashRate * (1 + 9 * world.prng.fraction()) })
        },
        index
      )
    )
  })
  const gateways = makeGateways(world, scenario, options, dress)
  const coordinator = options.coordinator ? new SimCoordinator(world) : null
  for (const agent of [...gateways, ...agents]) {
    agent.start()
    coordinator?.enrol(agent)
  }
  for (const agent of agents) {
    const at = startMs + world.prng.fraction() * scenario.arriveOverMs
    world.at(at, () => {
      agent.want(content)
    })
  }
  const call = { sent: 0, late: 0 }
  if (scenario.call !== null) talk(world, scenario.call, call)
  return {
    options,
    scenario,
    world,
    content,
    agents,
    gateways,
    coordinator,
    startMs,
    lowerBoundMs: lowerBound(scenario, options),
    call
  }
}

function makeGateways(
  world: World,
  scenario: Scenario,
  { gateway, sites, seed }: Options,
  dress: Dress
): SimAgent[] {
  const init = (site: number): SimAgentInit => ({
    id: `gateway-${String(site).padStart(3, '0')}`,
    role: 'gateway',
    site,
    policy: { ...usualPolicy, upstreamWeight: 1000 },
    seed: seed * 7 + site,
    lanRate: 1000 * megabit
  })
  if (gateway === 'site')
    return Array.from({ length: sites }, (_, site) => world.addAgent(dress(init(site), -1 - site)))
  if (gateway === 'none') return []
  const slots = usualPolicy.uploadSlots * sites
  const far = world.addAgent(
    dress(
      {
        ...init(world.addSite(dataCentreRate)),
        policy: { ...usualPolicy, uploadSlots: slots, upstreamWeight: 1000 },
        latencyMs: world.originRoundTripMs / 2
      },
      -1
    )
  )
  world.gatewaysEverywhere.add(far)
  return [far]
}

/** On a shared medium every copy but the first goes through the air twice, the first once; a call takes its part of the line. */
export function lowerBound(scenario: Scenario, { size, wan, agents, sites }: Options): Millis {
  const perSite = Math.ceil(agents / sites)
  const lanLoad = scenario.lan.shared ? size * (1 + 2 * (perSite - 1)) : size
  return Math.max(
    (size * 1000) / Math.max(wan / 10, wan - (scenario.call ?? 0)),
    (lanLoad * 1000) / scenario.lan.rate
  )
}

/** The other side of a call sends a little every 200 ms, and listeners wait no longer than that for a word. */
function talk(world: World, rate: BytesPerSecond, call: { sent: Bytes; late: Bytes }): void {
  const everyMs: Millis = 200
  // Each piece takes half of the time, so that half of it is left to wait in a queue.
  const throttle = new Throttle(2 * rate)
  const line = world.wanOf(0)
  const say = (): void => {
    const bytes = (rate * everyMs) / 1000
    const sentAt = world.now
    call.sent += bytes
    const heard = (): void => {
      line.bytes -= bytes
      if (world.now + line.queueMs() - sentAt > everyMs) call.late += bytes
    }
    line.carry(bytes, heard, throttle)
    world.after(everyMs, say)
  }
  world.at(startMs, say)
}

/**
 * Runs until every agent that is on has everything, but not before `notBeforeMs`, or until virtual time is up.
 * @returns whether all have.
 */
export function perform(play: Play, untilMs: Millis, notBeforeMs: Millis = 0): boolean {
  const { world, agents, content } = play
  let seen = -1
  return world.runUntil(() => {
    // Looked at only when somebody has finished, or now and then, for those who were switched off.
    if ((world.completions === seen && world.happened % 1024 !== 0) || world.now < notBeforeMs) return false
    seen = world.completions
    return agents.every(agent => !agent.alive || agent.completedAt.has(content.transfer))
  }, untilMs)
}
