/**
 * The fleet in figures for whoever scrapes: read from the database at most twice a minute, however many scrape how often.
 * Agents are counted by the database, in groups; none of them is looked at here. While the database is away the last
 * figures are told, with their age.
 */
import {
  amplificationOf,
  noFigures,
  savedBytesOf,
  wholeFleet,
  type Figures
} from '@starling/shared/fleet-series.ts'
import type { SiteId } from '@starling/shared/ids.ts'
import { dayMs, secondMs, type Bytes, type Millis } from '@starling/shared/units.ts'
import { messageOf } from '@starling/shared/errors.ts'
import type { AgentCount, AlertStore, FleetQueries, SeriesStore } from '../fleet-ports.ts'
import type { Log } from '../log.ts'
import type { AgentStore, FleetFigures, PolicyStore, SiteFigures } from '../ports.ts'

/** Prometheus asks every 15 to 60 s; heartbeats come every 30. */
const keptMs: Millis = 30 * secondMs

export interface FleetFiguresParts {
  readonly queries: Pick<FleetQueries, 'counts'>
  readonly series: Pick<SeriesStore, 'totals'>
  readonly alerts: Pick<AlertStore, 'alerts'>
  readonly policies: Pick<PolicyStore, 'policies'>
  readonly revocations: AgentStore['revocations']
  readonly auditEntries: () => Promise<number>
  readonly databaseBytes: () => Promise<Bytes>
  /** Who was heard after this is online. */
  readonly onlineSince: () => Millis
  readonly clock: () => Millis
  readonly log: Log
}

/** @returns null while they have never been read */
export function createFleetFigures(parts: FleetFiguresParts): () => Promise<FleetFigures | null> {
  const { series, clock, log } = parts
  let last: FleetFigures | null = null
  let reading: Promise<void> | null = null

  async function read(): Promise<FleetFigures> {
    const at = Math.floor(clock())
    const rows = await parts.queries.counts(parts.onlineSince())
    const day = await series.totals('hour', at - dayMs)
    const saved = async (days: number): Promise<Bytes> =>
      savedBytesOf((await series.totals('day', at - days * dayMs)).get(wholeFleet) ?? noFigures())
    const { scopes } = await parts.policies.policies()
    const whole = day.get(wholeFleet) ?? noFigures()
    return {
      at,
      ...countsOf(rows),
      sites: sitesOf(rows, day),
      revoked: (await parts.revocations()).agents.length,
      day: whole,
      amplification: amplificationOf(whole),
      saved: { day: savedBytesOf(whole), week: await saved(7), month: await saved(30) },
      alerts: (await parts.alerts.alerts()).map(({ rule, state }) => ({ rule, state })),
      rollouts: scopes.flatMap(({ policy }) => policy.rollout?.phase.kind ?? []),
      auditEntries: await parts.auditEntries(),
      databaseBytes: await parts.databaseBytes()
    }
  }

  return async () => {
    if (last === null || clock() - last.at >= keptMs) {
      reading ??= (async () => {
        try {
          last = await read()
        } catch (error) {
          log.warn({ why: messageOf(error) }, "the fleet's figures could not be read for who scrapes them")
        } finally {
          reading = null
        }
      })()
      await reading
    }
    return last
  }
}

function countsOf(
  rows: readonly AgentCount[]
): Pick<FleetFigures, 'agents' | 'online' | 'versions' | 'problems'> {
  const versions = new Map<string, number>()
  const problems = new Map<string, number>()
  let [agents, online] = [0, 0]
  for (const row of rows) {
    agents += row.count
    online += row.online
    add(versions, row.version, row.count)
    for (const problem of row.problems.split(' ')) if (problem !== '') add(problems, problem, row.count)
  }
  return { agents, online, versions, problems }
}

function sitesOf(rows: readonly AgentCount[], day: ReadonlyMap<SiteId, Figures>): FleetFigures['sites'] {
  const sites = new Map<SiteId, { -readonly [Name in keyof SiteFigures]: SiteFigures[Name] }>()
  for (const { site, role, count, online } of rows) {
    const sum = sites.get(site) ?? {
      agents: 0,
      online: 0,
      gatewaysOnline: 0,
      amplification: amplificationOf(day.get(site) ?? noFigures())
    }
    sum.agents += count
    sum.online += online
    if (role === 'gateway') sum.gatewaysOnline += online
    sites.set(site, sum)
  }
  return sites
}

function add(to: Map<string, number>, name: string, count: number): void {
  to.set(name, (to.get(name) ?? 0) + count)
}
