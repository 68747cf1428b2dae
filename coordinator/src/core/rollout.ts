/**
 * Watches the rollouts that are on and decides: the next stage, a pause, or back. One machine for all scopes, run by
 * the coordinator that leads. What must survive it is in the scopes' policies (rollout-plan.ts); what it has seen of
 * the agents, their next heartbeats tell again.
 */
import type { AgentId } from '@starling/shared/ids.ts'
import type { Machine } from '@starling/shared/machine.ts'
import { concerns, type PolicyScope, type ScopedMember } from '@starling/shared/policy-scope.ts'
import { secondMs, type Millis } from '@starling/shared/units.ts'
import type { RolloutEffect, RolloutEvent } from './rollout-events.ts'
import {
  DownloadWindow,
  isEnough,
  judge,
  nobodyHeard,
  lostAfterMs,
  windowMs,
  type Figures,
  type Reached
} from './rollout-health.ts'
import {
  advance,
  isActive,
  isReached,
  pause,
  rollBack,
  type Rollout,
  type ScopePolicy,
  type Standing
} from '@starling/shared/rollout-plan.ts'

/** A judgement looks at every agent once; nothing changes so fast that it were too late then. */
export const judgeEveryMs: Millis = 5 * secondMs
/** Nobody at all was heard of for longer than heartbeats are apart: then it was us who did not hear. */
const hushMs: Millis = 45 * secondMs
/** Of those who are there, so many must have answered before their silence stops being news. */
const answeredShareMin = 0.5

interface Agent extends ScopedMember {
  heardAt: Millis
  standing: Standing
  downloads: number
  errors: number
  /** When it fell silent; null: it is there. */
  lostAt: Millis | null
}

interface Watch {
  policy: ScopePolicy & { readonly rollout: Rollout }
  reached: DownloadWindow
  others: DownloadWindow
  /** The last that were enough to compare with. */
  othersLast: Figures | null
}

export interface RolloutView {
  readonly scope: PolicyScope
  readonly reached: Reached
  readonly others: Figures | null
  /** Why it does not go on by itself; null: it does when its time has come. */
  readonly held: string | null
}

export interface RolloutCore extends Machine<RolloutEvent, RolloutEffect> {
  /** For looking, not for changing. */
  view(scope: PolicyScope, now: Millis): RolloutView | null
}

export function createRolloutCore(): RolloutCore {
  const members = new Map<AgentId, ScopedMember>()
  const heard = new Map<AgentId, Agent>()
  const watches = new Map<PolicyScope, Watch>()
  let judgedAt: Millis | null = null
  /** Silence from before counts from then on: nobody listened, or nobody could be heard. */
  let listeningSince: Millis = 0
  let heardTo: Millis | null = null

  function takeScope(policy: ScopePolicy, now: Millis): void {
    const { scope, rollout } = policy
    if (!isActive(rollout)) {
      watches.delete(scope)
      if (watches.size === 0) judgedAt = null
      return
    }
    if (judgedAt === null) listeningSince = now
    const known = watches.get(scope)
    if (known?.policy.rollout.id === rollout.id) {
      // What was seen before a pause is old: it would be paused for it again.
      if (known.policy.rollout.phase.kind === 'paused' && rollout.phase.kind === 'running')
        [known.reached, known.others] = [new DownloadWindow(), new DownloadWindow()]
      known.policy = { ...policy, rollout }
    } else
      watches.set(scope, {
        policy: { ...policy, rollout },
        reached: new DownloadWindow(),
        others: new DownloadWindow(),
        othersLast: null
      })
    // The first look comes when heartbeats had time to come.
    judgedAt ??= now
  }

  function takeHeard(event: RolloutEvent & { type: 'heard' }, now: Millis): void {
    const member = members.get(event.agent)
    if (member === undefined || event.at + lostAfterMs + windowMs <= now) return
    const before = heard.get(event.agent)
    if (before !== undefined && event.at <= before.heardAt) return
    if (heardTo !== null && event.at > heardTo + hushMs) listeningSince = event.at
    heardTo = Math.max(heardTo ?? event.at, event.at)
    const { at, standing, downloads, errors } = event
    heard.set(event.agent, { ...member, heardAt: at, standing, downloads, errors, lostAt: null })
    if (before === undefined) return
    // A program that was restarted counts from nothing again.
    const restarted = downloads < before.downloads || errors < before.errors
    const [more, failed] = restarted
      ? [downloads, errors]
      : [downloads - before.downloads, errors - before.errors]
    if (more === 0 && failed === 0) return
    for (const watch of watches.values()) {
      const { scope, rollout } = watch.policy
      if (!concerns(scope, member)) continue
      if (!isReached(rollout, member)) watch.others.add(more, failed, now)
      // What it did before it had the policy is nobody's.
      else if (before.standing.kind === 'has' && standing.kind === 'has') watch.reached.add(more, failed, now)
    }
  }

  /** An agent is silent while others are heard: when nobody is, it says nothing of them. */
  function noteSilence(now: Millis): void {
    for (const agent of heard.values()) {
      const since = Math.max(agent.heardAt, listeningSince)
      if (agent.lostAt === null && since + lostAfterMs <= (heardTo ?? now))
        agent.lostAt = agent.heardAt + lostAfterMs
      else if (agent.lostAt !== null && agent.lostAt + windowMs <= now) heard.delete(agent.agent)
    }
  }

  function figuresOf(watch: Watch, now: Millis): { reached: Reached; others: Figures; awaited: number } {
    const { scope, rollout } = watch.policy
    const reached = { present: 0, lost: 0, applied: 0, refused: 0, refusal: '', ...watch.reached.sum(now) }
    const others = { present: 0, lost: 0, ...watch.others.sum(now) }
    let awaited = 0
    for (const agent of heard.values()) {
      if (!concerns(scope, agent) || agent.standing.kind === 'unaware') continue
      const isIn = isReached(rollout, agent)
      const side = isIn ? reached : others
      // Who was gone before the stage began did not go because of it.
      if (agent.lostAt === null) side.present++
      else if (!isIn || agent.lostAt > rollout.stageSince) side.lost++
      if (!isIn) continue
      switch (agent.standing.kind) {
        case 'has':
          reached.applied++
          break
        case 'refused':
          reached.refused++
          reached.refusal = agent.standing.reason
          break
        case 'awaited':
          if (agent.lostAt === null) awaited++
          break
      }
    }
    return { reached, others, awaited }
  }

  function look(watch: Watch, now: Millis): RolloutView & { readonly effect: RolloutEffect | null } {
    const { policy } = watch
    const { scope, rollout } = policy
    const { reached, others, awaited } = figuresOf(watch, now)
    if (isEnough(others)) watch.othersLast = others
    const compared = watch.othersLast
    const isHush = heardTo === null || heardTo + lostAfterMs <= now
    const verdict = isHush ? nobodyHeard : judge(reached, compared)
    const seen = { scope, reached, others: compared }
    const decided = (what: RolloutEffect['what'], why: string, after: ScopePolicy) => ({
      ...seen,
      held: null,
      effect: { type: 'decided', scope, what, why, before: policy, after } as const
    })

    if (verdict.kind === 'worse') return decided('rolled-back', verdict.why, rollBack(policy, verdict.why))
    if (rollout.phase.kind === 'paused') return { ...seen, held: rollout.phase.why, effect: null }
    if (verdict.kind === 'stop') return decided('paused', verdict.why, pause(policy, verdict.why))
    const held =
      whyHeld(watch, { ...reached, awaited }, now) ?? (verdict.kind === 'unclear' ? verdict.why : null)
    const { holdMs } = rollout.stages[rollout.stage]!
    // Where an admin is to say when it goes on, he is waited for: members may come.
    const isEmpty = holdMs !== null && !anyone(watch)
    if (!isEmpty && (held !== null || holdMs === null || now < rollout.stageSince + holdMs))
      return { ...seen, held, effect: null }
    const isLast = rollout.stage === rollout.stages.length - 1
    return decided(
      isLast ? 'done' : 'advanced',
      isEmpty ? 'no agent is in this stage' : 'those who have it fare well',
      advance(policy, now)
    )
  }

  /** Whether the stage has any member, present or not. */
  function anyone({ policy: { scope, rollout } }: Watch): boolean {
    for (const member of members.values()) {
      if (concerns(scope, member) && isReached(rollout, member)) return true
    }
    return false
  }

  function whyHeld(
    { policy: { rollout } }: Watch,
    { present, awaited }: { readonly present: number; readonly awaited: number },
    now: Millis
  ): string | null {
    const { holdMs } = rollout.stages[rollout.stage]!
    if (holdMs === null) return 'it waits for an admin to advance it'
    if (now < rollout.stageSince + holdMs) return null
    if (present === 0) return 'no agent of this stage is there'
    return awaited / present > 1 - answeredShareMin
      ? `${awaited} of the ${present} agents of this stage that are there have not answered yet`
      : null
  }

  return {
    step(event, now) {
      switch (event.type) {
        case 'scope':
          takeScope(event.policy, now)
          return []
        case 'member': {
          const { agent, site, group } = event
          members.set(agent, { agent, site, group })
          const known = heard.get(agent)
          if (known !== undefined) heard.set(agent, { ...known, site, group })
          return []
        }
        case 'gone':
          members.delete(event.agent)
          heard.delete(event.agent)
          return []
        case 'heard':
          takeHeard(event, now)
          return []
        case 'woke':
          break
      }
      if (judgedAt === null || now < judgedAt + judgeEveryMs) return []
      judgedAt = now
      noteSilence(now)
      const effects: RolloutEffect[] = []
      for (const watch of watches.values()) {
        const { effect } = look(watch, now)
        if (effect !== null) effects.push(effect)
      }
      for (const { after } of effects) takeScope(after, now)
      return effects
    },
    wakeAt: () => (judgedAt === null ? null : judgedAt + judgeEveryMs),
    view(scope, now) {
      const watch = watches.get(scope)
      if (watch === undefined) return null
      const { reached, others, held } = look(watch, now)
      return { scope, reached, others, held }
    }
  }
}
