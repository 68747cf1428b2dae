/**
 * What an admin does with policies: new versions, and orders to rollouts. A change is made from what was read and holds
 * only if that is still so (the scope's revision), so two admins, or an admin and the rollout's own decision, never
 * overwrite each other unseen.
 */
import type { PolicyFinding, PolicyScopeView } from '@starling/shared/admin-api/policy.ts'
import { StarlingError } from '@starling/shared/errors.ts'
import type { PolicyScope } from '@starling/shared/policy-scope.ts'
import {
  advance,
  begin,
  isActive,
  pause,
  resume,
  rollBack,
  wholeScope,
  type PolicyVersion,
  type ScopePolicy,
  type Stage
} from '@starling/shared/rollout-plan.ts'
import { type PolicyDocument } from '@starling/shared/signed-policy.ts'
import { minuteMs, type Millis } from '@starling/shared/units.ts'
import { changesBetween, checkDocument, whatWouldBe, type FleetHost } from './policy-check.ts'
import type { PolicyChange, PolicyRecord, PolicyStore } from './policy-ports.ts'
import type { RolloutView } from './ports.ts'

/** One percent finds what breaks at once, ten what breaks some; each is watched for two windows of five minutes. */
const usualStages: readonly Stage[] = [1, 10, 50, 100].map(percent => ({
  who: { percent },
  holdMs: 10 * minuteMs
}))
/** One machine, or the few of a site, have nobody to go before them. */
const oneStage: readonly Stage[] = [{ who: wholeScope, holdMs: 10 * minuteMs }]
const triesMax = 5

export type RolloutOrder = 'pause' | 'resume' | 'advance'

export interface By {
  readonly author: string
  readonly reason: string
}

export interface Policies {
  list(): Promise<{ readonly number: number; readonly scopes: readonly PolicyScopeView[] }>
  /** @throws StarlingError `unknown-policy` */
  show(scope: PolicyScope): Promise<PolicyScopeView>
  versions(scope: PolicyScope, countMax: number): Promise<readonly PolicyRecord[]>
  /** @throws StarlingError `unknown-policy` */
  version(scope: PolicyScope, version: PolicyVersion): Promise<PolicyRecord>
  /** @throws StarlingError `bad-policy`, with all that is wrong */
  add(
    scope: PolicyScope,
    document: PolicyDocument,
    by: By & { readonly dryRun: boolean }
  ): Promise<{
    readonly version: PolicyVersion | null
    readonly changes: readonly PolicyChange[]
    readonly findings: readonly PolicyFinding[]
  }>
  /** @throws StarlingError `unknown-policy`, `rollout-active`, `bad-stages` */
  startRollout(
    scope: PolicyScope,
    version: PolicyVersion,
    stages: readonly Stage[] | undefined,
    author: string
  ): Promise<PolicyScopeView>
  /** @throws StarlingError `no-rollout` */
  order(scope: PolicyScope, order: RolloutOrder, by: By): Promise<PolicyScopeView>
  /** @param to undefined: what held before the rollout. @throws StarlingError `unknown-policy` */
  rollBack(scope: PolicyScope, to: PolicyVersion | null | undefined, by: By): Promise<PolicyScopeView>
}

export interface PoliciesParts {
  readonly store: PolicyStore
  readonly fleet: () => Promise<readonly FleetHost[]>
  readonly view: (scope: PolicyScope) => RolloutView | null
  readonly note: (at: Millis, kind: string, detail: string) => Promise<void>
  readonly clock: () => Millis
}

export function createPolicies({ store, fleet, view, note, clock }: PoliciesParts): Policies {
  const now = (): Millis => Math.floor(clock())

  async function viewOf(policy: ScopePolicy): Promise<PolicyScopeView> {
    const [newest] = await store.versions(policy.scope, 1)
    const seen = isActive(policy.rollout) ? view(policy.scope) : null
    return { ...policy, newest: newest?.version ?? null, seen }
  }

  async function show(scope: PolicyScope): Promise<PolicyScopeView> {
    const stored = (await store.policies()).scopes.find(({ policy }) => policy.scope === scope)
    const shown = await viewOf(stored?.policy ?? { scope, current: null, rollout: null })
    if (stored === undefined && shown.newest === null) throw unknownPolicy(scope)
    return shown
  }

  async function versionOf(scope: PolicyScope, version: PolicyVersion): Promise<PolicyRecord> {
    const found = await store.version(scope, version)
    if (found === null) throw unknownPolicy(scope, version)
    return found
  }

  async function change(
    scope: PolicyScope,
    how: (before: ScopePolicy) => ScopePolicy
  ): Promise<PolicyScopeView> {
    for (let attempt = 1; attempt <= triesMax; attempt++) {
      const stored = (await store.policies()).scopes.find(({ policy }) => policy.scope === scope)
      const after = how(stored?.policy ?? { scope, current: null, rollout: null })
      if (await store.change(after, stored?.revision ?? 0, now())) return await viewOf(after)
    }
    throw new StarlingError('policy-busy', `the policy of ${scope} is changing all the time: try again`)
  }

  /** What each scope says to those who have its newest. */
  async function documentsInForce(): Promise<Map<PolicyScope, PolicyDocument>> {
    const inForce = new Map<PolicyScope, PolicyDocument>()
    for (const { policy } of (await store.policies()).scopes) {
      const version = isActive(policy.rollout) ? policy.rollout.to : policy.current
      if (version !== null) inForce.set(policy.scope, (await versionOf(policy.scope, version)).document)
    }
    return inForce
  }

  return {
    async list() {
      const { number, scopes } = await store.policies()
      return { number, scopes: await Promise.all(scopes.map(({ policy }) => viewOf(policy))) }
    },
    show,
    versions: (scope, countMax) => store.versions(scope, countMax),
    version: versionOf,
    async add(scope, given, { author, reason, dryRun }) {
      const document = checkDocument(given)
      const [last] = await store.versions(scope, 1)
      const changes = changesBetween(last?.document ?? {}, document)
      const inForce = await documentsInForce()
      const findings = whatWouldBe({ scope, document, inForce, hosts: await fleet() })
      if (dryRun) return { version: null, changes, findings }
      const version = await store.addVersion({ scope, document, author, reason, createdAt: now(), changes })
      await note(now(), 'policy-version', `${scope} version ${version} by ${author}: ${reason}`)
      return { version, changes, findings }
    },
    async startRollout(scope, version, given, author) {
      const stages = given ?? (scope.startsWith('device:') ? oneStage : usualStages)
      const last = stages.at(-1)!.who
      if (!('percent' in last) || last.percent !== 100)
        throw new StarlingError(
          'bad-stages',
          'the last stage must be 100 percent: to reach only some, use the scope of their site or group'
        )
      await versionOf(scope, version)
      const at = now()
      const after = await change(scope, before => {
        if (isActive(before.rollout))
          throw new StarlingError(
            'rollout-active',
            `version ${before.rollout.to} is being rolled out in ${scope}: roll it back, or advance it to its end first`
          )
        return begin(before, { id: `${scope}/${version}/${at}`, to: version, stages }, at)
      })
      await note(at, 'rollout-started', `${scope} version ${version} by ${author}`)
      return after
    },
    async order(scope, order, { author, reason }) {
      const after = await change(scope, before => {
        if (!isActive(before.rollout))
          throw new StarlingError(
            'no-rollout',
            `no rollout is on in ${scope}: start one with "policy rollout start"`
          )
        switch (order) {
          case 'pause':
            return pause(before, [`paused by ${author}`, reason].filter(Boolean).join(': '))
          case 'resume':
            return resume(before, now())
          case 'advance':
            return advance(before, now())
        }
      })
      await note(now(), `rollout-${order}`, [`${scope} by ${author}`, reason].filter(Boolean).join(': '))
      return after
    },
    async rollBack(scope, to, { author, reason }) {
      if (typeof to === 'number') await versionOf(scope, to)
      const why = [`rolled back by ${author}`, reason].filter(Boolean).join(': ')
      const after = await change(scope, before => {
        if (to === undefined && !isActive(before.rollout))
          throw new StarlingError(
            'no-rollout',
            `no rollout is on in ${scope}: name the version to go back to, see "policy history"`
          )
        return rollBack(before, why, to === undefined ? before.current : to)
      })
      await note(now(), 'policy-rollback', `${scope} to version ${after.current ?? 'none'}: ${why}`)
      return after
    }
  }
}

function unknownPolicy(scope: PolicyScope, version?: PolicyVersion): StarlingError {
  return new StarlingError(
    'unknown-policy',
    version === undefined
      ? `${scope} has no policy yet: make a version with "starling-coordinator policy set"`
      : `${scope} has no version ${version}: see "starling-coordinator policy history"`
  )
}
