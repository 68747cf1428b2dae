/** What came out of a run, as numbers with the names that issue and bench use, and as a table for people. */
import { cpus } from 'node:os'
import { GiB, MiB, type Bytes, type Millis } from '@starling/shared/units.ts'
import { bytesText, median, secondsText, table } from '../demo/words.ts'
import type { EndpointRun, LabRun } from './run.ts'

export interface LabFigures {
  readonly agents: number
  readonly size: Bytes
  /** Bits a second. */
  readonly wan: number
  readonly lan: number | null
  readonly gateway: string
  readonly kill: number
  readonly killServers: boolean
  readonly staggerMs: Millis
  readonly seed: number
  /** Body bytes over the site's WAN, over the bytes of the file: what the origin sent, if the gateway is on the site or there is none. */
  readonly wanAmplification: number
  /** Body bytes that the origin sent, over the bytes of the file. */
  readonly originCopies: number
  /** Bytes on the line towards the site, with headers and retransmissions, over the bytes of the file. */
  readonly wireAmplification: number
  /** One direct download alone on the idle line; without one, size / WAN rate. */
  readonly lowerBoundMs: Millis
  readonly isLowerBoundMeasured: boolean
  readonly slowestOverLowerBound: number
  readonly p50OverLowerBound: number
  readonly firstByteMsMedian: Millis
  readonly firstByteMsMax: Millis
  readonly longestPauseMsMax: Millis
  readonly gatewayUploadCopies: number
  /** What survivors received and threw away, over what they delivered. */
  readonly duplicateShare: number
  readonly shareFromLan: number
  /** All agents', coordinator's and gateway's CPU, over what was delivered. */
  readonly cpuSecondsPerGiB: number
  /** The same of the clients, which read and hash. */
  readonly clientCpuSecondsPerGiB: number
  readonly rssMiB: { readonly median: number; readonly max: number }
  readonly originFlowsMax: number
  readonly originRequests: number
  readonly wanDrops: number
  /** From the first start until the origin had sent its last byte. */
  readonly wanDoneMs: Millis
  readonly cpuIdlePercent: number
  /** Of the run's time, in which some program waited for a CPU: of ours, or of whoever else uses the machine. */
  readonly cpuWaitPercent: number | null
  /** Of all CPU time: what neither agents nor clients used. */
  readonly cpuElsewherePercent: number
  readonly cpuCores: number
  readonly elapsedMs: Millis
  readonly violations: readonly string[]
}

/** A download that the machine and not the line has slowed: below this the figures say something about the CPUs. */
const idlePercentMin = 10

export function figuresOf(run: LabRun): LabFigures {
  const { plan, endpoints } = run
  const alive = endpoints.filter(({ wasKilled }) => !wasKilled)
  const done = alive.flatMap(({ download }) => (download === null ? [] : [download]))
  const lowerBoundMs = run.baseline?.ms ?? (plan.sizeBytes / plan.wanRate) * 1000
  const times = done.map(({ ms }) => ms)
  const delivered = done.reduce((sum, { bytes }) => sum + bytes, 0)
  const total = (name: 'fromPeers' | 'fromGateway' | 'fromUpstream' | 'wasted'): Bytes =>
    alive.reduce((sum, { status }) => sum + (status?.totals[name] ?? 0), 0)
  const fromLan = total('fromPeers') + total('fromGateway')
  const peaks = endpoints.map(({ cost }) => cost.peakBytes / MiB)
  const cpuMs = endpoints.reduce((sum, { cost }) => sum + cost.cpuMs, run.server?.cost?.cpuMs ?? 0)
  const clientCpuMs = endpoints.reduce((sum, { seatCpuMs }) => sum + seatCpuMs, 0)
  return {
    agents: plan.agents,
    size: plan.sizeBytes,
    wan: plan.wanRate * 8,
    lan: plan.lanRate === null ? null : plan.lanRate * 8,
    gateway: plan.gateway,
    kill: plan.kill,
    killServers: plan.killServers,
    staggerMs: plan.staggerMs,
    seed: plan.seed,
    wanAmplification: round(run.wanBodyBytes / plan.sizeBytes, 4),
    originCopies: round(run.originBytes / plan.sizeBytes, 4),
    wireAmplification: round(run.wan.toHost / plan.sizeBytes, 4),
    lowerBoundMs: Math.round(lowerBoundMs),
    isLowerBoundMeasured: run.baseline !== null,
    slowestOverLowerBound: round(Math.max(...times) / lowerBoundMs, 4),
    p50OverLowerBound: round(median(times) / lowerBoundMs, 4),
    firstByteMsMedian: median(done.map(({ firstByteMs }) => firstByteMs)),
    firstByteMsMax: Math.max(...done.map(({ firstByteMs }) => firstByteMs)),
    longestPauseMsMax: Math.max(...done.map(({ longestPauseMs }) => longestPauseMs)),
    gatewayUploadCopies: round((run.server?.totals?.toPeers ?? 0) / plan.sizeBytes, 4),
    duplicateShare: round(total('wasted') / delivered, 4),
    shareFromLan: round(fromLan / (fromLan + total('fromUpstream')), 4),
    cpuSecondsPerGiB: round(cpuMs / 1000 / (delivered / GiB), 2),
    clientCpuSecondsPerGiB: round(clientCpuMs / 1000 / (delivered / GiB), 2),
    rssMiB: { median: Math.round(median(peaks)), max: Math.round(Math.max(...peaks)) },
    originFlowsMax: run.origin.flowsMax,
    originRequests: run.origin.requests,
    wanDrops: run.wan.drops,
    wanDoneMs: Math.round(run.wanDoneMs),
    cpuIdlePercent: round(run.idlePercent, 1),
    cpuWaitPercent: run.cpuWaitMs === null ? null : round((100 * run.cpuWaitMs) / run.elapsedMs, 1),
    cpuElsewherePercent: round(
      100 - run.idlePercent - (100 * (cpuMs + clientCpuMs)) / (run.elapsedMs * cpus().length),
      1
    ),
    cpuCores: cpus().length,
    elapsedMs: Math.round(run.elapsedMs),
    violations: violationsOf(run)
  }
}

/** Promises that hold whatever the bars say: everybody who lives gets every byte, right, by way of the swarm. */
function violationsOf({ endpoints }: LabRun): string[] {
  return endpoints.flatMap(({ name, failure, download }) => {
    if (failure !== null) return [`${name} ${failure}`]
    if (download?.way != null && !/^(swarm|cache|share)/i.test(download.way))
      return [`${name} was answered past the swarm: X-Starling: ${download.way}`]
    return []
  })
}

export function linesOf(run: LabRun, figures: LabFigures): string[] {
  const { plan } = run
  const rows = run.endpoints.map(end => rowOf(end, figures.lowerBoundMs))
  const heads = [
    '',
    'time',
    'x bound',
    'first byte',
    'pause',
    'peers',
    'gateway',
    'origin',
    'wasted',
    'CPU',
    'peak RSS'
  ]
  const bound = `${secondsText(figures.lowerBoundMs)}, ${figures.isLowerBoundMeasured ? 'one direct download alone on the line' : 'size / WAN rate'}`
  const facts: Array<readonly [string, string]> = [
    [
      'WAN, body bytes',
      `${figures.wanAmplification} copies, counted by the ${plan.gateway === 'remote' ? 'line, without headers' : 'origin'} (the origin sent ${figures.originCopies} in ${run.origin.requests} requests, ${run.origin.flowsMax} at once)`
    ],
    [
      'WAN, on the wire',
      `${figures.wireAmplification} copies, counted by the line (${run.wan.drops} packets dropped)`
    ],
    ['lower bound', bound],
    ['slowest, median', `${figures.slowestOverLowerBound}, ${figures.p50OverLowerBound} of it`],
    [
      'tail',
      `the line was done after ${secondsText(figures.wanDoneMs)}, all endpoints after ${secondsText(figures.elapsedMs)}`
    ],
    ['from the LAN', `${(figures.shareFromLan * 100).toFixed(1)} %`],
    ['thrown away', `${(figures.duplicateShare * 100).toFixed(2)} % of what was delivered`],
    ['CPU', `${figures.cpuSecondsPerGiB} s per GiB delivered, clients ${figures.clientCpuSecondsPerGiB} s`],
    [
      'the machine',
      `${figures.cpuCores} cores, ${figures.cpuIdlePercent} % idle, ${figures.cpuElsewherePercent} % used by others and the kernel; somebody waited for a CPU in ${figures.cpuWaitPercent ?? '?'} % of the time`
    ],
    ['memory', `peak ${figures.rssMiB.median} MiB median, ${figures.rssMiB.max} MiB max`]
  ]
  if (plan.gateway !== 'none')
    facts.push([
      'gateway upload',
      `${figures.gatewayUploadCopies} copies${run.server?.wasKilled === true ? ' until its end' : ''}`
    ])
  if (figures.cpuIdlePercent < idlePercentMin)
    facts.push([
      'beware',
      `the CPUs were ${figures.cpuIdlePercent} % idle: times are this machine's, not the protocol's`
    ])
  facts.push(['violations', figures.violations.length === 0 ? 'none' : figures.violations.join('; ')])
  const width = Math.max(...facts.map(([name]) => name.length))
  return [
    '',
    ...table([heads, ...rows]),
    '',
    ...facts.map(([name, text]) => `${name.padEnd(width)}   ${text}`)
  ]
}

function rowOf({ name, wasKilled, download, status, cost }: EndpointRun, lowerBoundMs: Millis): string[] {
  const spent = [`${(cost.cpuMs / 1000).toFixed(1)} s`, `${Math.round(cost.peakBytes / MiB)} MiB`]
  if (download === null)
    return [name, wasKilled ? 'killed' : 'NOT DONE', '', '', '', ...sources(status), ...spent]
  return [
    name,
    secondsText(download.ms),
    (download.ms / lowerBoundMs).toFixed(3),
    `${download.firstByteMs} ms`,
    `${download.longestPauseMs} ms`,
    ...sources(status),
    ...spent
  ]
}

function sources(status: EndpointRun['status']): string[] {
  if (status === null) return ['', '', '', '']
  const { fromPeers, fromGateway, fromUpstream, wasted } = status.totals
  return [fromPeers, fromGateway, fromUpstream, wasted].map(bytesText)
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits))
}
