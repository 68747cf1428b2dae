/**
 * How fast: what policy allows at this hour over the WAN and on the LAN, and how much of that downloads in the background
 * may take without being in anybody's way (yielding.ts). Rates over the WAN are told to the shell, which reads no faster;
 * chunks on the LAN are granted one by one (budget.ts).
 */
import { wanRates } from '@starling/shared/policy/core-policy.ts'
import type { LocalTime } from '@starling/shared/policy/hours.ts'
import { minuteMs, type Bytes, type Millis } from '@starling/shared/units.ts'
import { Budget } from './budget.ts'
import type { AgentEffect, CorePolicy, RoundTrip, WanRates } from './events.ts'
import { Yielding } from './yielding.ts'

/** How often the clock of the wall is looked at while hours matter: its hands go in minutes. */
const localTimeMs: Millis = minuteMs

export class Bandwidth {
  readonly lanDown: Budget
  readonly lanUp: Budget
  readonly #policy: () => CorePolicy
  readonly #effect: (effect: AgentEffect) => void
  readonly #yielding = new Yielding()
  #hasBackground = false
  #told: WanRates = { all: null, foreground: null, background: null }
  /** What policy says at this hour; null: to be looked up. */
  #limits: WanRates | null = null
  #localTime: LocalTime | null = null
  #askTimeAt: Millis = 0
  /** When the line is to be measured next; null: a measurement is under way. */
  #measureAt: Millis | null = 0

  constructor(policy: () => CorePolicy, effect: (effect: AgentEffect) => void) {
    this.#policy = policy
    this.#effect = effect
    this.lanDown = new Budget(() => policy().maxLanDownloadBytesPerSecond)
    this.lanUp = new Budget(() => policy().maxLanUploadBytesPerSecond)
  }

  /** What holds over the WAN, as it was told last. */
  get rates(): WanRates {
    return this.#told
  }

  localTime(time: LocalTime): void {
    this.#localTime = time
    this.#limits = null
  }

  policyChanged(): void {
    this.#limits = null
  }

  sampled(roundTrip: RoundTrip | null, bytes: Bytes, now: Millis): void {
    this.#yielding.sample(roundTrip, bytes, this.#policy().maxBackgroundQueueDelayMs, now)
    this.#measureAt = now + this.#yielding.measureAgainMs
  }

  /**
   * Asks for what must be known, and tells rates that have changed.
   * @param url of a background flow that is under way; null: there is none
   * @returns when it wants to be asked again
   */
  advance(url: string | null, now: Millis): Millis | null {
    const policy = this.#policy()
    const hasHours =
      policy.hoursToLimitForegroundDownload.length > 0 || policy.hoursToLimitBackgroundDownload.length > 0
    if (hasHours && this.#askTimeAt <= now) {
      this.#askTimeAt = now + localTimeMs
      this.#effect({ type: 'ask-local-time' })
    }
    const measures = url !== null && policy.maxBackgroundQueueDelayMs > 0
    if (measures) this.#hasBackground = true
    if (measures && this.#measureAt !== null && this.#measureAt <= now) {
      this.#measureAt = null
      this.#effect({ type: 'measure-delay', url })
    }
    this.#limits ??= wanRates(policy, this.#localTime)
    const { all, foreground, background } = this.#limits
    // Between two flows the rate stays, or the next one would begin with a burst.
    const yields = this.#hasBackground && policy.maxBackgroundQueueDelayMs > 0
    const yielding = Math.min(background ?? Infinity, Math.round(this.#yielding.rate))
    this.#tell({ all, foreground, background: yields ? yielding : background })
    const measureAt = measures ? this.#measureAt : null
    if (!hasHours) return measureAt
    return Math.min(measureAt ?? Infinity, this.#askTimeAt)
  }

  #tell(rates: WanRates): void {
    const { all, foreground, background } = this.#told
    if (rates.all === all && rates.foreground === foreground && rates.background === background) return
    this.#told = rates
    this.#effect({ type: 'set-rates', rates })
  }
}
