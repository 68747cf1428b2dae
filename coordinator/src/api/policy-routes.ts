/** What people and their programs ask about policies. */
import {
  addPolicyVersion,
  listPolicies,
  listPolicyVersions,
  orderRollout,
  rollBackPolicy,
  showPolicy,
  showPolicyFields,
  showPolicyVersion,
  startRollout
} from '@starling/shared/admin-api/policy.ts'
import type { Policies } from '../policies.ts'
import { policyForm } from '../policy-form.ts'
import type { AddRoute } from './route.ts'

export function addPolicyRoutes(route: AddRoute, policies: Policies): void {
  route(listPolicies, async () => await policies.list())
  const fields = policyForm()
  route(showPolicyFields, async () => ({ fields }))
  route(showPolicy, async ({ params }) => await policies.show(params.scope))
  route(listPolicyVersions, async ({ params, query }) => ({
    versions: await policies.versions(params.scope, query.count)
  }))
  route(showPolicyVersion, async ({ params }) => await policies.version(params.scope, params.version))
  route(
    addPolicyVersion,
    async ({ params, body: { document, reason, basedOn, dryRun, impact }, by, reply }) => {
      const asker = new AbortController()
      reply.raw.once('close', () => asker.abort())
      const why = { by, reason, basedOn, dryRun, impact, gone: asker.signal }
      return await policies.add(params.scope, document, why)
    }
  )
  route(
    startRollout,
    async ({ params, body: { version, stages }, by }) =>
      await policies.startRollout(params.scope, version, stages, by)
  )
  route(
    orderRollout,
    async ({ params, body: { order, reason }, by }) =>
      await policies.order(params.scope, order, { by, reason })
  )
  route(
    rollBackPolicy,
    async ({ params, body: { version, reason }, by }) =>
      await policies.rollBack(params.scope, version, { by, reason })
  )
}
