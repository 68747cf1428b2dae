/**
 * When something of the fleet becomes an alert, and when it is over. A rule is about one figure of a site. It fires when the
 * figure has been at its threshold for a time, and is over when it has been below a lower mark for as long, so that what
 * wavers about the threshold is one alert and not twenty. What is not measured stays as it is: silence is no recovery. An alert
 * of a rule that is switched off is over at once.
 */
import type { AlertRule } from '@starling/shared/alert-rule.ts'
import type { SiteId } from '@starling/shared/ids.ts'
import type { Millis } from '@starling/shared/units.ts'

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
  for (const alert of known.values()) {
    if (rules.some(({ id, enabled }) => enabled && id === alert.rule)) continue
    if (alert.state === 'pending') changed.set(alert.id, null)
    if (alert.state === 'firing')
      changed.set(alert.id, { ...alert, state: 'resolved', turnedAt: null, resolvedAt: now })
  }
  for (const { rule: name, site, value } of measured) {
    const rule = rules.find(({ id }) => id === name)
    if (rule?.enabled !== true) continue
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
