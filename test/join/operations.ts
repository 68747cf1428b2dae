/** Everything that people may ask of a coordinator: what is declared is here, without a line for each. */
import * as accountOperations from '@starling/shared/admin-api/accounts.ts'
import * as alertOperations from '@starling/shared/admin-api/alerts.ts'
import * as auditOperations from '@starling/shared/admin-api/audit.ts'
import * as fleetOperations from '@starling/shared/admin-api/fleet.ts'
import * as fleetViewOperations from '@starling/shared/admin-api/fleet-view.ts'
import * as orderOperations from '@starling/shared/admin-api/orders.ts'
import * as policyOperations from '@starling/shared/admin-api/policy.ts'
import type { Operation } from '@starling/shared/admin-api/operation.ts'
import * as serviceOperations from '@starling/shared/admin-api/service.ts'
import * as upkeepOperations from '@starling/shared/admin-api/upkeep.ts'
import { createIdentity } from '@starling/agent/identity/keys.ts'

export const operations: readonly Operation[] = [
  accountOperations,
  alertOperations,
  auditOperations,
  fleetOperations,
  fleetViewOperations,
  orderOperations,
  policyOperations,
  serviceOperations,
  upkeepOperations
]
  .flatMap(module => Object.values(module) as unknown[])
  .filter((value): value is Operation => typeof value === 'object' && value !== null && 'siteOf' in value)

/** A path that is well formed and names nothing that is there. */
const examples: Readonly<Record<string, string>> = {
  agent: createIdentity().agentId,
  name: 'nobody',
  site: 'nowhere',
  scope: 'site:nowhere',
  version: '1',
  order: 'pause',
  rule: 'nobody',
  id: '0123456789abcdef',
  transfer: '0123456789abcdef'.repeat(4)
}

export const titleOf = ({ method, path }: Operation): string => `${method} ${path}`
export const pathOf = ({ path }: Operation): string =>
  path.replaceAll(/\{(\w+)\}/g, (_, name: string) => examples[name]!)
