/**
 * Alerts at work, by the one coordinator that leads: measures the sites once a minute, lets the core decide, and tells the
 * webhook. What was told stands in the database, so that whoever leads next tells neither twice nor never; what failed is
 * told again after a minute, two, four, at last once an hour.
 */
import type { AlertRule } from '@starling/shared/alert-rule.ts'
import { fleetProblems } from '@starling/shared/fleet-problems.ts'
import { StarlingError, assert, messageOf } from '@starling/shared/errors.ts'
import { dayMs, GiB, hourMs, minuteMs, type Bytes, type Millis } from '@starling/shared/units.ts'
import type { Log } from '../log.ts'
import type { AlertDecisions, Change, Measurement } from '../ports.ts'
import type {
  Alerting,
  AlertRuleStore,
  AlertStore,
  AlertWord,
  FleetView,
  SeriesStore,
  Webhook
} from '../fleet-ports.ts'

const errorsWindowMs: Millis = 15 * minuteMs
/** Of fewer, one that fails is no share. */
const downloadsMin = 20
/** Of less, a copy more or less tells nothing. */
const freshBytesMin: Bytes = GiB
/** A share of fewer agents is one machine's trouble. */
const agentsMin = 5
const keptMs: Millis = 30 * dayMs
const retryMsMax: Millis = hourMs

export interface AlertingParts {
  readonly store: AlertStore
  readonly ruleStore: Pick<AlertRuleStore, 'set'>
  readonly change: Change
  readonly series: Pick<SeriesStore, 'totals'>
  readonly view: Pick<FleetView, 'sites'>
  readonly decide: AlertDecisions
  readonly webhook: () => Promise<Webhook | null>
  readonly send: (webhook: Webhook, word: AlertWord) => Promise<void>
  readonly clock: () => Millis
  readonly log: Log
}

export function createAlerting(parts: AlertingParts): Alerting {
  const { store, series, view, decide, change, log } = parts
  const now = (): Millis => Math.floor(parts.clock())
  const rulesNow = async (): Promise<AlertRule[]> => decide.alertRulesWith(await parts.ruleStore.set())

  async function measure(): Promise<Measurement[]> {
    const recent = await series.totals('minute', now() - errorsWindowMs)
    const { sites } = await view.sites()
    return sites.flatMap(({ site, agents, gateways, gatewaysOnline, problems, day, amplification }) => {
      const { downloads = 0, errors = 0 } = recent.get(site) ?? {}
      const share = (problem: string): number => (agents < agentsMin ? 0 : (problems[problem] ?? 0) / agents)
      return [
        { rule: 'gateways-away', site, value: gateways - gatewaysOnline },
        ...fleetProblems.map(problem => ({ rule: problem, site, value: share(problem) })),
        { rule: 'download-errors', site, value: downloads < downloadsMin ? 0 : errors / downloads },
        { rule: 'wan-amplification', site, value: day.fresh < freshBytesMin ? 0 : (amplification ?? 0) }
      ]
    })
  }

  async function tell(webhook: Webhook, rules: readonly AlertRule[]): Promise<void> {
    for (const alert of await store.alerts()) {
      const { id, rule, site, state, told, value, attempts, nextAt } = alert
      // What was over before it could be told is told all the same: somebody will ask what that was.
      if (state === 'pending' || state === told || nextAt > now()) continue
      const summary = rules.find(one => one.id === rule)?.summary ?? rule
      const at = (state === 'firing' ? alert.firedAt : alert.resolvedAt) ?? now()
      try {
        await parts.send(webhook, { id, rule, site, state, value, summary, at })
        await store.told(id, state)
      } catch (error) {
        log.warn({ alert: id, why: messageOf(error) }, 'an alert could not be told; it is tried again')
        await store.tellLater(id, attempts + 1, now() + Math.min(retryMsMax, minuteMs * 2 ** attempts))
      }
    }
  }

  return {
    list: () => store.alerts(),
    async acknowledge(id, by) {
      await change(by, async ({ alerts }) => {
        if (!(await alerts.acknowledge(id, by.actor, now())))
          throw new StarlingError('unknown-alert', `no alert ${id} fires: see "starling-coordinator alerts"`)
        return { result: undefined, target: id }
      })
    },
    rules: rulesNow,
    async setRule(id, wanted, by) {
      return await change(by, async ({ alertRules }) => {
        const set = await alertRules.set()
        const after = decide.changedRule(decide.alertRulesWith(set), id, wanted ?? {})
        if (wanted === null) await alertRules.reset(id)
        else await alertRules.put(after)
        const result = decide.alertRulesWith(await alertRules.set()).find(rule => rule.id === id)
        assert(result, 'changedRule knew it')
        return { result, target: id, detail: said(result) }
      })
    },
    async work() {
      const known = new Map(
        (await store.alerts()).map(({ told: _, attempts: __, nextAt: ___, ...alert }) => [alert.id, alert])
      )
      const rules = await rulesNow()
      for (const [id, alert] of decide.stepAlerts(known, await measure(), rules, now())) {
        if (alert === null) await store.remove(id)
        else await store.put(alert)
        if (alert !== null && alert.state !== 'pending' && alert.state !== known.get(id)?.state)
          log.warn({ alert: id, value: alert.value }, `alert ${alert.state}`)
      }
      await store.pruneAlerts(now() - keptMs)
      const webhook = await parts.webhook()
      if (webhook !== null) await tell(webhook, rules)
    }
  }
}

/** For the audit log. */
function said({ enabled, threshold, clearsBelow, forMs }: AlertRule): string {
  return `${enabled ? 'on' : 'off'}, fires at ${threshold}, over below ${clearsBelow}, after ${forMs / minuteMs} min`
}
