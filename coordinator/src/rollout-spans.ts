/**
 * Rollouts as traces: one span for a rollout, in it one for each stage. They are begun where the leader first sees them, so
 * when another coordinator goes on with a rollout that is a trace of its own; `starling.rollout` is the same in both.
 */
import type { Span, Spans } from '@starling/agent/telemetry/spans.ts'
import type { PolicyScope } from '@starling/shared/policy-scope.ts'
import { isActive, type Rollout, type ScopePolicy } from '@starling/shared/rollout-plan.ts'
import type { Millis } from '@starling/shared/units.ts'

export interface RolloutSpans {
  /** How a scope stands now. */
  see(policy: ScopePolicy, now: Millis): void
  /** Somebody else leads from now on. */
  end(): void
}

interface Open {
  readonly rollout: Rollout
  readonly whole: Span
  readonly stage: Span
}

export function createRolloutSpans(spans: Spans): RolloutSpans {
  const open = new Map<PolicyScope, Open>()

  function finish(scope: PolicyScope, { whole, stage }: Open, failure: string | null, now?: Millis): void {
    stage.end(failure, now)
    whole.end(failure, now)
    open.delete(scope)
  }

  return {
    see({ scope, rollout }, now) {
      if (!spans.areTold) return
      const known = open.get(scope)
      const isSame = known?.rollout.id === rollout?.id
      if (known !== undefined && (!isSame || !isActive(rollout))) {
        known.whole.note({ 'starling.rollout.end': rollout?.phase.kind ?? 'gone' })
        const failure = isSame && rollout?.phase.kind === 'rolled-back' ? rollout.phase.why : null
        return finish(scope, known, failure, now)
      }
      if (!isActive(rollout)) return
      if (known?.rollout.stage === rollout.stage) {
        if (rollout.phase.kind === 'paused')
          known.stage.note({ 'starling.rollout.paused': rollout.phase.why })
        return
      }
      known?.stage.end(null, now)
      const facts = {
        'starling.scope': scope,
        'starling.rollout': rollout.id,
        'starling.version': rollout.to
      }
      const whole = known?.whole ?? spans.begin('policy rollout', { facts, at: now })
      const stage = spans.begin('policy rollout stage', {
        parent: whole,
        at: now,
        facts: {
          ...facts,
          'starling.stage': rollout.stage + 1,
          'starling.stages': rollout.stages.length,
          'starling.stage.who': JSON.stringify(rollout.stages[rollout.stage]?.who ?? null)
        }
      })
      open.set(scope, { rollout, whole, stage })
    },
    end() {
      for (const [scope, one] of open) finish(scope, one, null)
    }
  }
}
