/**
 * What Prometheus sees of a coordinator: what this process does (`starling_coordinator_...`, counted since its start), and
 * the fleet as the database knows it (`starling_fleet_...`, `starling_site_...`), which every coordinator tells alike.
 *
 * Nothing is told of a single agent, and what agents or admins name (sites, versions, problems) is cut off at a number with
 * the rest in one row: 20,000 agents make as many rows as 20.
 */
import type { AlertRule } from '@starling/shared/alert-rule.ts'
import {
  createExposition,
  plain,
  type HistogramSeries,
  type Metrics,
  type Row,
  type Series
} from '@starling/agent/telemetry/exposition.ts'
import type { Spread } from '@starling/agent/telemetry/spread.ts'
import type { Figures } from '@starling/shared/fleet-series.ts'
import type { Millis } from '@starling/shared/units.ts'
import type { FleetFigures, SiteFigures } from './ports.ts'
import type { RequestTally } from './request-tally.ts'

export interface CoordinatorFigures {
  readonly now: Millis
  readonly startedAt: Millis
  readonly version: string
  readonly online: number
  readonly gatewaysOnline: number
  readonly newsWaiting: number
  readonly leads: Readonly<Record<string, boolean>>
  readonly acknowledged: Readonly<Record<'applied' | 'refused', number>>
  /** Since the start, by this coordinator. */
  readonly taken: Figures
  readonly rules: ReadonlyArray<Pick<AlertRule, 'id'>>
  readonly database: {
    readonly kind: 'sqlite' | 'postgres'
    readonly queries: Spread
    readonly transactions: Spread
    readonly failed: number
  }
  /** Null: they were never read. */
  readonly fleet: FleetFigures | null
}

type Snapshot = CoordinatorFigures & { readonly requests: RequestTally }
type One = Series<Snapshot>

/** Beyond these the rest is one row. */
const sitesMax = 100
const versionsMax = 20
const problemsMax = 40
/** No site and no version can be called so. */
const theRest = '(other)'

const byteSources = ['peers', 'gateway', 'origin', 'cache', 'served', 'clients', 'wan', 'fresh'] as const
const rolloutStates = ['running', 'paused', 'done', 'rolled-back'] as const

const byName = (label: string, counts: Readonly<Record<string, number>>): Row[] =>
  Object.entries(counts).map(([name, count]) => [{ [label]: name }, count])
const ofFleet =
  (read: (fleet: FleetFigures) => readonly Row[]): One['read'] =>
  ({ fleet }) =>
    fleet === null ? [] : read(fleet)
const ratio = (value: number | null): readonly Row[] => (value === null ? [] : plain(value))

const ofProcess: readonly One[] = [
  {
    name: 'starling_coordinator_build_info',
    help: 'Always 1; which program this is, and on what database',
    labels: ['version', 'database'],
    read: ({ version, database }) => [[{ version, database: database.kind }, 1]]
  },
  {
    name: 'starling_coordinator_uptime_seconds',
    help: 'Since this coordinator started',
    labels: [],
    read: ({ now, startedAt }) => plain((now - startedAt) / 1000)
  },
  {
    name: 'starling_coordinator_memory_bytes',
    help: 'Resident memory of the process, its embedded gateway included',
    labels: [],
    read: () => plain(process.memoryUsage.rss())
  },
  {
    name: 'starling_coordinator_cpu_seconds_total',
    help: 'CPU time of the process, user and system',
    labels: [],
    read: () => {
      const { user, system } = process.cpuUsage()
      return plain((user + system) / 1e6)
    }
  },
  {
    name: 'starling_coordinator_leader_state',
    help: '1 where this coordinator, of all on the database, does the work for all: figures (with alerts), rollouts, audit-retention',
    labels: ['work'],
    read: ({ leads }) => Object.entries(leads).map(([work, is]): Row => [{ work }, is ? 1 : 0])
  },
  {
    name: 'starling_coordinator_agents_count',
    help: 'Agents that this coordinator hears now, by role',
    labels: ['role'],
    read: ({ online, gatewaysOnline }) => [
      [{ role: 'agent' }, online - gatewaysOnline],
      [{ role: 'gateway' }, gatewaysOnline]
    ]
  },
  {
    name: 'starling_coordinator_news_waiting_count',
    help: 'Agents that hold a request open to hear of news at once',
    labels: [],
    read: ({ newsWaiting }) => plain(newsWaiting)
  },
  {
    name: 'starling_coordinator_requests_total',
    help: 'Requests answered, by operation (method and route; none: there is no such) and HTTP status',
    labels: ['operation', 'status'],
    read: ({ requests }) =>
      requests.answers().map(({ operation, status, count }): Row => [{ operation, status }, count])
  },
  {
    name: 'starling_coordinator_heartbeats_total',
    help: 'Heartbeats, by outcome: done, or the code of the refusal',
    labels: ['outcome'],
    read: ({ requests }) => byName('outcome', requests.heartbeats())
  },
  {
    name: 'starling_coordinator_enrolments_total',
    help: 'Tickets shown, by outcome: done (a use of the ticket), or the code of the refusal',
    labels: ['outcome'],
    read: ({ requests }) => byName('outcome', requests.enrolments())
  },
  {
    name: 'starling_coordinator_policy_acknowledgements_total',
    help: 'Answers of agents to a policy they were given: applied or refused',
    labels: ['outcome'],
    read: ({ acknowledged }) => byName('outcome', acknowledged)
  },
  {
    name: 'starling_coordinator_reported_bytes_total',
    help: 'Content bytes that agents reported here: from peers, gateway, origin, cache; served to peers, given to clients; over the WAN; fresh (new to their site)',
    labels: ['source'],
    read: ({ taken }) => byteSources.map((source): Row => [{ source }, taken[source]])
  },
  {
    name: 'starling_coordinator_reported_downloads_total',
    help: 'Downloads of clients that agents reported here, by outcome',
    labels: ['outcome'],
    read: ({ taken }) => [
      [{ outcome: 'failed' }, taken.errors],
      [{ outcome: 'done' }, Math.max(0, taken.downloads - taken.errors)]
    ]
  },
  {
    name: 'starling_coordinator_database_failures_total',
    help: 'Queries that failed',
    labels: [],
    read: ({ database }) => plain(database.failed)
  }
]

const ofTheFleet: readonly One[] = [
  {
    name: 'starling_fleet_figures_age_seconds',
    help: 'How old the figures of starling_fleet_ and starling_site_ are: over a minute while the database is away',
    labels: [],
    read: ({ fleet, now }) => (fleet === null ? [] : plain(Math.max(0, now - fleet.at) / 1000))
  },
  {
    name: 'starling_fleet_agents_count',
    help: 'Agents of the fleet, by state: online, offline, revoked',
    labels: ['state'],
    read: ofFleet(({ agents, online, revoked }) => [
      [{ state: 'online' }, online],
      [{ state: 'offline' }, agents - online],
      [{ state: 'revoked' }, revoked]
    ])
  },
  {
    name: 'starling_fleet_versions_count',
    help: `Agents by the version they said they are; beyond the ${versionsMax} most usual as ${theRest}`,
    labels: ['version'],
    read: ofFleet(({ versions }) => most(versions, versionsMax, 'version'))
  },
  {
    name: 'starling_fleet_problems_count',
    help: 'Agents that have a problem, by its kind; an agent may have several',
    labels: ['problem'],
    read: ofFleet(({ problems }) => most(problems, problemsMax, 'problem'))
  },
  {
    name: 'starling_fleet_day_bytes',
    help: 'Content bytes of the last 24 hours, by source as in starling_coordinator_reported_bytes_total',
    labels: ['source'],
    read: ofFleet(({ day }) => byteSources.map((source): Row => [{ source }, day[source]]))
  },
  {
    name: 'starling_fleet_wan_copies_ratio',
    help: 'Copies over the WAN of what was new to a site in the last 24 hours; absent: nothing was',
    labels: [],
    read: ofFleet(({ amplification }) => ratio(amplification))
  },
  {
    name: 'starling_fleet_saved_bytes',
    help: 'Bytes that clients got and no line to the world carried, by span: day, week, month',
    labels: ['span'],
    read: ofFleet(({ saved }) => byName('span', saved))
  },
  {
    name: 'starling_fleet_alerts_count',
    help: 'Alerts of the coordinator that fire, by rule',
    labels: ['rule'],
    read: ({ fleet, rules }) =>
      fleet === null
        ? []
        : rules.map(({ id }): Row => [
            { rule: id },
            fleet.alerts.filter(({ rule, state }) => rule === id && state === 'firing').length
          ])
  },
  {
    name: 'starling_fleet_rollouts_count',
    help: 'Scopes of policy by the state of their last rollout',
    labels: ['state'],
    read: ofFleet(({ rollouts }) =>
      rolloutStates.map((state): Row => [{ state }, rollouts.filter(one => one === state).length])
    )
  },
  {
    name: 'starling_fleet_audit_entries_count',
    help: 'Entries of the audit log ever written',
    labels: [],
    read: ofFleet(({ auditEntries }) => plain(auditEntries))
  },
  {
    name: 'starling_fleet_database_bytes',
    help: 'What the database takes on its disk',
    labels: [],
    read: ofFleet(({ databaseBytes }) => plain(databaseBytes))
  },
  {
    name: 'starling_site_agents_count',
    help: `Agents of a site, by state: online, offline; beyond the ${sitesMax} largest sites as ${theRest}`,
    labels: ['site', 'state'],
    read: ofFleet(({ sites }) =>
      largest(sites).flatMap(([site, { agents, online }]): Row[] => [
        [{ site, state: 'online' }, online],
        [{ site, state: 'offline' }, agents - online]
      ])
    )
  },
  {
    name: 'starling_site_gateways_count',
    help: 'Gateways of a site that are online',
    labels: ['site'],
    read: ofFleet(({ sites }) =>
      largest(sites).map(([site, { gatewaysOnline }]): Row => [{ site }, gatewaysOnline])
    )
  },
  {
    name: 'starling_site_wan_copies_ratio',
    help: 'Copies over the WAN of what was new to the site in the last 24 hours; absent: nothing was',
    labels: ['site'],
    read: ofFleet(({ sites }) =>
      largest(sites).flatMap(([site, { amplification }]): Row[] =>
        amplification === null ? [] : [[{ site }, amplification]]
      )
    )
  }
]

const histograms: ReadonlyArray<HistogramSeries<Snapshot>> = [
  {
    name: 'starling_coordinator_request_seconds',
    help: 'From request to answer, by who asks what: heartbeat, enrol, renew of agents; people (all their operations)',
    read: ({ requests }) => [...requests.took()].map(([operation, spread]) => spread.row({ operation }))
  },
  {
    name: 'starling_coordinator_database_seconds',
    help: 'What the database takes, by kind: query; transaction (with the waiting for others and for the disk)',
    read: ({ database }) => [
      database.queries.row({ kind: 'query' }),
      database.transactions.row({ kind: 'transaction' })
    ]
  }
]

/** Every name that there is, beside the histograms; docs/monitoring is held against it. */
export const coordinatorSeries: readonly One[] = [...ofProcess, ...ofTheFleet]

export function createCoordinatorMetrics(
  figures: () => Promise<CoordinatorFigures>,
  requests: RequestTally
): Metrics {
  return createExposition(coordinatorSeries, histograms, async () => ({
    ...(await figures()),
    requests
  }))
}

/** @returns the most usual ones, and the rest as one */
function most(counts: ReadonlyMap<string, number>, max: number, label: string): Row[] {
  const sorted = [...counts].sort(([one, many], [other, more]) => more - many || (one < other ? -1 : 1))
  const rest = sorted.slice(max).reduce((sum, [, count]) => sum + count, 0)
  const shown = rest === 0 ? sorted : [...sorted.slice(0, max), [theRest, rest] as const]
  return shown.map(([name, count]): Row => [{ [label]: name }, count])
}

function largest(sites: FleetFigures['sites']): Array<readonly [string, SiteFigures]> {
  const sorted = [...sites].sort(
    ([one, { agents }], [other, { agents: more }]) => more - agents || (one < other ? -1 : 1)
  )
  if (sorted.length <= sitesMax) return sorted
  const rest = { agents: 0, online: 0, gatewaysOnline: 0, amplification: null }
  for (const [, { agents, online, gatewaysOnline }] of sorted.slice(sitesMax)) {
    rest.agents += agents
    rest.online += online
    rest.gatewaysOnline += gatewaysOnline
  }
  return [...sorted.slice(0, sitesMax), [theRest, rest]]
}
