/** All that can happen to rollouts, and all that they decide by themselves. What an admin decides comes as a `scope`. */
import type { AgentId } from '@starling/shared/ids.ts'
import type { PolicyScope, ScopedMember } from '@starling/shared/policy-scope.ts'
import type { Millis } from '@starling/shared/units.ts'
import type { ScopePolicy, Standing } from '@starling/shared/rollout-plan.ts'

export type RolloutEvent =
  /** Loaded at start, or changed by whomever. */
  | { readonly type: 'scope'; readonly policy: ScopePolicy }
  /** Enrolled, loaded at start, or moved. */
  | ({ readonly type: 'member' } & ScopedMember)
  | { readonly type: 'gone'; readonly agent: AgentId }
  | {
      readonly type: 'heard'
      readonly agent: AgentId
      /** Of the coordinator that heard it; not after now. */
      readonly at: Millis
      readonly standing: Standing
      /** Since the agent's program started. */
      readonly downloads: number
      readonly errors: number
    }
  | { readonly type: 'woke' }

export interface RolloutEffect {
  readonly type: 'decided'
  readonly scope: PolicyScope
  readonly what: 'advanced' | 'paused' | 'rolled-back' | 'done'
  readonly why: string
  /** To be written down and told, if the scope's policy is still `before`; else the change comes as a `scope`. */
  readonly before: ScopePolicy
  readonly after: ScopePolicy
}
