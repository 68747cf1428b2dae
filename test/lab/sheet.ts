/** A run as a sheet for people: a row for each endpoint, then what it adds up to, then what the machine had to do with it. */
import { MiB, type Millis } from '@starling/shared/units.ts'
import { bytesText, secondsText, table } from '../demo/words.ts'
import type { LabFigures } from './figures.ts'
import type { EndpointRun, LabRun } from './run.ts'

/** A download that the machine and not the line has slowed: below this the figures say something about the CPUs. */
const idlePercentMin = 10

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
    [
      'slowest, median',
      `${figures.slowestOverLowerBound ?? 'not all done'}, ${figures.p50OverLowerBound} of it`
    ],
    [
      'clients',
      `first byte after ${figures.firstByteMsMedian} ms median (${figures.firstByteOverDirect ?? '?'} x direct), ${figures.firstByteMsMax} ms at the latest (${figures.firstByteChunkTimes} chunk times of the idle line); longest pause ${figures.longestPauseMsMax} ms`
    ],
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
