/**
 * What an admin does with policies: new versions, and orders to rollouts. A change is made from what was read and holds
 * only if that is still so (the scope's revision), so two admins, or an admin and the rollout's own decision, never
 * overwrite each other unseen.
 */
import type { PolicyFinding, PolicyScopeView } from '@starling/shared/admin-api/policy.ts'
import { codeOf, StarlingError } from '@starling/shared/errors.ts'
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
import { changesBetween, checkDocument, type FleetHost } from './policy-check.ts'
import { createFleetImpact } from './policy-impact.ts'
import type {
  By,
  Change,
  ChangeStore,
  PolicyChange,
  PolicyRecord,
  PolicyStore,
  RolloutView
} from './ports.ts'

/** One percent finds what breaks at once, ten what breaks some; each is watched for two windows of five minutes. */
const usualStages: readonly Stage[] = [1, 10, 50, 100].map(percent => ({
  who: { percent },
  holdMs: 10 * minuteMs
}))
/** One machine, or the few of a site, have nobody to go before them. */
const oneStage: readonly Stage[] = [{ who: wholeScope, holdMs: 10 * minuteMs }]
const triesMax = 5

export type RolloutOrder = 'pause' | 'resume' | 'advance'

export interface Why {
  /** The author of what is written down; the audit log has the rest of it. */
  readonly by: By
  readonly reason: string
}

export interface Policies {
  /** What each scope says to those who have its newest. */
  inForce(): Promise<ReadonlyMap<PolicyScope, PolicyDocument>>
  list(): Promise<{ readonly number: number; readonly scopes: readonly PolicyScopeView[] }>
  /** @throws StarlingError `unknown-policy` */
  show(scope: PolicyScope): Promise<PolicyScopeView>
  /** @throws StarlingError `unknown-policy` */
  versions(scope: PolicyScope, countMax: number): Promise<readonly PolicyRecord[]>
  /** @throws StarlingError `unknown-policy` */
  version(scope: PolicyScope, version: PolicyVersion): Promise<PolicyRecord>
  /**
   * @param why.basedOn the newest version that the author has seen, null: none; left out: whatever is there
   * @throws StarlingError `bad-policy`, with all that is wrong; `policy-moved`
   */
  add(
    scope: PolicyScope,
    document: PolicyDocument,
    why: Why & {
      readonly basedOn?: PolicyVersion | null | undefined
      readonly dryRun: boolean
      /** False: only the document is looked at, not the fleet. */
      readonly impact?: boolean
      /** When nobody waits for the answer any more. */
      readonly gone?: AbortSignal
    }
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
    by: By
  ): Promise<PolicyScopeView>
  /** @throws StarlingError `no-rollout` */
  order(scope: PolicyScope, order: RolloutOrder, why: Why): Promise<PolicyScopeView>
  /** @param to undefined: what held before the rollout. @throws StarlingError `unknown-policy` */
  rollBack(scope: PolicyScope, to: PolicyVersion | null | undefined, why: Why): Promise<PolicyScopeView>
}

export interface PoliciesParts {
  readonly store: PolicyStore
  readonly fleet: () => Promise<readonly FleetHost[]>
  readonly view: (scope: PolicyScope) => RolloutView | null
  readonly change: Change
  readonly clock: () => Millis
}

export function createPolicies({ store, fleet, view, change, clock }: PoliciesParts): Policies {
  const now = (): Millis => Math.floor(clock())

  const impact = createFleetImpact()
  /** The documents in force as they were read last: a version never changes. */
  let known = new Map<string, PolicyDocument>()

  function shownOf(policy: ScopePolicy, newest: PolicyVersion | null): PolicyScopeView {
    return { ...policy, newest, seen: isActive(policy.rollout) ? view(policy.scope) : null }
  }

  async function viewOf(policy: ScopePolicy): Promise<PolicyScopeView> {
    const [newest] = await store.versions(policy.scope, 1)
    return shownOf(policy, newest?.version ?? null)
  }

  async function show(scope: PolicyScope): Promise<PolicyScopeView> {
    const stored = (await store.policies()).scopes.find(({ policy }) => policy.scope === scope)
    if (stored !== undefined) return shownOf(stored.policy, stored.newest)
    const shown = await viewOf({ scope, current: null, rollout: null })
    if (shown.newest === null) throw unknownPolicy(scope)
    return shown
  }

  async function versionOf(scope: PolicyScope, version: PolicyVersion): Promise<PolicyRecord> {
    const found = await store.version(scope, version)
    if (found === null) throw unknownPolicy(scope, version)
    return found
  }

  /** @param what the event and what is said of it, in the event list and in the audit log */
  async function changeScope(
    scope: PolicyScope,
    by: By,
    how: (before: ScopePolicy, at: Millis) => ScopePolicy,
    what: (after: ScopePolicy) => { readonly kind: string; readonly detail: string }
  ): Promise<PolicyScopeView> {
    for (let attempt = 1; ; attempt++) {
      try {
        const after = await change(by, async changed => {
          const at = now()
          const { scopes } = await changed.policies.policies()
          const stored = scopes.find(({ policy }) => policy.scope === scope)
          const result = how(stored?.policy ?? { scope, current: null, rollout: null }, at)
          if (!(await changed.policies.change(result, stored?.revision ?? 0, at))) throw busy(scope)
          return { result, ...(await told(changed, scope, at, by, what(result))) }
        })
        return await viewOf(after)
      } catch (error) {
        if (codeOf(error) !== busyCode || attempt >= triesMax) throw error
      }
    }
  }

  /** For those who look at events, and, returned, for the audit log. */
  async function told(
    changed: ChangeStore,
    scope: PolicyScope,
    at: Millis,
    { actor }: By,
    { kind, detail }: { readonly kind: string; readonly detail: string }
  ): Promise<{ readonly target: string; readonly detail: string }> {
    await changed.note({ at, kind, agent: null, detail: `${scope} by ${actor}: ${detail}` })
    return { target: scope, detail }
  }

  async function documentsInForce(): Promise<Map<PolicyScope, PolicyDocument>> {
    const inForce = new Map<PolicyScope, PolicyDocument>()
    const read = new Map<string, PolicyDocument>()
    for (const { policy } of (await store.policies()).scopes) {
      const version = isActive(policy.rollout) ? policy.rollout.to : policy.current
      if (version === null) continue
      const name = `${policy.scope}@${version}`
      const document = known.get(name) ?? (await versionOf(policy.scope, version)).document
      read.set(name, document)
      inForce.set(policy.scope, document)
    }
    known = read
    return inForce
  }

  return {
    inForce: documentsInForce,
    async list() {
      const { number, scopes } = await store.policies()
      return { number, scopes: scopes.map(({ policy, newest }) => shownOf(policy, newest)) }
    },
    show,
    async versions(scope, countMax) {
      const versions = await store.versions(scope, countMax)
      if (versions.length === 0) throw unknownPolicy(scope)
      return versions
    },
    version: versionOf,
    async add(scope, given, { by, reason, basedOn, dryRun, impact: isAsked = true, gone }) {
      const { document, warnings } = checkDocument(given)
      const findings = [...warnings]
      if (isAsked) {
        const run = async () => ({
          scope,
          document,
          inForce: await documentsInForce(),
          hosts: await fleet()
        })
        findings.push(...(await impact.of(run, gone)))
      }
      const changesIn = async ({ versions }: Pick<PolicyStore, 'versions'>): Promise<PolicyChange[]> => {
        const [last] = await versions(scope, 1)
        if (basedOn !== undefined && basedOn !== (last?.version ?? null))
          throw new StarlingError(
            'policy-moved',
            `somebody else has made version ${last?.version ?? 'none'} of ${scope} meanwhile: look at it first`
          )
        return changesBetween(last?.document ?? {}, document)
      }
      if (dryRun) return { version: null, changes: await changesIn(store), findings }
      const done = await change(by, async changed => {
        const changes = await changesIn(changed.policies)
        const at = now()
        const record = { scope, document, author: by.actor, reason, createdAt: at, changes }
        const version = await changed.policies.addVersion(record)
        const detail = withReason(`version ${version}`, reason)
        return {
          result: { version, changes },
          ...(await told(changed, scope, at, by, { kind: 'policy-version', detail }))
        }
      })
      return { ...done, findings }
    },
    async startRollout(scope, version, given, by) {
      const stages = given ?? (scope.startsWith('device:') ? oneStage : usualStages)
      const last = stages.at(-1)!.who
      if (!('percent' in last) || last.percent !== 100)
        throw new StarlingError(
          'bad-stages',
          'the last stage must be 100 percent: to reach only some, use the scope of their site or group'
        )
      await versionOf(scope, version)
      return await changeScope(
        scope,
        by,
        (before, at) => {
          if (isActive(before.rollout))
            throw new StarlingError(
              'rollout-active',
              `version ${before.rollout.to} is being rolled out in ${scope}: roll it back, or advance it to its end first`
            )
          return begin(before, { id: `${scope}/${version}/${at}`, to: version, stages }, at)
        },
        () => ({ kind: 'rollout-started', detail: `version ${version}` })
      )
    },
    async order(scope, order, { by, reason }) {
      return await changeScope(
        scope,
        by,
        (before, at) => {
          if (!isActive(before.rollout))
            throw new StarlingError(
              'no-rollout',
              `no rollout is on in ${scope}: start one with "policy rollout start"`
            )
          switch (order) {
            case 'pause':
              return pause(before, withReason(`paused by ${by.actor}`, reason))
            case 'resume':
              return resume(before, at)
            case 'advance':
              return advance(before, at)
          }
        },
        ({ rollout }) => ({
          kind: `rollout-${order}`,
          detail: withReason(`version ${rollout?.to}`, reason)
        })
      )
    },
    async rollBack(scope, to, { by, reason }) {
      if (typeof to === 'number') await versionOf(scope, to)
      return await changeScope(
        scope,
        by,
        before => {
          if (to === undefined && !isActive(before.rollout))
            throw new StarlingError(
              'no-rollout',
              `no rollout is on in ${scope}: name the version to go back to, see "policy history"`
            )
          const why = withReason(`rolled back by ${by.actor}`, reason)
          return rollBack(before, why, to === undefined ? before.current : to)
        },
        ({ current }) => ({
          kind: 'policy-rollback',
          detail: withReason(`to version ${current ?? 'none'}`, reason)
        })
      )
    }
  }
}

function withReason(what: string, reason: string): string {
  return reason === '' ? what : `${what}: ${reason}`
}

const busyCode = 'policy-busy'
function busy(scope: PolicyScope): StarlingError {
  return new StarlingError(busyCode, `the policy of ${scope} is changing all the time: try again`)
}

function unknownPolicy(scope: PolicyScope, version?: PolicyVersion): StarlingError {
  return new StarlingError(
    'unknown-policy',
    version === undefined
      ? `${scope} has no policy yet: make a version with "starling-coordinator policy set"`
      : `${scope} has no version ${version}: see "starling-coordinator policy history"`
  )
}
