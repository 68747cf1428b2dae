/** Agents by what is asked of them, joined with what they told last; and how many are there, by site, version and problem. */
import { sql } from 'kysely'
import type { FleetQueries, FoundAgent } from '../fleet-ports.ts'
import type { Database } from './database.ts'

export function fleetQueries({ db }: Database): FleetQueries {
  const found = db
    .selectFrom('agents')
    .leftJoin('agentReports', 'agentReports.agent', 'agents.agent')
    .select([
      'agents.agent',
      'site',
      'role',
      'group',
      'version',
      'enrolledAt',
      'lastHeardAt',
      'revokedAt',
      'hostName',
      'problems',
      'noticed',
      'host',
      'counters'
    ])
    .where('decommissionedAt', 'is', null)
  type Row = Awaited<ReturnType<typeof found.executeTakeFirstOrThrow>>
  const shown = ({ hostName, problems, noticed, host, counters, ...row }: Row): FoundAgent => ({
    ...row,
    hostName: hostName ?? '',
    problems: `${problems ?? ''} ${noticed ?? ''}`.split(' ').filter(Boolean),
    host: host ?? '{}',
    counters: counters ?? '{}'
  })
  return {
    async find({ site, group, state, problem, version, search, sort, after, count, onlineSince }) {
      const like = (text: string): string => `%${text.replaceAll(/[\\%_]/g, '\\$&')}%`
      const rows = await found
        .$if(site !== undefined, query => query.where('site', '=', site!))
        .$if(group !== undefined, query => query.where('group', '=', group!))
        .$if(version !== undefined, query => query.where('version', '=', version!))
        .$if(state === 'revoked', query => query.where('revokedAt', 'is not', null))
        .$if(state === 'online' || state === 'offline', query => query.where('revokedAt', 'is', null))
        .$if(state === 'online', query => query.where('lastHeardAt', '>=', onlineSince))
        .$if(state === 'offline', query =>
          query.where(is => is(is.fn.coalesce('lastHeardAt', sql.lit(0)), '<', onlineSince))
        )
        .$if(problem !== undefined, query =>
          query.where(
            sql<boolean>`' ' || problems || ' ' || noticed || ' ' LIKE ${like(` ${problem!} `)} ESCAPE '\\'`
          )
        )
        .$if(search !== undefined, query =>
          query.where(
            sql<boolean>`(lower(agents.agent) LIKE ${like(search!.toLowerCase())} ESCAPE '\\' OR lower(host_name) LIKE ${like(search!.toLowerCase())} ESCAPE '\\')`
          )
        )
        .$if(sort !== 'newest' && after !== undefined, query =>
          query.where('agents.agent', '>', after!.agent)
        )
        .$if(sort === 'newest' && after !== undefined, query =>
          query.where(is =>
            is.or([
              is('enrolledAt', '<', after!.enrolledAt),
              is.and([is('enrolledAt', '=', after!.enrolledAt), is('agents.agent', '>', after!.agent)])
            ])
          )
        )
        .$if(sort === 'newest', query => query.orderBy('enrolledAt', 'desc'))
        .orderBy('agents.agent')
        .limit(count)
        .execute()
      return rows.map(shown)
    },
    async one(agent) {
      const row = await found.where('agents.agent', '=', agent).executeTakeFirst()
      return row === undefined ? null : shown(row)
    },
    async orders(agent) {
      const rows = await db
        .selectFrom('orderProgress')
        .innerJoin('orders', 'orders.id', 'orderProgress.orderId')
        .where('agent', '=', agent)
        .where('withdrawnAt', 'is', null)
        .orderBy('createdAt', 'desc')
        .orderBy('id')
        .select([
          'id',
          'kind',
          'what',
          'deadline',
          'state',
          'orderProgress.reason',
          'bytes',
          'length',
          'late',
          'at'
        ])
        .execute()
      return rows.map(({ deadline, late, ...row }) => ({ ...row, by: deadline, late: late === 1 }))
    },
    async counts(onlineSince, site) {
      return await db
        .selectFrom('agents')
        .leftJoin('agentReports', 'agentReports.agent', 'agents.agent')
        .where('decommissionedAt', 'is', null)
        .where('revokedAt', 'is', null)
        .$if(site !== undefined, query => query.where('site', '=', site!))
        .groupBy(['site', 'role', 'version', 'problems', 'noticed'])
        .select(({ fn }) => [
          'site',
          'role',
          'version',
          sql<string>`coalesce(problems || ' ' || noticed, '')`.as('problems'),
          fn.countAll<number>().as('count'),
          sql<number>`CAST(sum(CASE WHEN last_heard_at >= ${onlineSince} THEN 1 ELSE 0 END) AS BIGINT)`.as(
            'online'
          )
        ])
        .execute()
    }
  }
}
