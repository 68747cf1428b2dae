/** Alerts, what of them has been told, and the rules that an admin has changed. */
import type { AlertRuleStore, AlertStore } from '../fleet-ports.ts'
import type { Alert } from '../ports.ts'
import type { Database } from './database.ts'

type AlertState = Alert['state']

export interface AlertTables {
  alerts: {
    id: string
    rule: string
    site: string
    state: AlertState
    turnedAt: number | null
    value: number
    firedAt: number | null
    resolvedAt: number | null
    acknowledgedAt: number | null
    acknowledgedBy: string | null
    /** The state that the webhook was told last. */
    told: AlertState
    attempts: number
    nextAt: number
  }
  alertRules: { rule: string; threshold: number; clearsBelow: number; forMs: number; enabled: number }
}

export function alertRuleStore({ db }: Pick<Database, 'db'>): AlertRuleStore {
  return {
    async set() {
      const rows = await db.selectFrom('alertRules').selectAll().orderBy('rule').execute()
      return rows.map(({ enabled, ...row }) => ({ ...row, enabled: enabled === 1 }))
    },
    async put({ rule, enabled, ...rest }) {
      const values = { ...rest, enabled: Number(enabled) }
      await db
        .insertInto('alertRules')
        .values({ rule, ...values })
        .onConflict(conflict => conflict.column('rule').doUpdateSet(values))
        .execute()
    },
    async reset(rule) {
      await db.deleteFrom('alertRules').where('rule', '=', rule).execute()
    }
  }
}

export function alertStore({ db }: Database): AlertStore {
  return {
    alerts: async () => await db.selectFrom('alerts').selectAll().orderBy('id').execute(),
    async put(alert) {
      const { id: _, acknowledgedAt: __, acknowledgedBy: ___, ...rest } = alert
      // Who fires anew has not been acknowledged.
      const again = alert.state === 'pending' ? { acknowledgedAt: null, acknowledgedBy: null } : {}
      await db
        .insertInto('alerts')
        .values({ ...alert, told: 'pending', attempts: 0, nextAt: 0 })
        .onConflict(conflict =>
          conflict.column('id').doUpdateSet({ ...rest, ...again, attempts: 0, nextAt: 0 })
        )
        .execute()
    },
    async remove(id) {
      await db.deleteFrom('alerts').where('id', '=', id).execute()
    },
    async acknowledge(id, by, at) {
      const { numUpdatedRows } = await db
        .updateTable('alerts')
        .set({ acknowledgedAt: at, acknowledgedBy: by })
        .where('id', '=', id)
        .where('state', '=', 'firing')
        .executeTakeFirst()
      return numUpdatedRows === 1n
    },
    async told(id, state) {
      await db
        .updateTable('alerts')
        .set({ told: state, attempts: 0, nextAt: 0 })
        .where('id', '=', id)
        .execute()
    },
    async tellLater(id, attempts, nextAt) {
      await db.updateTable('alerts').set({ attempts, nextAt }).where('id', '=', id).execute()
    },
    async pruneAlerts(before) {
      await db.deleteFrom('alerts').where('state', '=', 'resolved').where('resolvedAt', '<', before).execute()
    }
  }
}
