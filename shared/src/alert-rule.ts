/** A rule of alerts as it is set, shown and decided by. */
import type { Millis } from './units.ts'

export interface AlertRule {
  readonly id: string
  readonly summary: string
  /** Of the figure: a share from 0 to 1, or a number of gateways or copies. */
  readonly unit: 'share' | 'count' | 'copies'
  readonly threshold: number
  /** It is over below this mark, not at it: what wavers about the threshold is one alert. */
  readonly clearsBelow: number
  /** How long the figure must be on one side, to fire and to be over. */
  readonly forMs: Millis
  readonly enabled: boolean
}

type Settable = Pick<AlertRule, 'threshold' | 'clearsBelow' | 'forMs' | 'enabled'>

export type AlertRuleSetting = Settable & { readonly rule: string }
/** What is left out stays. */
export type AlertRuleChange = { readonly [Name in keyof Settable]?: Settable[Name] | undefined }
