/** One server that may be asked, as it is now: how it is reached, how it does, what it was asked. The only place where that changes. */
import type { Millis } from '@starling/shared/units.ts'
import type { UpstreamView } from '../ports.ts'
import type { Candidate } from './balance.ts'
import { failed, healthy, tried, untold, worked, type Health } from './health-state.ts'
import { hangsMsMin } from './limits.ts'
import type { PlannedServer } from './plan.ts'
import { routeOf, type Route, type RouteOptions } from './routes.ts'
import { createTimings, type Timings } from './timings.ts'

export type Why = 'first' | 'retry' | 'hedge' | 'resume'

export interface Server extends Candidate {
  readonly planned: PlannedServer
  readonly label: string
  readonly route: Route
  readonly timings: Timings
  begin(why: Why): Errand
  /** It may be begun with: until that is over, and all that was begun, it is not closed. @returns what lets go, once */
  hold(): () => void
  /** The plan says otherwise of the same server: it stays as it is, with its connections. */
  follow(planned: PlannedServer): void
  /** Nobody new is sent to it. @returns when what was under way has ended, and its connections are closed */
  retire(): Promise<void>
  /** It cannot be relied upon; `isSure`: not at all. */
  blame(isSure: boolean): void
  /** Another one, asked later, answered first. */
  outrun(): void
  /** A probe found it in order. */
  works(): void
  view(): UpstreamView
}

/** One request on its way to a server. */
export interface Errand {
  /** The answer's head is here, and it is the server's own fault when it is a bad one. */
  answered(isBad: boolean): void
  problem(text: string): void
  /** Nothing more comes of it. May be said again. */
  over(isComplete: boolean): void
}

/** Whether both are one server of which something else is said: at the same place, and asked with the same credentials. */
export function isSameServer(one: PlannedServer, other: PlannedServer): boolean {
  return (['name', 'kind', 'label', 'url', 'credentials'] as const).every(
    field => one[field] === other[field]
  )
}

export function createServer(
  first: PlannedServer,
  options: RouteOptions & { readonly now: () => Millis; readonly onTrouble: (server: Server) => void }
): Server {
  const { now, onTrouble } = options
  const timings = createTimings()
  const counts = { first: 0, retry: 0, hedge: 0, resume: 0 }
  const idle = Promise.withResolvers<void>()
  let planned = first
  let isRetired = false
  let holds = 0
  let health: Health = healthy
  let inFlight = 0
  let failures = 0
  let silentInRow = 0
  let silentSince: Millis = 0
  let lastProblem: UpstreamView['lastProblem'] = null
  const isDirect = planned.kind === 'direct'

  function left(): void {
    if (isRetired && inFlight === 0 && holds === 0) idle.resolve()
  }

  const server: Server = {
    name: first.name,
    kind: first.kind,
    label: first.label,
    timings,
    route: routeOf(first, timings, options),
    get weight() {
      return planned.weight
    },
    get planned() {
      return planned
    },
    get health() {
      return health
    },
    get inFlight() {
      return inFlight
    },
    begin(why) {
      counts[why]++
      inFlight++
      health = tried(health)
      const startedAt = performance.now()
      let isOver = false
      return {
        answered(isBad) {
          timings.note('first-byte', performance.now() - startedAt)
          silentInRow = 0
          if (!isBad) health = worked(health)
        },
        problem(text) {
          failures++
          lastProblem = { at: Date.now(), text }
        },
        over(isComplete) {
          if (isOver) return
          isOver = true
          inFlight--
          if (isComplete) timings.note('total', performance.now() - startedAt)
          health = untold(health)
          left()
        }
      }
    },
    hold() {
      let isHeld = true
      holds++
      return () => {
        if (!isHeld) return
        isHeld = false
        holds--
        left()
      }
    },
    follow(next) {
      planned = next
    },
    async retire() {
      isRetired = true
      left()
      await idle.promise
      await server.route.close()
    },
    blame(isSure) {
      // The direct way leads to many origins, and one that is down says nothing of the others.
      if (isDirect) return
      health = failed(health, isSure, planned, now())
      onTrouble(server)
    },
    outrun() {
      // One request of twenty is slower than the 95th percentile, and a moment's load makes many so at once: only many in
      // a row, over some time, tell of a server that hangs.
      if (silentInRow++ === 0) silentSince = now()
      if (silentInRow >= 2 * planned.maxFails && now() - silentSince >= hangsMsMin) {
        silentInRow = 0
        lastProblem = { at: Date.now(), text: 'it hangs: others, asked later, answer first' }
        server.blame(true)
      }
    },
    works() {
      health = healthy
      silentInRow = 0
    },
    view() {
      const [p50, p95] = [timings.firstByteMs(0.5), timings.firstByteMs(0.95)]
      return {
        name: planned.name,
        kind: planned.kind,
        address: planned.url ?? null,
        state: health.kind === 'up' ? 'up' : health.isTrying ? 'trying' : 'down',
        inFlight,
        requests: counts.first + counts.retry + counts.hedge + counts.resume,
        failures,
        retries: counts.retry,
        hedges: counts.hedge,
        resumes: counts.resume,
        lastProblem,
        firstByteMs: p50 === null || p95 === null ? null : { p50, p95 },
        phases: timings.view()
      }
    }
  }
  return server
}
