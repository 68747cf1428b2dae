/** What a run came to, for people and for machines. */
import { hash32 } from '@starling/shared/prng.ts'
import { MiB, secondMs, type Bytes, type Millis } from '@starling/shared/units.ts'
import type { Play } from './play.ts'
import type { Options } from './scenarios/scenario.ts'

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

/** What is counted of one world, in sums and lists, so that worlds can be put together. */
export interface Tally {
  readonly hash: string
  /** Bytes over each site's line. */
  readonly wanBytes: readonly Bytes[]
  /** When each agent was done, by site, and how long each had waited. */
  readonly doneAt: ReadonlyArray<readonly Millis[]>
  readonly tookMs: readonly Millis[]
  readonly unfinished: number
  readonly upstream: Bytes
  readonly fromAgents: Bytes
  readonly fromGateways: Bytes
  readonly gatewayUploads: Bytes
  /** What agents (not gateways) got, in all and from their own site. */
  readonly received: Bytes
  readonly receivedHere: Bytes
  readonly twice: Bytes
  readonly messages: number
  readonly longestPauseMs: Millis
  readonly call: { readonly sent: Bytes; readonly late: Bytes }
  readonly virtualMs: Millis
  readonly events: number
  readonly facts: ReadonlyArray<readonly [what: string, count: number]>
}

export function tallyOf({ world, content, agents, gateways, options, call }: Play): Tally {
  const all = [...agents, ...gateways]
  const sum = (
    of: (agent: (typeof all)[number]) => number,
    among: ReadonlyArray<(typeof all)[number]> = all
  ): number => among.reduce((total, agent) => total + of(agent), 0)
  const done = agents.filter(agent => agent.completedAt.has(content.transfer))
  const facts = new Map<string, number>()
  for (const { fact } of world.facts) facts.set(fact.what, (facts.get(fact.what) ?? 0) + 1)
  const near = options.gateway === 'remote' ? 0 : 1
  return {
    hash: world.hash.text,
    wanBytes: Array.from({ length: options.sites }, (_, site) => world.wanOf(site).bytes),
    doneAt: Array.from({ length: options.sites }, (_, site) =>
      done.filter(agent => agent.site === site).map(agent => agent.completedAt.get(content.transfer)!)
    ),
    tookMs: done.map(
      agent => agent.completedAt.get(content.transfer)! - agent.askedAt.get(content.transfer)!
    ),
    unfinished: agents.filter(agent => agent.alive && !agent.completedAt.has(content.transfer)).length,
    upstream: sum(agent => agent.fromUpstream),
    fromAgents: sum(agent => agent.fromPeers.agents),
    fromGateways: sum(agent => agent.fromPeers.gateways),
    gatewayUploads: sum(agent => agent.uploaded, gateways),
    received: sum(agent => agent.fromUpstream + agent.fromPeers.agents + agent.fromPeers.gateways, agents),
    receivedHere: sum(agent => agent.fromPeers.agents + agent.fromPeers.gateways * near, agents),
    twice: world.duplicateBytes + world.wastedBytes,
    messages: sum(agent => agent.messagesSent),
    longestPauseMs: agents.reduce((longest, agent) => Math.max(longest, agent.longestPauseMs), 0),
    call: { ...call },
    virtualMs: world.now,
    events: world.happened,
    facts: [...facts]
  }
}

/** Worlds of one run put together: one world of all sites, or one for each. */
export function reportOf(
  options: Options,
  lowerBoundMs: Millis,
  tallies: readonly Tally[],
  violations: readonly string[]
): Report {
  const sum = (of: (tally: Tally) => number): number => tallies.reduce((total, tally) => total + of(tally), 0)
  const copies = tallies.flatMap(tally => tally.wanBytes.map(bytes => bytes / options.size))
  const took = tallies.flatMap(tally => tally.tookMs).sort((one, other) => one - other)
  const over = (share: number): number =>
    took.length === 0
      ? Infinity
      : took[Math.min(took.length - 1, Math.floor(took.length * share))]! / lowerBoundMs
  const facts = new Map<string, number>()
  for (const [what, count] of tallies.flatMap(tally => tally.facts))
    facts.set(what, (facts.get(what) ?? 0) + count)
  const received = sum(tally => tally.received)
  const share = (bytes: Bytes): number => (received === 0 ? 0 : bytes / received)
  const callSent = sum(tally => tally.call.sent)
  return {
    seed: options.seed,
    runHash: tallies.length === 1 ? tallies[0]!.hash : combined(tallies.map(tally => tally.hash)),
    scenario: options.scenario,
    agents: options.agents,
    sites: options.sites,
    unfinished: sum(tally => tally.unfinished),
    wanAmplification: copies.reduce((total, each) => total + each, 0) / copies.length,
    wanAmplificationWorst: copies.reduce((most, each) => Math.max(most, each), 0),
    p50OverLowerBound: over(0.5),
    p95OverLowerBound: over(0.95),
    slowestOverLowerBound: over(1),
    lowerBoundMs,
    gatewayUploadCopies: sum(tally => tally.gatewayUploads) / options.size / options.sites,
    duplicateShare: share(sum(tally => tally.twice)),
    shareFromLan: share(sum(tally => tally.receivedHere)),
    fromUpstreamMiB: sum(tally => tally.upstream) / MiB,
    fromAgentsMiB: sum(tally => tally.fromAgents) / MiB,
    fromGatewaysMiB: sum(tally => tally.fromGateways) / MiB,
    messagesPerAgent: Math.round(sum(tally => tally.messages) / options.agents),
    longestPauseMs: tallies.reduce((longest, tally) => Math.max(longest, tally.longestPauseMs), 0),
    callLatePercent: callSent === 0 ? null : (100 * sum(tally => tally.call.late)) / callSent,
    virtualMs: tallies.reduce((latest, tally) => Math.max(latest, tally.virtualMs), 0),
    events: sum(tally => tally.events),
    facts: Object.fromEntries(facts),
    violations
  }
}

function combined(hashes: readonly string[]): string {
  const text = hashes.join()
  return [hash32(text), hash32(text, 1)].map(part => part.toString(16).padStart(8, '0')).join('')
}

export function reportText(report: Report): string {
  const fixed = (value: number, digits = 3): string => value.toFixed(digits)
  const seconds = (ms: Millis): string => `${(ms / secondMs).toFixed(1)} s`
  const rows: Array<readonly [string, string]> = [
    [
      'WAN amplification',
      `${fixed(report.wanAmplification)} mean of ${report.sites} sites, ${fixed(report.wanAmplificationWorst)} at the worst`
    ],
    [
      'completion',
      `${fixed(report.p50OverLowerBound)} p50, ${fixed(report.p95OverLowerBound)} p95, ${fixed(report.slowestOverLowerBound)} slowest, over a lower bound of ${seconds(report.lowerBoundMs)}`
    ],
    [
      'bytes',
      `${Math.round(report.fromUpstreamMiB)} MiB from upstream, ${Math.round(report.fromAgentsMiB)} from agents, ${Math.round(report.fromGatewaysMiB)} from gateways; ${(report.shareFromLan * 100).toFixed(1)} % from the LAN`
    ],
    ['twice or thrown away', `${(report.duplicateShare * 100).toFixed(2)} %`],
    ['gateway upload', `${fixed(report.gatewayUploadCopies, 2)} copies a site`],
    ['messages', `${report.messagesPerAgent} sent by an agent`],
    ['longest pause', seconds(report.longestPauseMs)],
    ['run', `${seconds(report.virtualMs)} of virtual time, ${report.events} events, hash ${report.runHash}`]
  ]
  if (report.callLatePercent !== null) rows.push(['call', `${report.callLatePercent.toFixed(1)} % late`])
  if (report.unfinished > 0) rows.push(['UNFINISHED', `${report.unfinished} agents`])
  const facts = Object.entries(report.facts)
  if (facts.length > 0)
    rows.push(['agents reported', facts.map(([what, count]) => `${count} ${what}`).join(', ')])
  return rows.map(([name, value]) => `  ${name.padEnd(22)}${value}`).join('\n')
}
