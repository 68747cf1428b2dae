/** What came out of a run, as numbers: the names are those of the sim and of the bars that they are held against. */
import { cpus } from 'node:os'
import { chunkBytesDefault, chunkCount } from '@starling/shared/chunking.ts'
import { GiB, MiB, type Bytes, type Millis } from '@starling/shared/units.ts'
import { median } from '../demo/words.ts'
import type { LabRun } from './run.ts'

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
  /** Null when some survivor was not done. */
  readonly slowestOverLowerBound: number | null
  readonly p50OverLowerBound: number
  readonly firstByteMsMedian: Millis
  readonly firstByteMsMax: Millis
  /** The median, over that of the direct download; null without one. */
  readonly firstByteOverDirect: number | null
  /** The latest, in times that a chunk takes on the idle line. */
  readonly firstByteChunkTimes: number
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

export function figuresOf(run: LabRun): LabFigures {
  const { plan, endpoints } = run
  const alive = endpoints.filter(({ wasKilled }) => !wasKilled)
  const done = alive.flatMap(({ download }) => (download === null ? [] : [download]))
  const lowerBoundMs = run.baseline?.ms ?? (plan.sizeBytes / plan.wanRate) * 1000
  const times = done.map(({ ms }) => ms)
  const firstBytesMs = done.map(({ firstByteMs }) => firstByteMs)
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
    slowestOverLowerBound: times.length < alive.length ? null : round(Math.max(...times) / lowerBoundMs, 4),
    p50OverLowerBound: round(median(times) / lowerBoundMs, 4),
    firstByteMsMedian: round(median(firstBytesMs), 2),
    firstByteMsMax: Math.max(...firstBytesMs),
    firstByteOverDirect:
      run.baseline === null ? null : round(median(firstBytesMs) / run.baseline.firstByteMs, 2),
    firstByteChunkTimes: round(
      Math.max(...firstBytesMs) / (lowerBoundMs / chunkCount(plan.sizeBytes, chunkBytesDefault)),
      2
    ),
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
    if (download?.way != null && !download.way.startsWith('swarm'))
      return [`${name} was answered past the swarm: X-Starling: ${download.way}`]
    return []
  })
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits))
}
