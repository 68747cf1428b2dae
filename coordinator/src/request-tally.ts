/**
 * Requests, counted since the start: by operation and status, and what became of those that make a fleet (heartbeats,
 * enrolments). Operations are routes and not paths, and outcomes are our own codes, so there are only so many of each.
 */
import { Spread } from '@starling/agent/telemetry/spread.ts'
import { apiPaths } from '@starling/shared/coordinator-api.ts'
import type { Millis } from '@starling/shared/units.ts'

export interface Answered {
  readonly method: string
  /** As it is declared, with its parameters by name; undefined: there is no such route. */
  readonly route: string | undefined
  readonly status: number
  /** Null: it did what it should. */
  readonly failure: string | null
  /** Null: it was held open on purpose, and its time says nothing. */
  readonly tookMs: Millis | null
}

type Counts = Readonly<Record<string, number>>

/** Polls for news are held open on purpose; their time says nothing. */
const timedRoutes: Readonly<Record<string, string>> = {
  [apiPaths.enrol]: 'enrol',
  [apiPaths.renew]: 'renew',
  [apiPaths.heartbeat]: 'heartbeat'
}
const methods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PATCH', 'DELETE'])

export class RequestTally {
  readonly #answers = new Map<string, { operation: string; status: string; count: number }>()
  readonly #heartbeats: Record<string, number> = { done: 0 }
  readonly #enrolments: Record<string, number> = { done: 0 }
  readonly #took = new Map(
    [...Object.values(timedRoutes), 'people'].map(group => [group, new Spread()] as const)
  )

  note({ method, route, status, failure, tookMs }: Answered): void {
    const operation = route === undefined ? 'none' : `${methods.has(method) ? method : 'other'} ${route}`
    const key = `${operation} ${status}`
    const known = this.#answers.get(key) ?? { operation, status: String(status), count: 0 }
    known.count++
    this.#answers.set(key, known)
    const outcome = failure ?? 'done'
    if (route === apiPaths.heartbeat) count(this.#heartbeats, outcome)
    if (route === apiPaths.enrol) count(this.#enrolments, outcome)
    if (route !== undefined && route !== apiPaths.news && tookMs !== null)
      this.#took.get(timedRoutes[route] ?? 'people')?.add(tookMs)
  }

  answers(): ReadonlyArray<{ readonly operation: string; readonly status: string; readonly count: number }> {
    return [...this.#answers.values()]
  }
  heartbeats(): Counts {
    return this.#heartbeats
  }
  enrolments(): Counts {
    return this.#enrolments
  }
  took(): ReadonlyMap<string, Spread> {
    return this.#took
  }
}

/** Codes of systems come in numbers nobody has counted. */
const outcomesMax = 30

function count(counts: Record<string, number>, outcome: string): void {
  const name = outcome in counts || Object.keys(counts).length < outcomesMax ? outcome : 'other'
  counts[name] = (counts[name] ?? 0) + 1
}
