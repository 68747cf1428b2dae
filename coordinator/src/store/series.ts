/** What agents reported, and the fleet's figures over time that come of it: both in one transaction, so that each count counts once. */
import type { AgentId, SiteId } from '@starling/shared/ids.ts'
import { dayMs, type Bytes, type Millis } from '@starling/shared/units.ts'
import { sql, type Generated, type Transaction } from 'kysely'
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

const noPeerPrefix = 'noPeer.'
const noPeerKeptMs: Millis = 90 * dayMs
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

export function seriesStore(database: Database): SeriesStore {
  const { db, kind } = database

  async function add(
    transaction: Transaction<Tables>,
    rows: ReadonlyArray<Omit<Tables['series'], 'span'>>
  ): Promise<void> {
    for (const row of rows) {
      await transaction
        .insertInto('series')
        .values({ span: 'minute', ...row })
        .onConflict(conflict =>
          conflict
            .columns(['span', 'site', 'at'])
            .doUpdateSet(eb =>
              Object.fromEntries(
                [...figureNames, 'online' as const].map(name => [
                  name,
                  eb(eb.ref(`series.${name}`), '+', eb.ref(`excluded.${name}`))
                ])
              )
            )
        )
        .execute()
    }
  }

  async function takeSome(
    reports: readonly ToldReport[],
    fresh: ReadonlyMap<SiteId, Bytes>,
    now: Millis
  ): Promise<void> {
    await database.transaction(async transaction => {
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
      const reasons = new Map<string, { site: SiteId; reason: string; count: number }>()
      const rows = reports.map(({ agent, site, hasGateway, at, runs, host, problems }) => {
        const { sums, run, counters } = added(known.get(agent) ?? null, runs)
        addFigures(figuresFor(site), figuresOf(sums, hasGateway))
        for (const [name, count] of Object.entries(sums)) {
          if (!name.startsWith(noPeerPrefix)) continue
          const reason = name.slice(noPeerPrefix.length)
          const counted = reasons.get(`${site} ${reason}`) ?? { site, reason, count: 0 }
          reasons.set(`${site} ${reason}`, { ...counted, count: counted.count + count })
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
          .map(([site, figures]) => ({ site, at, online: 0, ...figures }))
      )
      const day = bucketOf('day', now)
      for (const row of [...reasons.values()].sort((one, other) =>
        one.site + one.reason < other.site + other.reason ? -1 : 1
      ))
        await transaction
          .insertInto('noPeer')
          .values({ day, ...row })
          .onConflict(conflict =>
            conflict.columns(['day', 'site', 'reason']).doUpdateSet(eb => ({
              count: eb(eb.ref('noPeer.count'), '+', eb.ref('excluded.count'))
            }))
          )
          .execute()
    })
  }

  return {
    async takeReports(reports, fresh, now) {
      for (let at = 0; at === 0 || at < reports.length; at += rowsPerTransaction)
        await takeSome(reports.slice(at, at + rowsPerTransaction), at === 0 ? fresh : new Map(), now)
    },
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
                ...figureNames.map(name => sql<number>`CAST(${from.fn.sum(name)} AS BIGINT)`.as(name)),
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
        .select(({ fn }) => ['site', ...figureNames.map(name => fn.sum<number>(name).as(name))])
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
        .select(({ fn }) => ['reason', fn.sum<number>('count').as('count')])
        .orderBy('count', 'desc')
        .execute()
    }
  }
}
