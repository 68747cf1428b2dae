/** What people and their programs ask about policies. */
import {
  addPolicyVersion,
  listPolicies,
  listPolicyVersions,
  orderRollout,
  rollBackPolicy,
  showPolicy,
  showPolicyVersion,
  startRollout
} from '@starling/shared/admin-api/policy.ts'
import type { Policies } from '../policies.ts'
import type { AddRoute } from './route.ts'

export function addPolicyRoutes(route: AddRoute, policies: Policies): void {
  route(listPolicies, async () => await policies.list())
  route(showPolicy, async ({ params }) => await policies.show(params.scope))
  route(listPolicyVersions, async ({ params, query }) => ({
    versions: await policies.versions(params.scope, query.count)
  }))
  route(showPolicyVersion, async ({ params }) => await policies.version(params.scope, params.version))
  route(
    addPolicyVersion,
    async ({ params, body: { document, reason, dryRun }, actor }) =>
      await policies.add(params.scope, document, { author: actor.name, reason, dryRun })
  )
  route(
    startRollout,
    async ({ params, body: { version, stages }, actor }) =>
      await policies.startRollout(params.scope, version, stages, actor.name)
  )
  route(
    orderRollout,
    async ({ params, body: { order, reason }, actor }) =>
      await policies.order(params.scope, order, { author: actor.name, reason })
  )
  route(
    rollBackPolicy,
    async ({ params, body: { version, reason }, actor }) =>
      await policies.rollBack(params.scope, version, { author: actor.name, reason })
  )
}
