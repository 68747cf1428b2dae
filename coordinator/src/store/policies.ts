/**
 * The versions of each scope's policy, which of them holds, and what rollouts watch of the agents. Documents are kept as
 * text: what stands in one is not asked of the database.
 */
import { sql } from 'kysely'
import type { AgentId } from '@starling/shared/ids.ts'
import type { ScopePolicy, Standing } from '@starling/shared/rollout-plan.ts'
import type { PolicyDocument } from '@starling/shared/signed-policy.ts'
import type { PolicyChange, PolicyRecord, PolicyStore } from '../ports.ts'
import { nextNumber } from './counters.ts'
import type { Database } from './database.ts'
import { givenRows } from './rows.ts'

export interface PolicyTables {
  policyVersions: {
    scope: string
    version: number
    document: string
    author: string
    reason: string
    createdAt: number
    changes: string
  }
  /** One a scope: which version holds, and its rollout. */
  policies: { scope: string; revision: number; state: string }
  policyHeard: {
    agent: AgentId
    notedAt: number
    heardAt: number
    standing: string
    downloads: number
    errors: number
  }
}

/** Of all changes to any scope; see PolicyStore. */
const numberName = 'policy'

export function policyStore(database: Database): PolicyStore {
  const { db, kind } = database
  return {
    async addVersion({ scope, document, author, reason, createdAt, changes }) {
      return await database.transaction(async transaction => {
        const version = await nextNumber(transaction, `policy ${scope}`)
        await transaction
          .insertInto('policyVersions')
          .values({
            scope,
            version,
            document: JSON.stringify(document),
            author,
            reason,
            createdAt,
            changes: JSON.stringify(changes)
          })
          .execute()
        return version
      })
    },
    async version(scope, version) {
      const row = await db
        .selectFrom('policyVersions')
        .selectAll()
        .where('scope', '=', scope)
        .where('version', '=', version)
        .executeTakeFirst()
      return row === undefined ? null : recordOf(row)
    },
    async versions(scope, countMax) {
      const rows = await db
        .selectFrom('policyVersions')
        .selectAll()
        .where('scope', '=', scope)
        .orderBy('version', 'desc')
        .limit(countMax)
        .execute()
      return rows.map(recordOf)
    },
    async policies() {
      // One statement, so that the number is not of another moment than what it numbers.
      const rows = await db
        .selectFrom('counters')
        .leftJoin('policies', join => join.onTrue())
        .select(from => [
          'counters.value as number',
          'policies.revision',
          'policies.state',
          from
            .selectFrom('policyVersions')
            .select(({ fn }) => fn.max('version').as('version'))
            .whereRef('policyVersions.scope', '=', 'policies.scope')
            .as('newest')
        ])
        .where('counters.name', '=', numberName)
        .orderBy('policies.scope')
        .execute()
      return {
        number: rows[0]?.number ?? 0,
        scopes: rows.flatMap(({ revision, state, newest }) =>
          revision === null || state === null
            ? []
            : [{ policy: JSON.parse(state) as ScopePolicy, revision, newest }]
        )
      }
    },
    async change(after, revision, at) {
      return await database.transaction(async (transaction, notify) => {
        // First, so that changes wait for each other here.
        await nextNumber(transaction, numberName, at)
        const { scope } = after
        const state = JSON.stringify(after)
        const { numInsertedOrUpdatedRows } =
          revision === 0
            ? await transaction
                .insertInto('policies')
                .values({ scope, revision: 1, state })
                .onConflict(conflict => conflict.column('scope').doNothing())
                .executeTakeFirst()
            : {
                numInsertedOrUpdatedRows: (
                  await transaction
                    .updateTable('policies')
                    .set({ revision: revision + 1, state })
                    .where('scope', '=', scope)
                    .where('revision', '=', revision)
                    .executeTakeFirst()
                ).numUpdatedRows
              }
        if (numInsertedOrUpdatedRows !== 1n) return false
        await notify('policies', scope)
        return true
      })
    },
    async renumber(at) {
      await database.transaction(async (transaction, notify) => {
        const { numUpdatedRows } = await transaction
          .updateTable('counters')
          .set({ value: at })
          .where('name', '=', numberName)
          .where('value', '<', at)
          .executeTakeFirst()
        if (numUpdatedRows > 0n) await notify('policies', '')
      })
    },
    async noteHeard(records, notedAt) {
      if (records.length === 0) return
      const rows = records.map(({ agent, heardAt, standing, downloads, errors }) => ({
        agent,
        notedAt,
        heardAt,
        standing: JSON.stringify(standing),
        downloads,
        errors
      }))
      await db
        .insertInto('policyHeard')
        .columns(['agent', 'notedAt', 'heardAt', 'standing', 'downloads', 'errors'])
        .expression(
          db
            .selectFrom(
              givenRows(
                kind,
                {
                  agent: 'text',
                  notedAt: 'integer',
                  heardAt: 'integer',
                  standing: 'text',
                  downloads: 'integer',
                  errors: 'integer'
                },
                rows
              )
            )
            .select([
              'given.agent',
              'given.notedAt',
              'given.heardAt',
              'given.standing',
              'given.downloads',
              'given.errors'
            ])
            // SQLite reads "ON" of the conflict as that of a join otherwise.
            .where(sql<boolean>`true`)
        )
        .onConflict(conflict =>
          conflict.column('agent').doUpdateSet(row => ({
            notedAt: row.ref('excluded.notedAt'),
            heardAt: row.ref('excluded.heardAt'),
            standing: row.ref('excluded.standing'),
            downloads: row.ref('excluded.downloads'),
            errors: row.ref('excluded.errors')
          }))
        )
        .execute()
    },
    async heardSince(notedAt) {
      const rows = await db
        .selectFrom('policyHeard')
        .innerJoin('agents', 'agents.agent', 'policyHeard.agent')
        .select([
          'policyHeard.agent',
          'agents.site',
          'agents.group',
          'heardAt',
          'standing',
          'downloads',
          'errors'
        ])
        .where('policyHeard.notedAt', '>=', notedAt)
        .where('agents.revokedAt', 'is', null)
        .execute()
      return rows.map(row => ({ ...row, standing: JSON.parse(row.standing) as Standing }))
    }
  }
}

function recordOf({ document, changes, ...row }: PolicyTables['policyVersions']): PolicyRecord {
  return {
    ...row,
    document: JSON.parse(document) as PolicyDocument,
    changes: JSON.parse(changes) as PolicyChange[]
  }
}
