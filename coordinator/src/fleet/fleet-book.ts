/**
 * The fleet's figures at work: takes what heartbeats tell, writes it down every few seconds, and lets one coordinator make
 * hours of minutes. A crash forgets what was not written, and the agents' next reports say it again: their counters go on.
 */
import { earlierRunsMax } from '@starling/shared/coordinator-api.ts'
import { messageOf } from '@starling/shared/errors.ts'
import { rollupsDue } from '@starling/shared/fleet-series.ts'
import type { AgentId, SiteId } from '@starling/shared/ids.ts'
import { minuteMs, secondMs, type Millis } from '@starling/shared/units.ts'
import type { Log } from '../log.ts'
import type { AgentRecord, PaceBook, ReportBook, SpreadBook, TakenReport } from '../ports.ts'
import type { FleetBook, SeriesStore, ToldReport } from '../fleet-ports.ts'

const writeEveryMs: Millis = 5 * secondMs
const pruneEveryRollups = 60
const runsMax = 2 * earlierRunsMax

export interface FleetBookParts {
  readonly store: SeriesStore
  readonly reports: ReportBook
  readonly spread: SpreadBook
  readonly paces: PaceBook
  readonly online: () => Iterable<{ readonly site: SiteId }>
  readonly hasGateway: (site: SiteId) => boolean
  readonly lead: (onLeader: (until: AbortSignal) => void) => () => void
  /** What else the leader does once a minute. */
  readonly asLeader: ReadonlyArray<() => Promise<void>>
  readonly clock: () => Millis
  readonly log: Log
}

export function createFleetBook(parts: FleetBookParts): FleetBook {
  const { store, reports, spread, paces, log } = parts
  const now = (): Millis => Math.floor(parts.clock())
  let told = new Map<AgentId, ToldReport>()
  let freshKept: ReadonlyMap<SiteId, number> = new Map()
  let writing: Promise<void> = Promise.resolve()
  let leads: AbortSignal | null = null
  let rolledAt: Millis | null = null
  let rollups = 0

  function tell({ agent, site }: AgentRecord, taken: TakenReport, earlier: ToldReport['runs']): void {
    if (taken.head === null) return
    const { counters, host, problems } = taken
    const before = told.get(agent)?.runs.filter(({ run }) => run !== taken.head?.run) ?? []
    told.set(agent, {
      agent,
      site,
      hasGateway: parts.hasGateway(site),
      at: now(),
      // The latest: one that is always started anew must not grow while the database is away.
      runs: [...before, ...earlier, { run: taken.head.run, counters }].slice(-runsMax),
      host,
      problems
    })
  }

  async function write(): Promise<void> {
    const fresh = merged(freshKept, reports.takeFresh())
    if (told.size === 0 && fresh.size === 0) return
    const rows = told
    told = new Map()
    freshKept = new Map()
    try {
      await store.takeReports([...rows.values()], fresh, now())
    } catch (error) {
      told = new Map([...rows, ...told])
      freshKept = fresh
      log.warn({ why: messageOf(error) }, 'what agents told could not be written down; it is tried again')
    }
  }

  function flush(): Promise<void> {
    writing = writing.then(write)
    return writing
  }

  async function everyMinute(): Promise<void> {
    try {
      const online = new Map<SiteId, number>()
      for (const { site } of parts.online()) online.set(site, (online.get(site) ?? 0) + 1)
      await flush()
      if (online.size > 0) await store.noteOnline(now() - minuteMs, online)
      if (leads === null || leads.aborted) return
      const at = now()
      await store.rollUp(rollupsDue(at, rolledAt))
      rolledAt = at
      if (rollups++ % pruneEveryRollups === 0) await store.prune(at)
      for (const work of parts.asLeader) {
        if (leads.aborted) return
        await work()
      }
    } catch (error) {
      log.warn(
        { why: messageOf(error) },
        "the fleet's figures could not be brought forward; it is tried again"
      )
    }
  }

  const release = parts.lead(until => {
    leads = until
    rolledAt = null
  })
  const timers = [
    setInterval(() => void flush(), writeEveryMs),
    setInterval(() => void everyMinute(), minuteMs)
  ]
  for (const timer of timers) timer.unref()

  return {
    reports,
    spread,
    paces,
    flush,
    everyMinute,
    heard(member, body) {
      const before = reports.of(member.agent)
      const taken = reports.take(member.agent, member.site, body)
      if (taken === null) return null
      spread.changed(before, taken, now())
      paces.heard(member.agent, taken, now())
      tell(member, taken, body.report?.earlier ?? [])
      return body.report === undefined
        ? body
        : { ...body, counters: taken.counters, host: taken.host, swarm: [...taken.swarm.values()] }
    },
    async stop() {
      for (const timer of timers) clearInterval(timer)
      release()
      await flush()
    }
  }
}

function merged(one: ReadonlyMap<SiteId, number>, other: ReadonlyMap<SiteId, number>): Map<SiteId, number> {
  const sum = new Map(one)
  for (const [site, bytes] of other) sum.set(site, (sum.get(site) ?? 0) + bytes)
  return sum
}
