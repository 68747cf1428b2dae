/** What the parts of the policy service are to each other. */
import type { AgentId } from '@starling/shared/ids.ts'
import type { PolicyScope, ScopedMember } from '@starling/shared/policy-scope.ts'
import type { PolicyVersion, ScopePolicy, Standing } from '@starling/shared/rollout-plan.ts'
import type { PolicyDocument, PolicyReport, SignedPolicy } from '@starling/shared/signed-policy.ts'
import type { Millis } from '@starling/shared/units.ts'

export interface PolicyChange {
  readonly name: string
  /** Left out: it was not set. */
  readonly before?: unknown
  /** Left out: it is not set any more. */
  readonly after?: unknown
}

/** Never changed once it is written. */
export interface PolicyRecord {
  readonly scope: PolicyScope
  readonly version: PolicyVersion
  readonly document: PolicyDocument
  readonly author: string
  readonly reason: string
  readonly createdAt: Millis
  /** Against the version before it. */
  readonly changes: readonly PolicyChange[]
}

/** What a rollout watches of an agent, as it was heard by any coordinator. */
export interface HeardRecord {
  readonly agent: AgentId
  readonly heardAt: Millis
  readonly standing: Standing
  /** Since the agent's program started. */
  readonly downloads: number
  readonly errors: number
}

export interface StoredPolicies {
  /** Grows with each change of any scope, and is never less than the time of the last one. */
  readonly number: number
  readonly scopes: ReadonlyArray<{ readonly policy: ScopePolicy; readonly revision: number }>
}

export interface PolicyStore {
  /** The number of the version is the next of its scope. */
  addVersion(record: Omit<PolicyRecord, 'version'>): Promise<PolicyVersion>
  version(scope: PolicyScope, version: PolicyVersion): Promise<PolicyRecord | null>
  /** The newest first. */
  versions(scope: PolicyScope, countMax: number): Promise<readonly PolicyRecord[]>
  policies(): Promise<StoredPolicies>
  /**
   * Tells all coordinators. @param revision what the change was made from; 0: the scope had no policy yet
   * @returns false when somebody else has changed the scope meanwhile, and nothing was done
   */
  change(after: ScopePolicy, revision: number, at: Millis): Promise<boolean>
  noteHeard(records: readonly HeardRecord[], notedAt: Millis): Promise<void>
  /** What was noted at or after that moment by any coordinator, of agents that belong. */
  heardSince(notedAt: Millis): Promise<ReadonlyArray<HeardRecord & ScopedMember>>
}

/** What agents are told; answers from memory. */
export interface PolicyDesk {
  /** Null: the agent has what it is to have, has refused just that, or did not say what it has. */
  newsFor(member: ScopedMember, report: PolicyReport | undefined): SignedPolicy | null
  standingOf(member: ScopedMember, report: PolicyReport | undefined): Standing
}
