import { minuteMs } from '@starling/shared/units.ts'
import { expect, it } from 'vitest'
import { alertRulesWith, changedRule } from './alert-rules.ts'

const rules = alertRulesWith([])
const refusal = (id: string, change: object): unknown => {
  try {
    return changedRule(rules, id, change)
  } catch (error) {
    return (error as { code: string }).code
  }
}

it('each rule can be met, and is over below it', () => {
  for (const { threshold, clearsBelow, unit } of rules) {
    expect(clearsBelow).toBeLessThanOrEqual(threshold)
    expect(unit === 'share' ? threshold : 0).toBeLessThanOrEqual(1)
  }
})
it('what is not said of a rule stays, and the lower mark keeps its proportion', () => {
  const set = changedRule(rules, 'low-disk', { threshold: 0.2 })
  expect(set).toEqual({
    rule: 'low-disk',
    threshold: 0.2,
    clearsBelow: 0.16,
    forMs: 15 * minuteMs,
    enabled: true
  })
  const off = changedRule(alertRulesWith([set]), 'low-disk', { enabled: false })
  expect(off).toEqual({ ...set, enabled: false })
  expect(alertRulesWith([off, { ...off, rule: 'of a newer version' }])).toEqual(
    rules.map(rule =>
      rule.id === 'low-disk' ? { ...rule, threshold: 0.2, clearsBelow: 0.16, enabled: false } : rule
    )
  )
})
it('what could never fire, or never be over, is refused', () => {
  expect(refusal('low-disk', { threshold: 1.1 })).toBe('bad-rule')
  expect(refusal('wan-amplification', { threshold: 3 })).toMatchObject({ threshold: 3, clearsBelow: 2.25 })
  expect(refusal('low-disk', { clearsBelow: 0.2 })).toBe('bad-rule')
  expect(refusal('disk-low', {})).toBe('unknown-rule')
})
