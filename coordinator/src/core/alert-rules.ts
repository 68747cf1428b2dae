/** The rules of alerts as they are until an admin changes one, and what such a change may be. */
import type { AlertRule, AlertRuleChange, AlertRuleSetting } from '@starling/shared/alert-rule.ts'
import { StarlingError } from '@starling/shared/errors.ts'
import { minuteMs } from '@starling/shared/units.ts'

const share = { unit: 'share', forMs: 15 * minuteMs, enabled: true } as const

const usual: readonly AlertRule[] = [
  {
    id: 'gateways-away',
    summary: 'gateways of the site that are not heard',
    unit: 'count',
    threshold: 1,
    clearsBelow: 1,
    forMs: 5 * minuteMs,
    enabled: true
  },
  {
    ...share,
    id: 'download-errors',
    summary: 'share of downloads that failed',
    threshold: 0.15,
    clearsBelow: 0.1,
    forMs: 5 * minuteMs
  },
  {
    id: 'wan-amplification',
    summary: 'copies over the WAN of what is new to the site',
    unit: 'copies',
    threshold: 2,
    clearsBelow: 1.5,
    forMs: 30 * minuteMs,
    enabled: true
  },
  {
    ...share,
    id: 'low-disk',
    summary: 'share of agents that are short of disk',
    threshold: 0.1,
    clearsBelow: 0.08
  },
  {
    ...share,
    id: 'clock-skew',
    summary: 'share of agents whose clock is wrong',
    threshold: 0.1,
    clearsBelow: 0.08
  },
  {
    ...share,
    id: 'unreachable',
    summary: 'share of agents that no one can dial',
    threshold: 0.1,
    clearsBelow: 0.08
  },
  {
    ...share,
    id: 'no-multicast',
    summary: 'share of agents that multicast does not reach',
    threshold: 0.2,
    clearsBelow: 0.15
  },
  {
    ...share,
    id: 'slow-link',
    summary: 'share of agents whose downloads are far slower than those of others',
    threshold: 0.2,
    clearsBelow: 0.15
  },
  {
    ...share,
    id: 'old-version',
    summary: 'share of agents that have been behind the newest version for two weeks',
    threshold: 0.2,
    clearsBelow: 0.15
  }
]

/** @param set what an admin has changed, by rule; of rules that there are no more, nothing is done */
export function alertRulesWith(set: readonly AlertRuleSetting[]): AlertRule[] {
  return usual.map(rule => {
    const { rule: _, ...changes } = set.find(one => one.rule === rule.id) ?? { rule: '' }
    return { ...rule, ...changes }
  })
}

/**
 * @returns all that is to be set from now on. A mark that is not given follows the threshold in the same proportion.
 * @throws StarlingError `unknown-rule`, `bad-rule`
 */
export function changedRule(
  rules: readonly AlertRule[],
  id: string,
  change: AlertRuleChange
): AlertRuleSetting {
  const rule = rules.find(one => one.id === id)
  if (rule === undefined)
    throw new StarlingError(
      'unknown-rule',
      `there is no rule ${id}: "starling-coordinator alerts rules" lists them`
    )
  const threshold = change.threshold ?? rule.threshold
  const clearsBelow = change.clearsBelow ?? (rule.clearsBelow / rule.threshold) * threshold
  if (clearsBelow > threshold)
    throw new StarlingError(
      'bad-rule',
      `an alert of ${id} would be over at once: what it is over below (--clears-below) may be at most the threshold, ${threshold}`
    )
  if (rule.unit === 'share' && threshold > 1)
    throw new StarlingError(
      'bad-rule',
      `${id} is about a share, which never reaches ${threshold}: give a part of 1, such as 0.15`
    )
  return {
    rule: id,
    threshold,
    // 0.1 * 0.8 is not quite 0.08.
    clearsBelow: Number(clearsBelow.toPrecision(12)),
    forMs: change.forMs ?? rule.forMs,
    enabled: change.enabled ?? rule.enabled
  }
}
