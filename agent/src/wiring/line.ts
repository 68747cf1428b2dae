/** Looks at what comes over the WAN line and over the LAN, for their meters. */
import { secondMs, type Millis } from '@starling/shared/units.ts'
import type { LineMeter } from '../line-meter.ts'
import type { PolicyState } from '../policy-state.ts'
import type { ByteCounters } from '../ports.ts'

/** A download of ten seconds has one whole look in it. */
const lineLookMs: Millis = 5 * secondMs

/** @returns what ends it */
export function watchLine(
  meters: { readonly wan: LineMeter; readonly lan: LineMeter },
  totals: () => Readonly<ByteCounters>,
  policy: Pick<PolicyState, 'now'>
): () => void {
  const timer = setInterval(() => {
    const { rates, core: numbers } = policy.now()
    const { all, foreground, background } = rates
    const isLimited = all !== null || foreground !== null || background !== null
    meters.wan.note(totals().fromUpstream, isLimited, Date.now())
    meters.lan.note(totals().fromPeers, numbers.maxLanDownloadBytesPerSecond !== 0, Date.now())
  }, lineLookMs)
  timer.unref()
  return () => {
    clearInterval(timer)
  }
}
