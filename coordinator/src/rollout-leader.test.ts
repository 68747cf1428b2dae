import { noSpans } from '@starling/agent/telemetry/spans.ts'
import { begin, isActive, rollBack, type ScopePolicy } from '@starling/shared/rollout-plan.ts'
import { expect, it, vi } from 'vitest'
import { createLog } from './log.ts'
import type { PolicyStore, RolloutCore } from './ports.ts'
import { runRollouts } from './rollout-leader.ts'

const stages = [{ who: { percent: 100 }, holdMs: null }]
const running = begin({ scope: 'fleet', current: 1, rollout: null }, { id: 'fleet/2', to: 2, stages }, 0)

/** Rolls back whatever is on, as soon as it is woken, and holds it for done. */
function hastyCore(): RolloutCore {
  let policy: ScopePolicy | null = null
  const isOn = () => policy !== null && isActive(policy.rollout)
  return {
    step(event) {
      if (event.type === 'scope') policy = event.policy
      if (event.type !== 'woke' || policy === null || !isOn()) return []
      const before = policy
      policy = rollBack(before, 'bad')
      return [
        { type: 'decided', scope: 'fleet', what: 'rolled-back', why: 'bad', before, after: policy } as const
      ]
    },
    wakeAt: () => (isOn() ? 0 : null),
    view: () => null
  }
}

/** @param fails how often each of these does not answer */
function started(fails: Partial<Record<'change' | 'policies', number>>) {
  const stored = { policy: running, revision: 4 }
  const left = { change: 0, policies: 0, ...fails }
  const answer = (what: keyof typeof left) => {
    if (left[what]-- > 0) throw new Error('database or disk is full')
  }
  const store = {
    policies: async () => {
      answer('policies')
      return { number: 1, scopes: [{ ...stored, newest: 2 }] }
    },
    change: async (after: ScopePolicy, revision: number) => {
      answer('change')
      if (revision !== stored.revision) return false
      stored.policy = after
      stored.revision++
      return true
    },
    heardSince: async () => [],
    noteHeard: async () => {}
  } satisfies Partial<PolicyStore> as unknown as PolicyStore
  const gone = new AbortController()
  const rollouts = runRollouts(
    {
      store,
      lead(onLeader) {
        onLeader(gone.signal)
        return () => {
          gone.abort()
        }
      },
      onChange: () => () => {},
      createCore: hastyCore,
      anyRollout: () => true,
      members: async () => [],
      note: async () => {},
      log: createLog('silent'),
      clock: () => 1,
      spans: noSpans
    },
    1
  )
  return { stored, rollouts }
}

it.each([
  ['is written down', {}],
  ['is decided again when it could not be written down', { change: 3 }],
  ['is looked after though it could not be read at first', { policies: 3 }]
])('a rollout %s', async (_, fails) => {
  const { stored, rollouts } = started(fails)
  await vi.waitFor(() => {
    expect(stored.policy.rollout?.phase).toEqual({ kind: 'rolled-back', why: 'bad' })
  })
  await rollouts.stop()
})
