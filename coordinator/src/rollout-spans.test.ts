import type { Span, Spans } from '@starling/agent/telemetry/spans.ts'
import { advance, begin, pause, rollBack, type ScopePolicy } from '@starling/shared/rollout-plan.ts'
import { expect, it } from 'vitest'
import { createRolloutSpans } from './rollout-spans.ts'

/** Spans that are kept, as lines: what, within what, from when to when, and why it failed. */
function kept(): { spans: Spans; ended: string[]; open: () => number } {
  const ended: string[] = []
  const names = new Map<Span, string>()
  let count = 0
  const spans: Spans = {
    areTold: true,
    begin(name, { parent, at, facts } = {}) {
      const stage = facts?.['starling.stage']
      const called = stage === undefined ? name : `stage ${String(stage)}`
      const inside = parent == null ? '' : ` in ${names.get(parent)}`
      count++
      const span: Span = {
        note() {},
        end(failure, endedAt) {
          count--
          ended.push(`${called}${inside} ${at}-${endedAt} ${failure ?? 'fine'}`)
        }
      }
      names.set(span, called)
      return span
    },
    within: (_, work) => work(),
    current: () => null,
    close: async () => {}
  }
  return { spans, ended, open: () => count }
}

const stages = [10, 100].map(percent => ({ who: { percent }, holdMs: 1000 }))
const before: ScopePolicy = { scope: 'fleet', current: 1, rollout: null }
const started = begin(before, { id: 'fleet/2/0', to: 2, stages }, 0)

it('a rollout is a span, and each of its stages one within', () => {
  const { spans, ended, open } = kept()
  const told = createRolloutSpans(spans)
  const second = advance(started, 10)
  told.see(before, 0)
  told.see(started, 0)
  told.see(started, 5)
  told.see(second, 10)
  told.see(advance(second, 20), 20)
  told.see(advance(second, 20), 25)
  expect(ended).toEqual([
    'stage 1 in policy rollout 0-10 fine',
    'stage 2 in policy rollout 10-20 fine',
    'policy rollout 0-20 fine'
  ])
  expect(open()).toBe(0)
})

it('one that is rolled back says why, and a pause ends nothing', () => {
  const { spans, ended, open } = kept()
  const told = createRolloutSpans(spans)
  told.see(started, 0)
  told.see(pause(started, 'nobody to compare with'), 3)
  expect(ended).toEqual([])
  told.see(rollBack(started, 'errors'), 7)
  expect(ended).toEqual(['stage 1 in policy rollout 0-7 errors', 'policy rollout 0-7 errors'])
  expect(open()).toBe(0)
})

it('nothing is left open where another coordinator goes on', () => {
  const { spans, open } = kept()
  const told = createRolloutSpans(spans)
  told.see(started, 0)
  told.end()
  expect(open()).toBe(0)
})
