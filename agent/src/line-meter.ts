/**
 * What the WAN line gives, which percentages of policy are of: the best few seconds seen while no limit of ours held downloads back.
 * While one does nothing is learnt, or a share of a share of a share would be left.
 */
import { secondMs, type Bytes, type BytesPerSecond, type Millis } from '@starling/shared/units.ts'

export interface LineMeter {
  /** @param bytes came over the WAN since the agent started */
  note(bytes: Bytes, isLimited: boolean, now: Millis): void
  /** Null: nothing is known yet. */
  readonly bytesPerSecond: BytesPerSecond | null
}

/** Shorter looks would take a burst out of a buffer for the line. */
const lookMsMin: Millis = 4 * secondMs
/** Below that somebody looked at a page, and nothing was downloaded. */
const worthwhileBytes: Bytes = 1_000_000

/** @param kept what an earlier life found */
export function createLineMeter(kept: unknown): LineMeter {
  let best = typeof kept === 'number' && kept > 0 ? kept : null
  let since: { readonly bytes: Bytes; readonly at: Millis } | null = null
  return {
    note(bytes, isLimited, now) {
      if (isLimited || since === null) {
        since = isLimited ? null : { bytes, at: now }
        return
      }
      const ms = now - since.at
      if (ms < lookMsMin) return
      const came = bytes - since.bytes
      since = { bytes, at: now }
      if (came >= worthwhileBytes) best = Math.max(best ?? 0, Math.round((came * secondMs) / ms))
    },
    get bytesPerSecond() {
      return best
    }
  }
}
