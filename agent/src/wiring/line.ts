/** Looks at what comes over the WAN line, for the line meter. */
import { secondMs, type Millis } from '@starling/shared/units.ts'
import type { LineMeter } from '../line-meter.ts'
import type { PolicyState } from '../policy-state.ts'
import type { ByteCounters } from '../ports.ts'

/** A download of ten seconds has one whole look in it. */
const lineLookMs: Millis = 5 * secondMs

/** @returns what ends it */
export function watchLine(
  meter: LineMeter,
  totals: () => Readonly<ByteCounters>,
  policy: Pick<PolicyState, 'now'>
): () => void {
  const timer = setInterval(() => {
    const { all, foreground, background } = policy.now().rates
    const isLimited = all !== null || foreground !== null || background !== null
    meter.note(totals().fromUpstream, isLimited, Date.now())
  }, lineLookMs)
  timer.unref()
  return () => {
    clearInterval(timer)
  }
}
