/** What agents reported, and the fleet's figures over time that come of it: both in one transaction, so that each count counts once. */
import type { AgentId, SiteId } from '@starling/shared/ids.ts'
import { dayMs, type Bytes, type Millis } from '@starling/shared/units.ts'
import { sql, type Expression, type Generated, type RawBuilder, type Transaction } from 'kysely'
import {
  added,
  addFigures,
  bucketOf,
  figureNames,
  figuresOf,
  keptMs,
  noFigures,
  spans,
  wholeFleet,
  type FigureName,
  type Figures,
  type Span
} from '@starling/shared/fleet-series.ts'
import type { SeriesStore, ToldReport } from '../fleet-ports.ts'
import type { Database } from './database.ts'
import { givenRows } from './rows.ts'
import type { Tables } from './tables.ts'

export interface SeriesTables {
  agentReports: {
    agent: AgentId
    at: number
    run: number
    counters: string
    host: string
    hostName: string
    problems: string
    /** JSON: since when each is suspected (core/noticing.ts). */
    suspicions: Generated<string>
    /** What has lasted, with spaces between. */
    noticed: Generated<string>
  }
  series: { span: Span; site: SiteId; at: number; online: number } & Figures
  noPeer: { day: number; site: SiteId; reason: string; count: number }
}

interface CountedReason {
  readonly site: SiteId
  readonly reason: string
  readonly count: number
}
type Reasons = Map<string, CountedReason>

const noPeerPrefix = 'noPeer.'
const otherReason = 'other'
const noPeerKeptMs: Millis = 90 * dayMs
/** Of one site and day: an agent that makes reasons up must not fill the table. What is beyond is counted as `other`. */
const noPeerReasonsMax = 64
/** What cannot be told from its neighbours is no figure, and would make its whole row unreadable in SQLite. */
const figureMax = Number.MAX_SAFE_INTEGER
/** So many rows keep the event loop for some tens of ms on SQLite. */
const rowsPerTransaction = 500

const reportColumns = {
  agent: 'text',
  at: 'integer',
  run: 'integer',
  counters: 'text',
  host: 'text',
  hostName: 'text',
  problems: 'text'
} as const

const seriesColumns = {
  site: 'text',
  at: 'integer',
  ...(Object.fromEntries(figureNames.map(name => [name, 'integer'])) as Record<FigureName, 'integer'>),
  online: 'real'
} as const

export function seriesStore(database: Database): SeriesStore {
  const { db, kind } = database
  const taken = noFigures()

  async function add(
    transaction: Transaction<Tables>,
    rows: ReadonlyArray<Omit<Tables['series'], 'span'>>
  ): Promise<void> {
    if (rows.length === 0) return
    const names = Object.keys(seriesColumns) as Array<keyof typeof seriesColumns>
    await transaction
      .insertInto('series')
      .columns(['span', ...names])
      .expression(
        transaction
          .selectFrom(givenRows(kind, seriesColumns, rows))
          .select([
            sql<Span>`${sql.lit('minute')}`.as('span'),
            ...names.map(name => `given.${name}` as const)
          ])
          // SQLite reads "ON" of the conflict as that of a join otherwise.
          .where(sql<boolean>`true`)
      )
      .onConflict(conflict =>
        conflict
          .columns(['span', 'site', 'at'])
          .doUpdateSet(eb =>
            Object.fromEntries(
              [...figureNames, 'online' as const].map(name => [
                name,
                atMost(sql`${eb.ref(`series.${name}`)} + ${eb.ref(`excluded.${name}`)}`)
              ])
            )
          )
      )
      .execute()
  }

  /** @returns the same, with what is one reason too many for its site counted as `other` */
  async function settled(
    transaction: Transaction<Tables>,
    day: Millis,
    counted: readonly CountedReason[]
  ): Promise<CountedReason[]> {
    if (counted.length === 0) return []
    const known = await transaction
      .selectFrom('noPeer')
      .select(['site', 'reason'])
      .where('day', '=', day)
      .where('site', 'in', [...new Set(counted.map(({ site }) => site))])
      .execute()
    const ofSites = new Map<SiteId, Set<string>>()
    for (const { site, reason } of known) ofSites.set(site, (ofSites.get(site) ?? new Set()).add(reason))
    const all: Reasons = new Map()
    for (const { site, reason, count } of counted) {
      const ofSite = ofSites.get(site) ?? new Set()
      ofSites.set(site, ofSite)
      const isOneTooMany = !ofSite.has(reason) && ofSite.size >= noPeerReasonsMax
      if (!isOneTooMany) ofSite.add(reason)
      addReason(all, site, isOneTooMany ? otherReason : reason, count)
    }
    return [...all.values()]
  }

  async function takeSome(
    reports: readonly ToldReport[],
    fresh: ReadonlyMap<SiteId, Bytes>,
    now: Millis
  ): Promise<Figures> {
    return await database.transaction(async transaction => {
      const names = reports
        .map(({ agent }) => ({ agent }))
        .sort((one, other) => (one.agent < other.agent ? -1 : 1))
      // Each has a row from here on, and it is ours: what another coordinator adds waits until this is done.
      if (names.length > 0)
        await transaction
          .insertInto('agentReports')
          .columns(Object.keys(reportColumns) as Array<keyof typeof reportColumns>)
          .expression(
            transaction
              .selectFrom(givenRows(kind, { agent: 'text' }, names))
              .select([
                'given.agent',
                ...[0, -1].map(number =>
                  sql<number>`CAST(${sql.lit(number)} AS BIGINT)`.as(`n${number + 1}`)
                ),
                ...['{}', '{}', '', ''].map((text, index) => sql<string>`${sql.lit(text)}`.as(`t${index}`))
              ])
              // SQLite reads "ON" of the conflict as that of a join otherwise.
              .where(sql<boolean>`true`)
          )
          .onConflict(conflict => conflict.column('agent').doNothing())
          .execute()
      const known = new Map(
        (
          await transaction
            .selectFrom('agentReports')
            .innerJoin(givenRows(kind, { agent: 'text' }, names), 'given.agent', 'agentReports.agent')
            .select(['agentReports.agent', 'agentReports.run', 'agentReports.counters'])
            .orderBy('agentReports.agent')
            .forUpdate('agentReports')
            .execute()
        ).map(({ agent, run, counters }) => [
          agent,
          { run, counters: JSON.parse(counters) as Record<string, number> }
        ])
      )
      const sites = new Map<SiteId, Figures>()
      const figuresFor = (site: SiteId): Figures => {
        const found = sites.get(site) ?? noFigures()
        sites.set(site, found)
        return found
      }
      const reasons: Reasons = new Map()
      const rows = reports.map(({ agent, site, hasGateway, at, runs, host, problems }) => {
        const { sums, run, counters } = added(known.get(agent) ?? null, runs)
        addFigures(figuresFor(site), figuresOf(sums, hasGateway))
        for (const [name, count] of Object.entries(sums)) {
          if (!name.startsWith(noPeerPrefix)) continue
          const reason = name.slice(noPeerPrefix.length)
          addReason(reasons, site, reason, Math.floor(count))
        }
        return {
          agent,
          at,
          run,
          counters: JSON.stringify(counters),
          host: JSON.stringify(host),
          hostName: String(host.hostName ?? ''),
          problems: problems.toSorted().join(' ')
        }
      })
      for (const [site, bytes] of fresh) figuresFor(site).fresh += bytes
      rows.sort((one, other) => (one.agent < other.agent ? -1 : 1))
      if (rows.length > 0)
        await transaction
          .insertInto('agentReports')
          .columns(Object.keys(reportColumns) as Array<keyof typeof reportColumns>)
          .expression(
            transaction
              .selectFrom(givenRows(kind, reportColumns, rows))
              .select(
                (Object.keys(reportColumns) as Array<keyof typeof reportColumns>).map(
                  name => `given.${name}` as const
                )
              )
              // SQLite reads "ON" of the conflict as that of a join otherwise.
              .where(sql<boolean>`true`)
          )
          .onConflict(conflict =>
            conflict.column('agent').doUpdateSet(eb => ({
              at: eb.ref('excluded.at'),
              run: eb.ref('excluded.run'),
              counters: eb.ref('excluded.counters'),
              host: eb.ref('excluded.host'),
              hostName: eb.ref('excluded.hostName'),
              problems: eb.ref('excluded.problems')
            }))
          )
          .execute()
      const whole = noFigures()
      for (const figures of sites.values()) addFigures(whole, figures)
      const at = bucketOf('minute', now)
      // In one order for all coordinators, so that none waits for another that waits for it.
      const all = [...sites, [wholeFleet, whole] as const].sort(([one], [other]) => (one < other ? -1 : 1))
      await add(
        transaction,
        all
          .filter(([, figures]) => figureNames.some(name => figures[name] > 0))
          .map(([site, figures]) => ({ site, at, online: 0, ...withinMeasure(figures) }))
      )
      const day = bucketOf('day', now)
      for (const row of (await settled(transaction, day, [...reasons.values()])).sort((one, other) =>
        one.site + one.reason < other.site + other.reason ? -1 : 1
      ))
        await transaction
          .insertInto('noPeer')
          .values({ day, ...row })
          .onConflict(conflict =>
            conflict.columns(['day', 'site', 'reason']).doUpdateSet(eb => ({
              count: atMost(sql`${eb.ref('noPeer.count')} + ${eb.ref('excluded.count')}`)
            }))
          )
          .execute()
      return whole
    })
  }

  return {
    async takeReports(reports, fresh, now) {
      for (let at = 0; at === 0 || at < reports.length; at += rowsPerTransaction)
        addFigures(
          taken,
          await takeSome(reports.slice(at, at + rowsPerTransaction), at === 0 ? fresh : new Map(), now)
        )
    },
    taken: () => ({ ...taken }),
    async noteOnline(given, online) {
      const at = bucketOf('minute', given)
      let all = 0
      for (const count of online.values()) all += count
      const rows = [...online, [wholeFleet, all] as const].sort(([one], [other]) => (one < other ? -1 : 1))
      await database.transaction(async transaction => {
        await add(
          transaction,
          rows.map(([site, count]) => ({ ...noFigures(), site, at, online: count }))
        )
      })
    },
    async rollUp(rollups) {
      for (const { from, to, at, end } of rollups) {
        await db
          .insertInto('series')
          .columns(['span', 'site', 'at', ...figureNames, 'online'])
          .expression(
            db
              .selectFrom('series')
              .where('span', '=', from)
              .where('at', '>=', at)
              .where('at', '<', end)
              .groupBy('site')
              .select(from => [
                from.val(to).as('span'),
                'site',
                sql<number>`CAST(${at} AS BIGINT)`.as('at'),
                ...figureNames.map(name =>
                  sql<number>`CAST(${atMost(from.fn.sum(name))} AS BIGINT)`.as(name)
                ),
                from.fn.avg('online').as('online')
              ])
          )
          .onConflict(conflict =>
            conflict
              .columns(['span', 'site', 'at'])
              .doUpdateSet(eb =>
                Object.fromEntries(
                  [...figureNames, 'online' as const].map(name => [name, eb.ref(`excluded.${name}`)])
                )
              )
          )
          .execute()
      }
    },
    async prune(now) {
      for (const span of spans)
        await db
          .deleteFrom('series')
          .where('span', '=', span)
          .where('at', '<', now - keptMs[span])
          .execute()
      await db
        .deleteFrom('noPeer')
        .where('day', '<', now - noPeerKeptMs)
        .execute()
      await db
        .deleteFrom('agentReports')
        .where(is =>
          is.not(
            is.exists(
              is
                .selectFrom('agents')
                .select('agents.agent')
                .whereRef('agents.agent', '=', 'agentReports.agent')
            )
          )
        )
        .execute()
    },
    async series(span, site, from, to) {
      return await db
        .selectFrom('series')
        .select(['at', 'online', ...figureNames])
        .where('span', '=', span)
        .where('site', '=', site)
        .where('at', '>=', from)
        .where('at', '<', to)
        .orderBy('at')
        .execute()
    },
    async totals(span, from) {
      const rows = await db
        .selectFrom('series')
        .where('span', '=', span)
        .where('at', '>=', bucketOf(span, from))
        .groupBy('site')
        .select(eb => ['site', ...figureNames.map(name => sumOf(eb.ref(name)).as(name))])
        .execute()
      return new Map(
        rows.map(row => {
          const { site, ...figures } = row as { site: SiteId } & Figures
          return [site, figures]
        })
      )
    },
    async noPeer(from, site) {
      return await db
        .selectFrom('noPeer')
        .where('day', '>=', bucketOf('day', from))
        .$if(site !== undefined, query => query.where('site', '=', site!))
        .groupBy('reason')
        .select(eb => ['reason', sumOf(eb.ref('count')).as('count')])
        .orderBy('count', 'desc')
        .execute()
    }
  }
}

function addReason(to: Reasons, site: SiteId, reason: string, more: number): void {
  const count = (to.get(`${site} ${reason}`)?.count ?? 0) + more
  to.set(`${site} ${reason}`, { site, reason, count: Math.min(count, figureMax) })
}

function withinMeasure(figures: Readonly<Figures>): Figures {
  const all = { ...figures }
  for (const name of figureNames) all[name] = Math.min(all[name], figureMax)
  return all
}

function atMost(value: Expression<unknown>): RawBuilder<number> {
  return sql<number>`CASE WHEN ${value} > ${sql.lit(figureMax)} THEN ${sql.lit(figureMax)} ELSE ${value} END`
}

/** Over many sites or days: more than 64 bits hold. */
function sumOf(column: Expression<number>): RawBuilder<number> {
  return sql<number>`sum(CAST(${column} AS DOUBLE PRECISION))`
}
