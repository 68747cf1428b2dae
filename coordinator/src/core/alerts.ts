/**
 * When something of the fleet becomes an alert, and when it is over. A rule is about one figure of a site. It fires when the
 * figure has been at its threshold for a time, and is over when it has been below a lower mark for as long, so that what
 * wavers about the threshold is one alert and not twenty. What is not measured stays as it is: silence is no recovery.
 */
import type { SiteId } from '@starling/shared/ids.ts'
import { minuteMs, type Millis } from '@starling/shared/units.ts'

export interface AlertRule {
  readonly id: string
  readonly summary: string
  readonly threshold: number
  /** Below it, not at it. */
  readonly clearsBelow: number
  readonly forMs: Millis
}

export const alertRules: readonly AlertRule[] = [
  {
    id: 'gateways-away',
    summary: 'gateways of the site that are not heard',
    threshold: 1,
    clearsBelow: 1,
    forMs: 5 * minuteMs
  },
  {
    id: 'download-errors',
    summary: 'share of downloads that failed',
    threshold: 0.15,
    clearsBelow: 0.1,
    forMs: 5 * minuteMs
  },
  {
    id: 'wan-amplification',
    summary: 'copies over the WAN of what is new to the site',
    threshold: 2,
    clearsBelow: 1.5,
    forMs: 30 * minuteMs
  },
  {
    id: 'low-disk',
    summary: 'share of agents that are short of disk',
    threshold: 0.1,
    clearsBelow: 0.08,
    forMs: 15 * minuteMs
  },
  {
    id: 'clock-skew',
    summary: 'share of agents whose clock is wrong',
    threshold: 0.1,
    clearsBelow: 0.08,
    forMs: 15 * minuteMs
  },
  {
    id: 'unreachable',
    summary: 'share of agents that no one can dial',
    threshold: 0.1,
    clearsBelow: 0.08,
    forMs: 15 * minuteMs
  },
  {
    id: 'no-multicast',
    summary: 'share of agents that multicast does not reach',
    threshold: 0.2,
    clearsBelow: 0.15,
    forMs: 15 * minuteMs
  },
  {
    id: 'slow-link',
    summary: 'share of agents whose downloads are far slower than those of others',
    threshold: 0.2,
    clearsBelow: 0.15,
    forMs: 15 * minuteMs
  },
  {
    id: 'old-version',
    summary: 'share of agents that have been behind the newest version for two weeks',
    threshold: 0.2,
    clearsBelow: 0.15,
    forMs: 15 * minuteMs
  }
]

export interface Measurement {
  readonly rule: string
  readonly site: SiteId
  readonly value: number
}

export interface Alert {
  /** `rule/site`: there is one at a time. */
  readonly id: string
  readonly rule: string
  readonly site: SiteId
  readonly state: 'pending' | 'firing' | 'resolved'
  /** Since when the figure is on the other side of its mark; null: it is where the state says. */
  readonly turnedAt: Millis | null
  readonly value: number
  readonly firedAt: Millis | null
  readonly resolvedAt: Millis | null
  readonly acknowledgedAt: Millis | null
  readonly acknowledgedBy: string | null
}

/** @returns the alerts that are different now; pending ones that came to nothing are null */
export function stepAlerts(
  known: ReadonlyMap<string, Alert>,
  measured: readonly Measurement[],
  rules: readonly AlertRule[],
  now: Millis
): Map<string, Alert | null> {
  const changed = new Map<string, Alert | null>()
  for (const { rule: name, site, value } of measured) {
    const rule = rules.find(({ id }) => id === name)
    if (rule === undefined) continue
    const id = `${name}/${site}`
    const before = known.get(id) ?? null
    const after = stepped(before, { id, rule, site, value }, now)
    if (after !== before) changed.set(id, after)
  }
  return changed
}

function stepped(
  before: Alert | null,
  { id, rule, site, value }: { id: string; rule: AlertRule; site: SiteId; value: number },
  now: Millis
): Alert | null {
  if (before?.state === 'firing') {
    if (value >= rule.clearsBelow)
      return before.turnedAt === null ? before : { ...before, turnedAt: null, value }
    const turnedAt = before.turnedAt ?? now
    if (now - turnedAt >= rule.forMs)
      return { ...before, state: 'resolved', turnedAt: null, resolvedAt: now, value }
    return before.turnedAt === null ? { ...before, turnedAt } : before
  }
  if (value < rule.threshold) return before?.state === 'pending' ? null : before
  const pending: Alert =
    before?.state === 'pending'
      ? before
      : {
          id,
          rule: rule.id,
          site,
          state: 'pending',
          turnedAt: now,
          value,
          firedAt: null,
          resolvedAt: null,
          acknowledgedAt: null,
          acknowledgedBy: null
        }
  return now - (pending.turnedAt ?? now) >= rule.forMs
    ? { ...pending, state: 'firing', turnedAt: null, firedAt: now, value }
    : pending
}
