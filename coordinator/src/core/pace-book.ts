/**
 * How fast agents fetch, worked out of what they tell anyway: how much of a content each has, from report to report. Reports say
 * it in steps of a hundredth, so a rate counts from one step to the next, and one that has not come for longer than the last took
 * makes the rate smaller by itself. A few downloads of an agent are followed; all that wait their turn have no rate.
 */
import type { AgentId, TransferId } from '@starling/shared/ids.ts'
import { secondMs, type Bytes, type BytesPerSecond, type Millis } from '@starling/shared/units.ts'
import type { TakenReport } from './report-book.ts'

/** More at a time is a machine that is being filled; 100 bytes each. */
export const followedMax = 8
/** What a report may say of a share. */
const shareSteps = 100

interface Pace {
  /** When it had this much. */
  at: Millis
  bytes: Bytes
  /** From the step before to this one. */
  rate: BytesPerSecond | null
}

export class PaceBook {
  readonly #paces = new Map<AgentId, Map<TransferId, Pace>>()

  /** @param report null: it belongs no more */
  heard(agent: AgentId, report: TakenReport | null, now: Millis): void {
    const before = this.#paces.get(agent)
    const after = new Map<TransferId, Pace>()
    for (const { transfer, complete, share = 0, length } of report?.swarm.values() ?? []) {
      if (complete || length === undefined || after.size >= followedMax) continue
      const bytes = Math.floor(share * length)
      const known = before?.get(transfer)
      if (known === undefined || bytes < known.bytes) after.set(transfer, { at: now, bytes, rate: null })
      else if (bytes === known.bytes || now <= known.at) after.set(transfer, known)
      else {
        const rate = Math.round(((bytes - known.bytes) * secondMs) / (now - known.at))
        after.set(transfer, { at: now, bytes, rate })
      }
    }
    if (after.size > 0) this.#paces.set(agent, after)
    else this.#paces.delete(agent)
  }

  /** Null: nothing is known of it yet, or it has come to a stop before it was. */
  of(agent: AgentId, transfer: TransferId, length: Bytes, now: Millis): BytesPerSecond | null {
    const pace = this.#paces.get(agent)?.get(transfer)
    if (pace === undefined || pace.rate === null) return null
    // A step that it has not made yet bounds how fast it can be.
    const sinceMs = now - pace.at
    const most = sinceMs <= 0 ? Infinity : Math.ceil((length / shareSteps) * (secondMs / sinceMs))
    const stepMs = pace.rate === 0 ? 0 : ((length / shareSteps) * secondMs) / pace.rate
    return sinceMs <= Math.max(stepMs, restMs) ? pace.rate : Math.min(pace.rate, most)
  }
}

/** Between two reports nothing can be heard: twice a usual heartbeat is no standstill yet. */
const restMs: Millis = 60 * secondMs
