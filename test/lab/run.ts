/**
 * One run: a direct download alone on the idle line for comparison, then everybody at once (or as they arrive), with
 * power cuts in the middle if the plan has some. What crossed the WAN is what the origin counted and what the line
 * counted, never what an agent says of itself.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { AgentStatus } from '@starling/agent/ports.ts'
import { messageOf } from '@starling/shared/errors.ts'
import { minuteMs, type Bytes, type Millis } from '@starling/shared/units.ts'
import { seededContent, sha256Of } from '../doubles/content.ts'
import type { PathStats } from '../doubles/origin.ts'
import { idlePercent, readCpuClock, nothing, readCpuWaitMs, type ProcessCost } from './machine.ts'
import type { Plan } from './options.ts'
import { lookAt, planOutages, type ServerEnd } from './outages.ts'
import type { SeatDownload } from './seat.ts'
import type { WireBytes } from './shaping.ts'
import type { Stage } from './stage.ts'
import { createWatch, writeTrace } from './watch.ts'

export interface EndpointRun {
  readonly name: string
  readonly wasKilled: boolean
  /** What went wrong, or null. */
  readonly failure: string | null
  readonly download: SeatDownload | null
  readonly status: AgentStatus | null
  /** CPU of the run alone, memory since the start. */
  readonly cost: ProcessCost
  readonly seatCpuMs: Millis
}

export interface LabRun {
  readonly plan: Plan
  /** The direct download; null without one. */
  readonly baseline: Baseline | null
  readonly sha256: string
  readonly endpoints: readonly EndpointRun[]
  readonly server: ServerEnd | null
  readonly originBytes: Bytes
  /** Body bytes that came to the site over its line. */
  readonly wanBodyBytes: Bytes
  readonly origin: PathStats
  readonly wan: WireBytes
  /** When the origin had sent its last byte of it: what comes after is the swarm's tail. */
  readonly wanDoneMs: Millis
  readonly idlePercent: number
  /** In which some program of the machine waited for a CPU. */
  readonly cpuWaitMs: Millis | null
  /** From the first start to the last end. */
  readonly elapsedMs: Millis
}

export interface Baseline {
  readonly ms: Millis
  readonly firstByteMs: Millis
  /** Bytes on the wire for one byte of body: what headers cost. */
  readonly wirePerByte: number
}

const path = '/update.msu'
const baselinePath = '/alone.msu'
const lookEveryMs: Millis = 250
/** A run that takes so many times longer than one copy is a failure to be looked at, not one to wait for. */
const patience = 6

export async function runPlan(stage: Stage, plan: Plan, say: (text: string) => void): Promise<LabRun> {
  const { endpoints, server } = stage
  const seed = `lab ${plan.seed}`
  const sha256 = await sha256Of(seededContent(seed, plan.sizeBytes))
  const baseline = plan.hasBaseline ? await alone(stage, plan, sha256, say) : null
  const url = await stage.put(path, seed, plan.sizeBytes)
  const oneCopyMs = baseline?.ms ?? (plan.sizeBytes / plan.wanRate) * 1000

  const costsBefore = endpoints.map(one => ({
    agent: one.cost() ?? nothing,
    seat: one.seatCost() ?? nothing
  }))
  const serverBefore = server?.cost() ?? nothing
  const [wanBefore, cpuBefore, waitBefore] = [stage.wan(), readCpuClock(), readCpuWaitMs()]
  const startedAt = performance.now()
  const results = endpoints.map((): { download: SeatDownload | null; failure: string | null } => ({
    download: null,
    failure: null
  }))
  let open = endpoints.length
  const started = endpoints.map(async (one, at) => {
    await sleep((at * plan.staggerMs) / endpoints.length)
    try {
      results[at]!.download = await one.download({ url, isHashed: true })
    } catch (error) {
      results[at]!.failure = messageOf(error)
    } finally {
      open--
    }
  })
  const all = Promise.all(started)

  // A gateway beyond the WAN has its copy long before the site has: there the line is looked at, not the origin.
  const overTheWan = async (): Promise<Bytes> =>
    plan.gateway === 'remote'
      ? (stage.wan().toHost - wanBefore.toHost) / wirePerByteOf(baseline)
      : await stage.bodyBytes(path)
  const outages = planOutages(stage, plan)
  const deadline = startedAt + plan.staggerMs + patience * oneCopyMs + minuteMs
  const watch = createWatch(stage, plan, say)
  let [endedAt, wanDoneAt, bodyBytes] = [startedAt, startedAt, 0]
  while (open > 0 && performance.now() < deadline) {
    await Promise.race([all, sleep(lookEveryMs)])
    endedAt = performance.now()
    const bodyBytesNow = await overTheWan()
    if (bodyBytesNow > bodyBytes) wanDoneAt = performance.now()
    bodyBytes = bodyBytesNow
    if (bodyBytes >= plan.sizeBytes / 2) await outages.strike(say)
    const done = results.filter(({ download }) => download !== null).length
    await watch(bodyBytes, done, endedAt - startedAt)
  }
  const idle = idlePercent(cpuBefore, readCpuClock())
  const wanBodyBytes = await overTheWan()
  const waitAfter = readCpuWaitMs()
  const wanAfter = stage.wan()

  const ends = await Promise.all(
    endpoints.map(async (one, at): Promise<EndpointRun> => {
      const wasKilled = outages.victims.has(one)
      const cost = outages.lastCosts.get(one) ?? one.cost()
      const { download, failure } = results[at]!
      return {
        name: one.name,
        wasKilled,
        failure: wasKilled ? null : (failure ?? faultOf(download, sha256, plan.sizeBytes, cost)),
        download,
        status: wasKilled ? null : await one.status().catch(() => null),
        cost: {
          cpuMs: (cost ?? nothing).cpuMs - costsBefore[at]!.agent.cpuMs,
          peakBytes: (cost ?? nothing).peakBytes
        },
        seatCpuMs: (one.seatCost() ?? nothing).cpuMs - costsBefore[at]!.seat.cpuMs
      }
    })
  )
  const origin = await stage.served(path)
  const serverEnd = server === null ? null : (outages.server ?? (await lookAt(server)))
  if (plan.profileFolder !== null) await endpoints[0]!.stop()
  if (plan.traceFolder !== null) writeTrace(plan.traceFolder, ends, origin)
  return {
    plan,
    baseline,
    sha256,
    endpoints: ends,
    server: serverEnd && {
      ...serverEnd,
      cost: serverEnd.cost && { ...serverEnd.cost, cpuMs: serverEnd.cost.cpuMs - serverBefore.cpuMs }
    },
    originBytes: origin.bodyBytes,
    wanBodyBytes,
    origin,
    wan: {
      toHost: wanAfter.toHost - wanBefore.toHost,
      fromHost: wanAfter.fromHost - wanBefore.fromHost,
      drops: wanAfter.drops - wanBefore.drops
    },
    wanDoneMs: wanDoneAt - startedAt,
    idlePercent: idle,
    cpuWaitMs: waitBefore === null || waitAfter === null ? null : waitAfter - waitBefore,
    elapsedMs: endedAt - startedAt
  }
}

/** IPv4, TCP with timestamps and Ethernet around 1448 bytes, as the direct download shows it every time. */
export const wirePerByteUsual = 1.0456

function wirePerByteOf(baseline: Baseline | null): number {
  return baseline?.wirePerByte ?? wirePerByteUsual
}

/** One direct download on the idle line: the best that anybody could get without help. */
async function alone(
  stage: Stage,
  plan: Plan,
  sha256: string,
  say: (text: string) => void
): Promise<Baseline> {
  say('one direct download alone on the line, for comparison')
  const url = await stage.put(baselinePath, `lab ${plan.seed}`, plan.sizeBytes)
  const wanBefore = stage.wan().toHost
  const got = await stage.endpoints[0]!.downloadDirectly(url)
  if (got.sha256 !== sha256)
    throw new Error('the direct download differs from what the origin has: no figures')
  return {
    ms: got.ms,
    firstByteMs: got.firstByteMs,
    wirePerByte: (stage.wan().toHost - wanBefore) / plan.sizeBytes
  }
}

function faultOf(
  got: SeatDownload | null,
  sha256: string,
  length: Bytes,
  cost: ProcessCost | null
): string | null {
  if (cost === null) return 'its agent has ended by itself'
  if (got === null) return 'was not done in time'
  if (got.status !== 200) return `was answered with status ${got.status}`
  if (got.bytes !== length) return `got ${got.bytes} bytes of ${length}`
  return got.sha256 === sha256 ? null : `got other bytes: SHA-256 ${got.sha256}`
}
