import type { AlertRule } from '@starling/shared/alert-rule.ts'
import { minuteMs } from '@starling/shared/units.ts'
import { expect, it } from 'vitest'
import { stepAlerts, type Alert } from './alerts.ts'

const rule: AlertRule = {
  id: 'r',
  summary: '',
  unit: 'count',
  threshold: 10,
  clearsBelow: 5,
  forMs: 5 * minuteMs,
  enabled: true
}

/** One value a minute; null: not measured. @returns what was said, with the minute */
function play(values: ReadonlyArray<number | null>): string[] {
  const known = new Map<string, Alert>()
  return values.flatMap((value, minute) => {
    const measured = value === null ? [] : [{ rule: 'r', site: 's', value }]
    return [...stepAlerts(known, measured, [rule], minute * minuteMs)].flatMap(([id, alert]) => {
      const before = known.get(id)?.state
      if (alert === null) known.delete(id)
      else known.set(id, alert)
      return alert === null || alert.state === before ? [] : [`${minute} ${alert.state}`]
    })
  })
}
const times = (count: number, value: number | null) => Array.from({ length: count }, () => value)

it('fires after a time at the threshold, once, and is over after as long below the lower mark', () => {
  expect(play([...times(20, 10), ...times(10, 4)])).toEqual(['0 pending', '5 firing', '25 resolved'])
})
it('does not fire for what passes, nor counts two short times together', () => {
  expect(play([...times(5, 10), 9, ...times(5, 10), 0])).toEqual(['0 pending', '6 pending'])
})
it('stays one alert while the figure wavers between the marks', () => {
  expect(play([...times(6, 10), 9, 4, 11, 6, 4, 4, 4, 4, 7])).toEqual(['0 pending', '5 firing'])
})
it('is not over because nothing is measured', () => {
  expect(play([...times(6, 10), ...times(60, null)])).toEqual(['0 pending', '5 firing'])
})
it('fires again when it comes back', () => {
  expect(play([...times(6, 10), ...times(6, 0), ...times(6, 10)])).toEqual([
    '0 pending',
    '5 firing',
    '11 resolved',
    '12 pending',
    '17 firing'
  ])
})
it('is over at once when its rule is switched off, and one that was about to fire is forgotten', () => {
  const alert = (state: Alert['state']): Alert => ({
    id: `r/${state}`,
    rule: 'r',
    site: state,
    state,
    turnedAt: 1,
    value: 10,
    firedAt: null,
    resolvedAt: null,
    acknowledgedAt: null,
    acknowledgedBy: null
  })
  const known = new Map(
    (['pending', 'firing', 'resolved'] as const).map(state => [`r/${state}`, alert(state)])
  )
  const measured = [{ rule: 'r', site: 'pending', value: 20 }]
  for (const rules of [[{ ...rule, enabled: false }], []])
    expect([...stepAlerts(known, measured, rules, 5)]).toEqual([
      ['r/pending', null],
      ['r/firing', { ...alert('firing'), state: 'resolved', turnedAt: null, resolvedAt: 5 }]
    ])
  expect([...stepAlerts(known, [], [rule], 5)]).toEqual([])
})
