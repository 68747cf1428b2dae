/** All that can happen to rollouts, and all that they decide by themselves. What an admin decides comes as a `scope`. */
import type { AgentId } from '@starling/shared/ids.ts'
import type { PolicyScope, ScopedMember } from '@starling/shared/policy-scope.ts'
import type { Millis } from '@starling/shared/units.ts'
import type { ScopePolicy } from '@starling/shared/rollout-plan.ts'

/** How an agent stands to the policy that it is to have now. */
export type Standing =
  | { readonly kind: 'has' }
  | { readonly kind: 'awaited' }
  | { readonly kind: 'refused'; readonly reason: string }
  /** A program that does not know of policies yet. */
  | { readonly kind: 'unaware' }

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
