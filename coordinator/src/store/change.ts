/** A change and its audit entry in one transaction: see Change in ports.ts. */
import type { Change } from '../ports.ts'
import { memberStore } from './agents.ts'
import { alertRuleStore, alertStore } from './alerts.ts'
import type { AuditChain } from './audit.ts'
import type { Database } from './database.ts'
import { eventStore } from './events.ts'
import { orderStore } from './orders.ts'
import { policyStore } from './policies.ts'
import { purgeStore } from './purges.ts'
import type { Secrets } from './secrets.ts'
import { ticketStore } from './tickets.ts'

export function createChange(database: Database, audit: AuditChain, secrets: Secrets): Change {
  return async (by, work) =>
    await database.transaction(async (transaction, notify) => {
      // The stores as they are, but within this transaction instead of one of their own.
      const within: Database = {
        ...database,
        db: transaction,
        notify,
        transaction: async inner => await inner(transaction, notify)
      }
      const { result, ...deed } = await work({
        ...memberStore(within),
        ...ticketStore(within),
        ...purgeStore(within),
        ...eventStore(within),
        policies: policyStore(within),
        orders: orderStore(within),
        alerts: alertStore(within),
        alertRules: alertRuleStore(within),
        secrets: {
          write: (name, plain) => secrets.write(transaction, name, plain),
          remove: name => secrets.remove(transaction, name)
        }
      })
      await audit.append(transaction, { by, ...deed })
      return result
    })
}
