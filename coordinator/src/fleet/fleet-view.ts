/** The fleet as people look at it: what the database knows, and what is in flight as this coordinator hears of it. */
import { StarlingError } from '@starling/shared/errors.ts'
import {
  addFigures,
  amplificationOf,
  noFigures,
  savedBytesOf,
  wholeFleet,
  type Figures,
  type Span
} from '@starling/shared/fleet-series.ts'
import type { AgentId, SiteId } from '@starling/shared/ids.ts'
import type { Standing } from '@starling/shared/rollout-plan.ts'
import { dayMs, minuteMs, type Millis } from '@starling/shared/units.ts'
import { sparingly } from '../sparingly.ts'
import { together } from '../together.ts'
import type { FleetBook, FleetQueries, FleetView, FoundAgent, SeriesStore } from '../fleet-ports.ts'
import type { AgentRecord } from '../ports.ts'
import { contentView } from './content-view.ts'
import { onlineSince } from './presence.ts'

const pointsMax = 5000

export function createFleetView({
  store,
  series,
  book,
  isOnline,
  standingOf,
  heartbeatMs,
  clock
}: {
  readonly store: FleetQueries
  readonly series: SeriesStore
  readonly book: Pick<FleetBook, 'reports' | 'spread' | 'paces'>
  readonly isOnline: (agent: AgentId) => boolean
  readonly standingOf: (member: AgentRecord) => Standing | null
  readonly heartbeatMs: Millis
  readonly clock: () => Millis
}): FleetView {
  const now = (): Millis => Math.floor(clock())
  const onlineFrom = (): Millis => onlineSince(heartbeatMs, now())
  const shown = ({ host: _, counters: __, ...agent }: FoundAgent, since: Millis) => ({
    ...agent,
    online: agent.revokedAt === null && (agent.lastHeardAt ?? 0) >= since
  })

  async function spent(span: Span, days: number, site: SiteId | undefined) {
    const figures = (await series.totals(span, now() - days * dayMs)).get(site ?? wholeFleet) ?? noFigures()
    return { clients: figures.clients, wan: figures.wan, saved: savedBytesOf(figures), figures }
  }

  const view: FleetView = {
    async agents(filter) {
      const since = onlineFrom()
      const after = filter.after === undefined ? undefined : placeOf(filter.after)
      const agents = await store.find({ ...filter, after, onlineSince: since })
      const last = agents.at(-1)
      return {
        agents: agents.map(agent => shown(agent, since)),
        next: last === undefined || agents.length < filter.count ? null : placeAfter(last, filter.sort)
      }
    },
    async agent(id) {
      const found = await store.one(id)
      if (found === null)
        throw new StarlingError(
          'unknown-agent',
          `${id} is not one of this fleet: see "starling-coordinator agents"`
        )
      const live = book.reports.of(id)
      const standing = standingOf(found)
      const written = (text: string): Record<string, never> => JSON.parse(text) as Record<string, never>
      return {
        ...shown(found, onlineFrom()),
        host: live?.host ?? written(found.host),
        counters: live?.counters ?? written(found.counters),
        contents: [...(live?.swarm.values() ?? [])].map(
          ({ transfer, name = '', length = 0, complete, share = 0, wanBytes = 0 }) => ({
            transfer,
            name,
            length,
            share: complete ? 1 : share,
            wanBytes,
            bytesPerSecond: complete ? null : book.paces.of(id, transfer, length, now())
          })
        ),
        policy:
          standing === null
            ? null
            : { standing: standing.kind, reason: 'reason' in standing ? standing.reason : '' },
        orders: await store.orders(id)
      }
    },
    async sites(site) {
      const day = await series.totals('hour', now() - dayMs)
      const sites = new Map<
        SiteId,
        {
          agents: number
          online: number
          gateways: number
          gatewaysOnline: number
          problems: Record<string, number>
        }
      >()
      for (const row of await store.counts(onlineFrom(), site)) {
        const sum = sites.get(row.site) ?? {
          agents: 0,
          online: 0,
          gateways: 0,
          gatewaysOnline: 0,
          problems: noCounts()
        }
        sites.set(row.site, sum)
        sum.agents += row.count
        sum.online += row.online
        if (row.role === 'gateway') {
          sum.gateways += row.count
          sum.gatewaysOnline += row.online
        }
        addCounts(sum.problems, row.problems.split(' '), row.count)
      }
      return {
        sites: [...sites]
          .sort(([one], [other]) => (one < other ? -1 : 1))
          .map(([name, sum]) => {
            const figures = day.get(name) ?? noFigures()
            return { site: name, ...sum, day: figures, amplification: amplificationOf(figures) }
          })
      }
    },
    async fleet(site) {
      const [problems, versions] = [noCounts(), noCounts()]
      let [agents, online] = [0, 0]
      for (const row of await store.counts(onlineFrom(), site)) {
        agents += row.count
        online += row.online
        addCounts(problems, row.problems.split(' '), row.count)
        addCounts(versions, [row.version], row.count)
      }
      const day = await spent('hour', 1, site)
      const total: Figures = noFigures()
      addFigures(total, day.figures)
      const reasons = await series.noPeer(now() - dayMs, site)
      return {
        agents,
        online,
        problems,
        versions,
        noPeer: Object.fromEntries(reasons.map(({ reason, count }) => [reason, count])),
        amplification: amplificationOf(total),
        savings: { day, week: await spent('day', 7, site), month: await spent('day', 30, site) }
      }
    },
    contents: (site, count) => ({ contents: book.reports.contents(site ?? null, isOnline).slice(0, count) }),
    content: (transfer, site) => contentView(transfer, site ?? null, book, isOnline),
    async series(span, site, given, to = now() + 1) {
      const from = given ?? Math.max(0, to - dayMs)
      const spanLengthMs = { minute: minuteMs, hour: 60 * minuteMs, day: dayMs }[span]
      if (to < from || (to - from) / spanLengthMs > pointsMax)
        throw new StarlingError(
          'bad-body',
          `ask for at most ${pointsMax} points, from the earlier to the later moment`
        )
      return { site: site ?? wholeFleet, points: await series.series(span, site ?? wholeFleet, from, to) }
    }
  }
  return {
    ...view,
    agents: together(async (filter: Parameters<FleetView['agents']>[0]) => await view.agents(filter)),
    sites: together(async (site?: SiteId) => await view.sites(site)),
    fleet: together(async (site?: SiteId) => await view.fleet(site)),
    contents: sparingly((...asked: Parameters<FleetView['contents']>) => view.contents(...asked)),
    content: sparingly((...asked: Parameters<FleetView['content']>) => view.content(...asked)),
    series: together(async (...asked: Parameters<FleetView['series']>) => await view.series(...asked))
  }
}

/** Agents choose the names: `constructor` is one like any other. */
function noCounts(): Record<string, number> {
  return Object.create(null) as Record<string, number>
}

function addCounts(to: Record<string, number>, names: readonly string[], count: number): void {
  for (const name of names) if (name !== '') to[name] = (to[name] ?? 0) + count
}

/** How a page is told where the one before has ended. */
function placeAfter({ agent, enrolledAt }: FoundAgent, sort: 'id' | 'newest' = 'id'): string {
  return sort === 'newest' ? `${enrolledAt}.${agent}` : agent
}

function placeOf(after: string): Pick<FoundAgent, 'agent' | 'enrolledAt'> {
  const [, enrolledAt = '0', agent = after] = /^(\d{1,15})\.(.+)$/.exec(after) ?? []
  return { agent: agent as AgentId, enrolledAt: Number(enrolledAt) }
}
