/**
 * What this agent has told and still has to tell. A report adds to the last one that a coordinator has taken; when an
 * answer got lost, or another coordinator answers, that one asks for all.
 *
 * Counters count from the start of a run. Where each run ended is kept on disk until a coordinator has taken it, so that
 * neither an outage nor a restart loses anything; a crash loses what was counted since the last note, and an agent that is
 * started more than eight times before it reaches a coordinator the oldest runs. What a run's numbers add
 * to what is known of it is the coordinator's arithmetic, so a number told twice counts once.
 */
import { decode, encode } from '@ipld/dag-cbor'
import { join } from 'node:path'
import {
  earlierRunsMax,
  swarmEntriesMax,
  type HeartbeatRequest,
  type ReportHead
} from '@starling/shared/coordinator-api.ts'
import { deltaSince, type AgentReport, type AgentReportNow } from '@starling/shared/heartbeat-report.ts'
import type { OrderProgress } from '@starling/shared/orders.ts'
import { minuteMs, type Millis } from '@starling/shared/units.ts'
import { z } from 'zod'
import type { MembershipFiles } from './membership.ts'

const noteEveryMs: Millis = 5 * minuteMs

type EndedRun = ReportHead['earlier'][number]
type Told = Pick<HeartbeatRequest, 'counters' | 'host' | 'swarm' | 'report'> & {
  readonly orders: readonly OrderProgress[]
}

export interface HeartbeatReports {
  load(): Promise<void>
  /** @param isKnown whether the coordinator understands reports; else it is told all, in the words of 0.1.0 */
  next(now: AgentReportNow, isKnown: boolean): Told
  /** @returns whether all is to be told at once */
  answered(outcome: 'taken' | 'full'): boolean
  /** Writes down where this run's counters are, now and then, or at once at the end. */
  note(now: AgentReportNow, atOnce?: boolean): Promise<void>
}

const runShape = z.object({ run: z.number(), counters: z.record(z.string(), z.number()) })
const shape = z.object({ current: runShape, earlier: z.array(runShape) })

export function createHeartbeatReports(
  folder: string,
  files: Pick<MembershipFiles, 'readFile' | 'writeFile'>,
  clock: () => Millis
): HeartbeatReports {
  const path = join(folder, 'reported.cbor')
  let run = Math.floor(clock())
  let sequence = 0
  let earlier: readonly EndedRun[] = []
  let taken: { readonly sequence: number; readonly report: AgentReport } | null = null
  let sent: { readonly report: AgentReport; readonly earlier: readonly EndedRun[] } | null = null
  let notedAt = clock()

  async function write(counters: AgentReport['counters']): Promise<void> {
    notedAt = clock()
    await files.writeFile(path, encode({ current: { run, counters }, earlier }))
  }

  return {
    async load() {
      const bytes = await files.readFile(path)
      const kept = bytes === null ? null : parse(bytes)
      if (kept === null) return
      // A clock that was set back must not make this run look older than the last.
      run = Math.max(run, kept.current.run + 1)
      earlier = [...kept.earlier, kept.current]
        .filter(one => Object.keys(one.counters).length > 0)
        .slice(-earlierRunsMax)
    },
    next(now, isKnown) {
      const swarm = now.swarm.slice(0, swarmEntriesMax)
      if (!isKnown) {
        taken = null
        sent = null
        const { counters, host, orders = [] } = now
        const plain = swarm.map(({ transfer, complete }) => ({ transfer, complete }))
        return { counters, host, swarm: plain, orders }
      }
      sequence++
      const report: AgentReport = { counters: now.counters, host: now.host, swarm, orders: now.orders ?? [] }
      const { gone, orders = [], ...delta } = deltaSince(taken?.report ?? null, report)
      sent = { report, earlier }
      return {
        ...delta,
        orders,
        report: { run, sequence, base: taken?.sequence ?? null, gone, problems: now.problems, earlier }
      }
    },
    answered(outcome) {
      if (sent === null) return true
      if (outcome === 'full') {
        taken = null
        return true
      }
      taken = { sequence, report: sent.report }
      const { earlier: told } = sent
      if (told.length > 0) {
        earlier = earlier.filter(one => !told.includes(one))
        notedAt = 0
      }
      return false
    },
    async note(now, atOnce = false) {
      if (atOnce || clock() >= notedAt + noteEveryMs || clock() < notedAt) await write(now.counters)
    }
  }
}

function parse(bytes: Uint8Array): z.output<typeof shape> | null {
  try {
    const parsed = shape.safeParse(decode(bytes))
    return parsed.success ? parsed.data : null
  } catch {
    return null
  }
}
