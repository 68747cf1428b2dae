/** How fast, in numbers for the core: absolute limits, shares of the line and hours of the day, the strictest of what applies. */
import { KiB, type BytesPerSecond } from '../units.ts'
import type { CorePolicy } from './core-policy.ts'
import type { HostFacts, Measured } from './host-facts.ts'
import { strictest } from './hours.ts'
import type { WholePolicy } from './policy.ts'
import { windowHours } from './time-windows.ts'

type Rates = Pick<
  CorePolicy,
  | 'maxWanDownloadBytesPerSecond'
  | 'maxForegroundDownloadBytesPerSecond'
  | 'maxBackgroundDownloadBytesPerSecond'
  | 'hoursToLimitForegroundDownload'
  | 'hoursToLimitBackgroundDownload'
  | 'maxLanDownloadBytesPerSecond'
  | 'maxLanUploadBytesPerSecond'
>

export function ratesOf(policy: WholePolicy, host: HostFacts, measured: Measured): Rates {
  const line = lineOf(policy, measured)
  const foreground = strictest([
    kilobytes(policy.DOMaxForegroundDownloadBandwidth, policy.DOMaxDownloadBandwidth),
    share(line, policy.DOPercentageMaxForegroundBandwidth, policy.DOPercentageMaxDownloadBandwidth)
  ])
  const background = strictest([
    kilobytes(policy.DOMaxBackgroundDownloadBandwidth, policy.DOMaxDownloadBandwidth),
    share(line, policy.DOPercentageMaxBackgroundBandwidth, policy.DOPercentageMaxDownloadBandwidth)
  ])
  const onWifi = (rate: BytesPerSecond) => (host.wifi ? rate : 0)
  return {
    maxWanDownloadBytesPerSecond: policy.maxWanDownloadBytesPerSecond,
    maxForegroundDownloadBytesPerSecond: foreground,
    maxBackgroundDownloadBytesPerSecond: background,
    hoursToLimitForegroundDownload: [
      ...policy.hoursToLimitForegroundDownload,
      ...windowHours('Foreground', policy, line, foreground)
    ],
    hoursToLimitBackgroundDownload: [
      ...policy.hoursToLimitBackgroundDownload,
      ...windowHours('Background', policy, line, background)
    ],
    maxLanDownloadBytesPerSecond: strictest([
      policy.maxLanDownloadBytesPerSecond,
      onWifi(policy.maxWifiDownloadBytesPerSecond)
    ]),
    maxLanUploadBytesPerSecond: strictest([
      policy.maxLanUploadBytesPerSecond,
      kilobytes(policy.DOMaxUploadBandwidth),
      onWifi(policy.maxWifiUploadBytesPerSecond)
    ])
  }
}

/** What percentages are of; null: nobody knows, and a share of the unknown is no limit. */
function lineOf(
  { wanLineBytesPerSecond }: WholePolicy,
  { wanBytesPerSecond }: Measured
): BytesPerSecond | null {
  return wanLineBytesPerSecond === 0 ? wanBytesPerSecond : wanLineBytesPerSecond
}

/** The first that is set: the newer name before the superseded one. */
function firstSet(values: ReadonlyArray<number | null>): number {
  return values.find(value => value !== null && value !== 0) ?? 0
}

function kilobytes(...values: ReadonlyArray<number | null>): BytesPerSecond {
  return firstSet(values) * KiB
}

/** At least a byte a second: 0 would be no limit. */
function share(line: BytesPerSecond | null, ...percentages: ReadonlyArray<number | null>): BytesPerSecond {
  const percentage = firstSet(percentages)
  return line === null || percentage === 0 ? 0 : Math.max(1, Math.round((line * percentage) / 100))
}
