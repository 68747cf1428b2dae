/**
 * The rules that the agent's core decides by, as numbers in its own units: what effective.ts makes of a policy for one machine. Rates of 0
 * mean no limit.
 */
import type { BytesPerSecond, Millis } from '../units.ts'
import { rateAt, type LocalTime } from './hours.ts'

export interface CorePolicy {
  /** Upstream flows of one transfer that this agent runs at a time; a gateway uses the site's. */
  readonly upstreamSlots: number
  readonly siteUpstreamSlots: number
  readonly uploadSlots: number
  /** Chunk requests in flight to peers, over all transfers. */
  readonly downloadSlots: number
  /** A waiting client's chunk may be fetched out of turn after so long without progress. */
  readonly delayForegroundDownloadFromHttpMs: Millis
  readonly delayBackgroundDownloadFromHttpMs: Millis
  /** Foreground and background together. */
  readonly maxWanDownloadBytesPerSecond: BytesPerSecond
  readonly maxForegroundDownloadBytesPerSecond: BytesPerSecond
  readonly maxBackgroundDownloadBytesPerSecond: BytesPerSecond
  /** As hours.ts reads them. */
  readonly hoursToLimitForegroundDownload: readonly string[]
  readonly hoursToLimitBackgroundDownload: readonly string[]
  /** 0: downloads in the background yield to nothing. */
  readonly maxBackgroundQueueDelayMs: Millis
  readonly maxLanDownloadBytesPerSecond: BytesPerSecond
  readonly maxLanUploadBytesPerSecond: BytesPerSecond
  /** May this agent use the WAN at all, and how willing is it: 0 to 1000, told in `interested`. */
  readonly upstreamWeight: number
}

/** Null: as fast as they come. */
export interface WanRates {
  /** Of both together. */
  readonly all: BytesPerSecond | null
  readonly foreground: BytesPerSecond | null
  readonly background: BytesPerSecond | null
}

/** What policy allows over the WAN at a moment; until the time is known, the strictest of the week. */
export function wanRates(policy: CorePolicy, time: LocalTime | null): WanRates {
  return {
    all: rateAt([], policy.maxWanDownloadBytesPerSecond, time),
    foreground: rateAt(
      policy.hoursToLimitForegroundDownload,
      policy.maxForegroundDownloadBytesPerSecond,
      time
    ),
    background: rateAt(
      policy.hoursToLimitBackgroundDownload,
      policy.maxBackgroundDownloadBytesPerSecond,
      time
    )
  }
}
