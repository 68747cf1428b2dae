/**
 * How a version of a scope's policy reaches its agents: in stages, each holding for a while before the next. This is
 * the whole of what is written down, plain data and its transitions, so that any coordinator may carry on where
 * another one was killed.
 *
 * Who is in a stage follows from the agent's id and the rollout's, not from a list: it is the same on every
 * coordinator and after every restart, an agent that joins in the middle has its place, and the next rollout begins
 * with other machines.
 */
import type { AgentId, SiteId } from './ids.ts'
import { concerns, type PolicyScope, type ScopedMember } from './policy-scope.ts'
import { hash32 } from './prng.ts'
import type { Millis } from './units.ts'

/** Counts up within its scope, from 1. */
export type PolicyVersion = number

export type StageMembers =
  | { readonly percent: number }
  | { readonly sites: readonly SiteId[] }
  | { readonly groups: readonly string[] }

/** Who has the version in a stage had it in all later ones. */
export interface Stage {
  readonly who: StageMembers
  /** How long it is watched before the next one begins by itself; null: until an admin says so. */
  readonly holdMs: Millis | null
}

export type RolloutPhase =
  | { readonly kind: 'running' }
  | { readonly kind: 'paused'; readonly why: string }
  | { readonly kind: 'done' }
  | { readonly kind: 'rolled-back'; readonly why: string }

export interface Rollout {
  /** Unique in the fleet; decides who is early. */
  readonly id: string
  readonly to: PolicyVersion
  /** The last is of 100 percent. */
  readonly stages: readonly Stage[]
  /** Index of the one that is on. */
  readonly stage: number
  /** When it began, or was resumed: what was seen before a pause is old. */
  readonly stageSince: Millis
  readonly phase: RolloutPhase
}

/** What holds in a scope now. */
export interface ScopePolicy {
  readonly scope: PolicyScope
  /** For those whom the rollout has not reached; null: nothing is said to them. */
  readonly current: PolicyVersion | null
  /** The one that is on, or the last one. */
  readonly rollout: Rollout | null
}

/** How an agent stands to the policy that it is to have now. */
export type Standing =
  | { readonly kind: 'has' }
  | { readonly kind: 'awaited' }
  | { readonly kind: 'refused'; readonly reason: string }
  /** A program that does not know of policies yet. */
  | { readonly kind: 'unaware' }

export const wholeScope: StageMembers = { percent: 100 }

export function isActive(rollout: Rollout | null): rollout is Rollout {
  return rollout !== null && (rollout.phase.kind === 'running' || rollout.phase.kind === 'paused')
}

/** Whether the rollout has come to this agent of its scope. */
export function isReached(rollout: Rollout, member: ScopedMember): boolean {
  return rollout.stages.slice(0, rollout.stage + 1).some(({ who }) => isOfStage(who, rollout.id, member))
}

function isOfStage(who: StageMembers, id: string, { agent, site, group }: ScopedMember): boolean {
  if ('sites' in who) return who.sites.includes(site)
  if ('groups' in who) return group !== null && who.groups.includes(group)
  return placeOf(agent, id) < who.percent
}

/** 0 <= place < 100. */
function placeOf(agent: AgentId, id: string): number {
  return (hash32(agent, hash32(id)) / 0x1_0000_0000) * 100
}

/** Null: the scope says nothing to this agent. */
export function versionFor(
  { scope, current, rollout }: ScopePolicy,
  member: ScopedMember
): PolicyVersion | null {
  if (!concerns(scope, member)) return null
  return isActive(rollout) && isReached(rollout, member) ? rollout.to : current
}

// ------------------------------------------------------------------------------------------------- transitions

/** One that is on is left where it is: those who have its version get the new one when their stage comes. */
export function begin(
  before: ScopePolicy,
  { id, to, stages }: Pick<Rollout, 'id' | 'to' | 'stages'>,
  now: Millis
): ScopePolicy {
  return { ...before, rollout: { id, to, stages, stage: 0, stageSince: now, phase: { kind: 'running' } } }
}

/** To the next stage; after the last one the version is the scope's. */
export function advance(before: ScopePolicy, now: Millis): ScopePolicy {
  const { rollout } = before
  if (!isActive(rollout)) return before
  if (rollout.stage === rollout.stages.length - 1)
    return { ...before, current: rollout.to, rollout: { ...rollout, phase: { kind: 'done' } } }
  return {
    ...before,
    rollout: { ...rollout, stage: rollout.stage + 1, stageSince: now, phase: { kind: 'running' } }
  }
}

export function pause(before: ScopePolicy, why: string): ScopePolicy {
  const { rollout } = before
  return isActive(rollout) ? { ...before, rollout: { ...rollout, phase: { kind: 'paused', why } } } : before
}

export function resume(before: ScopePolicy, now: Millis): ScopePolicy {
  const { rollout } = before
  if (!isActive(rollout)) return before
  return { ...before, rollout: { ...rollout, stageSince: now, phase: { kind: 'running' } } }
}

/** To what held before, or to any other version, for everybody and at once. */
export function rollBack(
  before: ScopePolicy,
  why: string,
  to: PolicyVersion | null = before.current
): ScopePolicy {
  const { rollout } = before
  return {
    ...before,
    current: to,
    rollout: isActive(rollout) ? { ...rollout, phase: { kind: 'rolled-back', why } } : rollout
  }
}
