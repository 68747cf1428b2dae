/** What a run came to, for people and for machines. */
import { MiB, secondMs, type Millis } from '@starling/shared/units.ts'
import type { Play } from './play.ts'

export interface Report {
  readonly seed: number
  readonly runHash: string
  readonly scenario: string
  readonly agents: number
  readonly sites: number
  readonly unfinished: number
  /** Bytes over the line for each byte of content: of all sites on average, and at the worst. */
  readonly wanAmplification: number
  readonly wanAmplificationWorst: number
  readonly p50OverLowerBound: number
  readonly p95OverLowerBound: number
  readonly slowestOverLowerBound: number
  readonly lowerBoundMs: Millis
  /** Copies that a gateway uploaded to one site. */
  readonly gatewayUploadCopies: number
  /** Bytes that came twice or were thrown away, of all that came. */
  readonly duplicateShare: number
  readonly shareFromLan: number
  readonly fromUpstreamMiB: number
  readonly fromAgentsMiB: number
  readonly fromGatewaysMiB: number
  readonly messagesPerAgent: number
  readonly longestPauseMs: Millis
  readonly callLatePercent: number | null
  readonly virtualMs: Millis
  readonly events: number
  readonly facts: Readonly<Record<string, number>>
  readonly violations: readonly string[]
}

export function reportOf(play: Play, violations: readonly string[]): Report {
  const { world, content, agents, gateways, options, lowerBoundMs } = play
  const atSites = Array.from({ length: options.sites }, (_, site) => world.wanOf(site).bytes / content.length)
  const took = agents
    .filter(agent => agent.completedAt.has(content.transfer))
    .map(agent => agent.completedAt.get(content.transfer)! - agent.askedAt.get(content.transfer)!)
    .sort((one, other) => one - other)
  const over = (share: number): number => took.length === 0 ? Infinity : took[Math.min(took.length - 1, Math.floor(took.length * share))]! / lowerBoundMs
  const all = [...agents, ...gateways]
  const sum = (of: (agent: (typeof all)[number]) => number, among: ReadonlyArray<(typeof all)[number]> = all): number => among.reduce((total, agent) => total + of(agent), 0)
  const upstream = sum(agent => agent.fromUpstream)
  const fromAgents = sum(agent => agent.fromPeers.agents)
  const fromGateways = sum(agent => agent.fromPeers.gateways)
  const lan = sum(agent => agent.fromPeers.agents + (options.gateway === 'remote' ? 0 : agent.fromPeers.gateways), agents)
  const received = sum(agent => agent.fromUpstream + agent.fromPeers.agents + agent.fromPeers.gateways, agents)
  const facts = new Map<string, number>()
  for (const { fact } of world.facts) facts.set(fact.what, (facts.get(fact.what) ?? 0) + 1)
  return {
    seed: options.seed,
    runHash: world.hash.text,
    scenario: options.scenario,
    agents: options.agents,
    sites: options.sites,
    unfinished: agents.filter(agent => agent.alive && !agent.completedAt.has(content.transfer)).length,
    wanAmplification: atSites.reduce((total, each) => total + each, 0) / atSites.length,
    wanAmplificationWorst: Math.max(...atSites),
    p50OverLowerBound: over(0.5),
    p95OverLowerBound: over(0.95),
    slowestOverLowerBound: over(1),
    lowerBoundMs,
    gatewayUploadCopies: sum(agent => agent.uploaded, gateways) / content.length / options.sites,
    duplicateShare: received === 0 ? 0 : (world.duplicateBytes + world.wastedBytes) / received,
    shareFromLan: received === 0 ? 0 : lan / received,
    fromUpstreamMiB: upstream / MiB,
    fromAgentsMiB: fromAgents / MiB,
    fromGatewaysMiB: fromGateways / MiB,
    messagesPerAgent: Math.round(sum(agent => agent.messagesSent) / all.length),
    longestPauseMs: Math.max(0, ...agents.map(agent => agent.longestPauseMs)),
    callLatePercent: play.call.sent === 0 ? null : (100 * play.call.late) / play.call.sent,
    virtualMs: world.now,
    events: world.happened,
    facts: Object.fromEntries(facts),
    violations
  }
}

export function reportText(report: Report): string {
  const fixed = (value: number, digits = 3): string => value.toFixed(digits)
  const seconds = (ms: Millis): string => `${(ms / secondMs).toFixed(1)} s`
  const rows: Array<readonly [string, string]> = [
    ['WAN amplification', `${fixed(report.wanAmplification)} mean of ${report.sites} sites, ${fixed(report.wanAmplificationWorst)} at the worst`],
    ['completion', `${fixed(report.p50OverLowerBound)} p50, ${fixed(report.p95OverLowerBound)} p95, ${fixed(report.slowestOverLowerBound)} slowest, over a lower bound of ${seconds(report.lowerBoundMs)}`],
    ['bytes', `${Math.round(report.fromUpstreamMiB)} MiB from upstream, ${Math.round(report.fromAgentsMiB)} from agents, ${Math.round(report.fromGatewaysMiB)} from gateways; ${(report.shareFromLan * 100).toFixed(1)} % from the LAN`],
    ['twice or thrown away', `${(report.duplicateShare * 100).toFixed(2)} %`],
    ['gateway upload', `${fixed(report.gatewayUploadCopies, 2)} copies a site`],
    ['messages', `${report.messagesPerAgent} sent by an agent`],
    ['longest pause', seconds(report.longestPauseMs)],
    ['run', `${seconds(report.virtualMs)} of virtual time, ${report.events} events, hash ${report.runHash}`]
  ]
  if (report.callLatePercent !== null) rows.push(['call', `${report.callLatePercent.toFixed(1)} % late`])
  if (report.unfinished > 0) rows.push(['UNFINISHED', `${report.unfinished} agents`])
  const facts = Object.entries(report.facts)
  if (facts.length > 0) rows.push(['agents reported', facts.map(([what, count]) => `${count} ${what}`).join(', ')])
  return rows.map(([name, value]) => `  ${name.padEnd(22)}${value}`).join('\n')
}
