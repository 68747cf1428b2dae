/** What is asked about policies: their versions, and how a version is rolled out. */
import { z } from 'zod'
import { isSiteId } from '../ids.ts'
import { isGroupName, isPolicyScope } from '../policy-scope.ts'
import { policyCategories } from '../policy/categories.ts'
import { reasonLengthMax } from '../signed-policy.ts'
import { operation, type Given } from './operation.ts'

const at = z.number().int().nonnegative()
const count = z.number().int().nonnegative()
const version = z.number().int().min(1)
const reason = z.string().max(reasonLengthMax).default('')
const scope = z.string().refine(isPolicyScope, 'give fleet, site:<name>, group:<name> or device:<agent id>')
const ofScope = z.strictObject({ scope })
const document = z.record(z.string().max(64), z.unknown())

const changeShape = z.object({
  name: z.string(),
  before: z.unknown().optional(),
  after: z.unknown().optional()
})

const recordShape = z.object({
  scope,
  version,
  document,
  author: z.string(),
  reason: z.string(),
  createdAt: at,
  changes: z.array(changeShape).describe('against the version before it; left out: not set')
})
export type PolicyRecordView = Given<z.output<typeof recordShape>>

const stageShape = z.strictObject({
  who: z.union([
    z.strictObject({ percent: z.number().gt(0).max(100) }),
    z.strictObject({ sites: z.array(z.string().refine(isSiteId)).min(1).max(1000) }),
    z.strictObject({ groups: z.array(z.string().refine(isGroupName)).min(1).max(1000) })
  ]),
  holdMs: z
    .number()
    .int()
    .min(0)
    .max(90 * 24 * 3_600_000)
    .nullable()
    .describe('how long it is watched before the next stage begins; null: until an admin advances it')
})
export const stagesShape = z.array(stageShape).min(1).max(20)

const phaseShape = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('running') }),
  z.object({ kind: z.literal('paused'), why: z.string() }),
  z.object({ kind: z.literal('done') }),
  z.object({ kind: z.literal('rolled-back'), why: z.string() })
])

const figures = { present: count, lost: count, downloads: count, errors: count }

const scopeShape = z.object({
  scope,
  current: version.nullable().describe('for those whom the rollout has not reached'),
  newest: version.nullable(),
  rollout: z
    .object({
      id: z.string(),
      to: version,
      stages: stagesShape,
      stage: count,
      stageSince: at,
      phase: phaseShape
    })
    .nullable()
    .describe('the one that is on, or the last one'),
  seen: z
    .object({
      reached: z.object({ ...figures, applied: count, refused: count, refusal: z.string() }),
      others: z.object(figures).nullable(),
      held: z.string().nullable().describe('why it does not go on by itself')
    })
    .nullable()
    .describe('null: no rollout is on, or another coordinator leads')
})
export type PolicyScopeView = Given<z.output<typeof scopeShape>>

const findingShape = z.object({
  kind: z.enum([
    'odd',
    'sites-lose-peering',
    'site-loses-peering',
    'agents-stop-peering',
    'agents-stop-uploading',
    'host-unknown'
  ]),
  site: z.string().nullable(),
  agents: count,
  of: count.describe('agents of the site, or those of it that share now'),
  sites: count,
  reasons: z
    .array(
      z.object({
        why: z.string(),
        code: z.string(),
        params: z.record(z.string(), z.number()),
        agents: count
      })
    )
    .describe('why, as each agent would say it, the commonest first; `code` is for programs'),
  moreReasons: count,
  sentence: z.string().describe('all of it in words')
})
export type PolicyFinding = Given<z.output<typeof findingShape>>

export const listPolicies = operation({
  method: 'GET',
  path: '/api/v1/policies',
  access: 'viewer',
  summary: 'Every scope that has a policy, and how its rollout is.',
  answer: z.object({ number: count, scopes: z.array(scopeShape) })
})

const fieldShape = z.object({
  name: z.string(),
  category: z.enum(policyCategories),
  from: z.enum(['delivery-optimization', 'starling']).describe('whose name it is'),
  what: z.string(),
  why: z.string().describe('why the default is what it is'),
  kind: z.enum(['choice', 'switch', 'number', 'size', 'rate', 'time', 'text', 'list', 'objects']),
  form: z.string().describe('what may be written, with its limits'),
  limits: z
    .object({ least: z.string(), most: z.string() })
    .nullable()
    .describe('the same as one would write them; null: it has none'),
  unit: z.string().nullable(),
  choices: z
    .array(z.object({ value: z.union([z.string(), z.number()]), label: z.string() }))
    .describe('empty: the value is not chosen of some'),
  byDefault: z.unknown(),
  insteadUse: z.string().nullable().describe('not null: an old name, and what took its place')
})
export type PolicyFieldView = Given<z.output<typeof fieldShape>>

export const showPolicyFields = operation({
  method: 'GET',
  path: '/api/v1/policies/fields',
  access: 'viewer',
  summary: 'Every name that a policy may say something of, as it describes itself: for forms.',
  answer: z.object({ fields: z.array(fieldShape) })
})

export const showPolicy = operation({
  method: 'GET',
  path: '/api/v1/policies/{scope}',
  access: 'viewer',
  summary: "A scope's policy, and how its rollout is.",
  params: ofScope,
  answer: scopeShape
})

export const listPolicyVersions = operation({
  method: 'GET',
  path: '/api/v1/policies/{scope}/versions',
  access: 'viewer',
  summary: "The versions of a scope's policy, the newest first.",
  params: ofScope,
  query: z.strictObject({ count: z.coerce.number().int().min(1).max(1000).default(50) }),
  answer: z.object({ versions: z.array(recordShape) })
})

export const showPolicyVersion = operation({
  method: 'GET',
  path: '/api/v1/policies/{scope}/versions/{version}',
  access: 'viewer',
  summary: 'One version.',
  params: z.strictObject({ scope, version: z.coerce.number().pipe(version) }),
  answer: recordShape
})

export const addPolicyVersion = operation({
  method: 'POST',
  path: '/api/v1/policies/{scope}/versions',
  access: 'admin',
  summary: 'A new version, checked against the fleet as it is. Nobody gets it before it is rolled out.',
  action: 'policy.add-version',
  isTrial: ({ body }) => body.dryRun,
  params: ofScope,
  body: z.strictObject({
    document,
    reason,
    basedOn: version
      .nullable()
      .optional()
      .describe('the newest version that was looked at, null: none; refused when there is a newer one'),
    dryRun: z.boolean().default(false).describe('only say what would be'),
    impact: z
      .boolean()
      .default(true)
      .describe('also ask for each agent what would become of it; false: look at the document alone')
  }),
  answer: z.object({
    version: version.nullable().describe('null: a dry run'),
    changes: z.array(changeShape),
    findings: z.array(findingShape)
  })
})

export const startRollout = operation({
  method: 'POST',
  path: '/api/v1/policies/{scope}/rollout',
  access: 'admin',
  summary: 'Brings a version to the agents of its scope, stage by stage.',
  action: 'policy.rollout',
  params: ofScope,
  body: z.strictObject({
    version,
    stages: stagesShape.optional().describe('left out: 1, 10, 50, 100 percent with ten minutes each')
  }),
  answer: scopeShape
})

export const rolloutOrders = ['pause', 'resume', 'advance'] as const

export const orderRollout = operation({
  method: 'POST',
  path: '/api/v1/policies/{scope}/rollout/order',
  access: 'admin',
  summary: 'Pauses, resumes or advances the rollout that is on.',
  action: 'policy.rollout-order',
  params: ofScope,
  body: z.strictObject({ order: z.enum(rolloutOrders), reason }),
  answer: scopeShape
})

export const rollBackPolicy = operation({
  method: 'POST',
  path: '/api/v1/policies/{scope}/rollback',
  access: 'admin',
  summary: 'Gives everybody of the scope a version at once: the one before the rollout, or any other.',
  action: 'policy.rollback',
  params: ofScope,
  body: z.strictObject({
    version: version.nullable().optional().describe('left out: the one before; null: none at all'),
    reason
  }),
  answer: scopeShape
})
