import { MiB, secondMs, type Bytes, type BytesPerSecond } from '@starling/shared/units.ts'
import { RatePeak } from '../counters.ts'
import type { Checker } from './checker.ts'

/** Chunks are counted as they arrive, and at either end of a stretch one may have been on its way for long. */
const slackBytes: Bytes = 2 * MiB

export const policyRates: Checker = {
  name: 'policy-rates',
  promise: 'what an agent takes and gives stays within the rates of its policy',
  check: ({ play }) =>
    [...play.agents, ...play.gateways].flatMap(({ id, policy, flows, peaks }) => {
      const { all, foreground, background } = flows.throttles
      return [
        ...over(id, 'took over the WAN', all.peak, policy.maxWanDownloadBytesPerSecond),
        ...over(id, 'took in the foreground', foreground.peak, policy.maxForegroundDownloadBytesPerSecond),
        ...over(id, 'took in the background', background.peak, policy.maxBackgroundDownloadBytesPerSecond),
        ...over(id, 'took from peers', peaks.received, policy.maxLanDownloadBytesPerSecond),
        ...over(id, 'gave to peers', peaks.uploaded, policy.maxLanUploadBytesPerSecond)
      ]
    })
}

function over(agent: string, what: string, peak: RatePeak, rate: BytesPerSecond): string[] {
  const allowed = (rate * RatePeak.stretchMs) / secondMs + slackBytes
  if (rate === 0 || peak.value <= allowed) return []
  return [
    `${agent} ${what} ${Math.round(peak.value)} bytes in ${RatePeak.stretchMs} ms, ${allowed} were allowed`
  ]
}
