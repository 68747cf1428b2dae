/** What each policy of Delivery Optimization makes an agent do, one by one, and ours beyond. */
import { describe, expect, test } from 'vitest'
import { GiB, KiB, MiB, dayMs, minuteMs, secondMs } from '../units.ts'
import { doShape } from './do-policies.ts'
import { effectivePolicy, type Effective } from './effective.ts'
import { nothingMeasured, unknownHost, type HostFacts, type Measured } from './host-facts.ts'
import type { LocalTime } from './hours.ts'
import { policyDefaults, policyDocumentSchema, type PolicyDocument } from './policy.ts'

const monday = (hour: number): LocalTime => ({ day: 1, minute: hour * 60 })

interface Given {
  readonly policy?: PolicyDocument
  readonly host?: Partial<HostFacts>
  readonly measured?: Partial<Measured>
  readonly time?: LocalTime
}

function effective({ policy = {}, host = {}, measured = {}, time }: Given): Effective {
  return effectivePolicy({
    policy: { ...policyDefaults, ...policyDocumentSchema.parse(policy) },
    host: { ...unknownHost, ...host },
    measured: { ...nothingMeasured, ...measured },
    time: time ?? null
  })
}

const guid = '3F2504E0-4F89-11D3-9A0C-0305E82C3301'
const onVpn = { host: { vpn: true } }
const line = { wanBytesPerSecond: 1_000_000 }
const directory = {
  adSite: 'Berlin',
  domainSid: 'S-1-5-21-7',
  dnsSuffix: 'berlin.corp.example',
  tenantId: 'T-1'
}

/** What is looked at, and for each case what was given and what is seen. */
type Row = readonly [
  seen: (effective: Effective) => unknown,
  ...cases: ReadonlyArray<readonly [Given, unknown]>
]

const group = ({ peers }: Effective) => peers.group
const peering = ({ peering: { allowed } }: Effective) => allowed
const upload = ({ upload: { allowed } }: Effective) => allowed
const mode2 = (policy: PolicyDocument, host: Partial<HostFacts> = {}): Given => ({
  policy: { DODownloadMode: 2, ...policy },
  host
})

function windowRow(kind: 'Foreground' | 'Background'): Row {
  const name = `DOSetHoursToLimit${kind}DownloadBandwidth` as const
  const given = (
    policy: Partial<Record<'' | 'From' | 'To' | 'In' | 'Out', number>>,
    hour: number
  ): Given => ({
    policy: Object.fromEntries(Object.entries(policy).map(([part, value]) => [`${name}${part}`, value])),
    measured: line,
    time: monday(hour)
  })
  const working = { '': 1, From: 8, To: 18, In: 20, Out: 80 }
  return [
    ({ rates }) => (kind === 'Foreground' ? rates.foreground : rates.background),
    [given(working, 8), 200_000],
    [given(working, 17.9), 200_000],
    [given(working, 18), 800_000],
    [given(working, 3), 800_000],
    // Over midnight.
    [given({ ...working, From: 22, To: 6 }, 2), 200_000],
    [given({ ...working, From: 22, To: 6 }, 6), 800_000],
    // The whole day.
    [given({ ...working, From: 6, To: 6 }, 5), 200_000],
    [given({ ...working, Out: 0 }, 18), null],
    [given({ ...working, '': 0 }, 8), null],
    [{ ...given(working, 8), measured: {} }, null]
  ]
}

/** Each of the five parts is seen in the cases of its window. */
const windowRows = Object.fromEntries(
  (['Foreground', 'Background'] as const).flatMap(kind =>
    ['', 'From', 'To', 'In', 'Out'].map(part => [
      `DOSetHoursToLimit${kind}DownloadBandwidth${part}`,
      windowRow(kind)
    ])
  )
)

const rows: Readonly<Record<string, Row>> = {
  DODownloadMode: [
    ({ peering: { allowed }, peers: { scope }, keeps, asksForPeers }) => [
      allowed,
      scope,
      keeps,
      asksForPeers
    ],
    [{ policy: { DODownloadMode: 0 } }, [false, 'nobody', true, true]],
    [{ policy: { DODownloadMode: 1 } }, [true, 'site', true, true]],
    [mode2({ DOGroupId: guid }), [true, 'group', true, true]],
    // No group is known.
    [mode2({}), [true, 'site', true, true]],
    [{ policy: { DODownloadMode: 3 } }, [true, 'site', true, true]],
    [{ policy: { DODownloadMode: 99 } }, [false, 'nobody', true, false]],
    [{ policy: { DODownloadMode: 100 } }, [false, 'nobody', false, true]]
  ],
  DOGroupId: [
    group,
    [mode2({ DOGroupId: guid }), `guid:${guid.toLowerCase()}`],
    [mode2({ DOGroupId: `{${guid}}` }), `guid:${guid.toLowerCase()}`],
    [mode2({ DOGroupId: guid, DOGroupIdSource: 1 }, directory), `guid:${guid.toLowerCase()}`],
    [{ policy: { DODownloadMode: 1, DOGroupId: guid } }, null]
  ],
  DOGroupIdSource: [
    group,
    [mode2({}, directory), 'ad-site:berlin'],
    [mode2({}, { ...directory, adSite: null }), 'domain:s-1-5-21-7'],
    [mode2({}, { ...directory, adSite: null, domainSid: null }), 'tenant:t-1'],
    [mode2({ DOGroupIdSource: 1 }, directory), 'ad-site:berlin'],
    [mode2({ DOGroupIdSource: 2 }, directory), 'domain:s-1-5-21-7'],
    [mode2({ DOGroupIdSource: 2 }, { adSite: 'Berlin' }), null],
    [
      mode2({ DOGroupIdSource: 3 }, { ...directory, dhcp: { groupId: guid, cacheHosts: null } }),
      `guid:${guid.toLowerCase()}`
    ],
    [
      mode2({ DOGroupIdSource: 3 }, { ...directory, dhcp: { groupId: 'north', cacheHosts: null } }),
      'ad-site:berlin'
    ],
    [mode2({ DOGroupIdSource: 4 }, directory), 'dns:berlin.corp.example'],
    [mode2({ DOGroupIdSource: 4 }, { ...directory, dnsSuffix: null }), 'ad-site:berlin'],
    [mode2({ DOGroupIdSource: 5 }, directory), 'tenant:t-1']
  ],
  DORestrictPeerSelectionBy: [
    ({ peers }) => peers.within,
    [{}, 'all'],
    [{ policy: { DORestrictPeerSelectionBy: 1 } }, 'subnet'],
    [mode2({ DOGroupId: guid, DORestrictPeerSelectionBy: 1 }), 'subnet'],
    [{ policy: { DORestrictPeerSelectionBy: 2 } }, 'link']
  ],
  DOMinRAMAllowedToPeer: [
    peering,
    [{ host: { ramBytes: 3 * GiB } }, false],
    [{ host: { ramBytes: 3.8 * GiB } }, true],
    [{ host: { ramBytes: 3 * GiB }, policy: { DOMinRAMAllowedToPeer: 2 } }, true],
    [{ host: { ramBytes: 16 * GiB }, policy: { DOMinRAMAllowedToPeer: 17 } }, false],
    [{ host: { ramBytes: null } }, true]
  ],
  DOMinDiskSizeAllowedToPeer: [
    peering,
    [{ host: { diskBytes: 31e9 } }, false],
    [{ host: { diskBytes: 32e9 } }, true],
    [{ host: { diskBytes: 32e9 }, policy: { DOMinDiskSizeAllowedToPeer: 64 } }, false],
    [{ host: { diskBytes: null } }, true]
  ],
  DOMinFileSizeToCache: [
    ({ cache }) => cache.contentBytesMin,
    [{}, MiB],
    [{ policy: { DOMinFileSizeToCache: 50 } }, 50 * MiB]
  ],
  DOMaxCacheSize: [
    ({ cache }) => cache.quotaBytes,
    [{ host: { diskBytes: 100 * GiB } }, policyDefaults.cacheQuotaBytes],
    [{ host: { diskBytes: 100 * GiB }, policy: { DOMaxCacheSize: 30 } }, 30 * GiB],
    [{ policy: { DOMaxCacheSize: 30 } }, policyDefaults.cacheQuotaBytes]
  ],
  DOAbsoluteMaxCacheSize: [
    ({ cache }) => cache.quotaBytes,
    [{ policy: { DOAbsoluteMaxCacheSize: 100 } }, 100 * GiB],
    [{ host: { diskBytes: GiB }, policy: { DOAbsoluteMaxCacheSize: 5, DOMaxCacheSize: 30 } }, 5 * GiB],
    [{ policy: { DOAbsoluteMaxCacheSize: 0 } }, null]
  ],
  DOMaxCacheAge: [
    ({ cache }) => cache.ageMsMax,
    [{}, null],
    [{ policy: { DOMaxCacheAge: 259_200 } }, 3 * dayMs]
  ],
  DOModifyCacheDrive: [
    ({ cache }) => cache.place,
    [{}, null],
    [{ policy: { DOModifyCacheDrive: 'D:' } }, 'D:']
  ],
  DOMinBackgroundQos: [
    ({ minBackgroundBytesPerSecond }) => minBackgroundBytesPerSecond,
    [{}, null],
    [{ policy: { DOMinBackgroundQos: 500 } }, 500 * KiB]
  ],
  DOMonthlyUploadDataCap: [
    ({ upload: { allowed }, uploadToOtherSites }) => [allowed, uploadToOtherSites.allowed],
    [{ measured: { farUploadBytesThisMonth: 20 * GiB - 1 } }, [true, true]],
    [{ measured: { farUploadBytesThisMonth: 20 * GiB } }, [true, false]],
    [{ policy: { DOMonthlyUploadDataCap: 0 } }, [true, false]]
  ],
  DOAllowVPNPeerCaching: [
    peering,
    [onVpn, false],
    [{ ...onVpn, policy: { DOAllowVPNPeerCaching: 1 } }, true],
    [{ ...onVpn, policy: { DORestrictPeerSelectionBy: 2 } }, true],
    [{ ...onVpn, policy: { DORestrictPeerSelectionBy: 1 } }, false]
  ],
  DOVpnKeywords: [
    peering,
    [{ host: { adapters: ['Intel Ethernet', 'Globex SecureAccess'] } }, false],
    [{ host: { adapters: ['Intel Ethernet'] } }, true],
    [{ host: { adapters: ['Acme Tunnel'] } }, true],
    [{ host: { adapters: ['Acme Tunnel'] }, policy: { DOVpnKeywords: ['tunnel'] } }, false]
  ],
  DODisallowCacheServerDownloadsOnVPN: [
    ({ cacheHosts }) => cacheHosts.hosts,
    [{ ...onVpn, policy: { DOCacheHost: ['a'] } }, ['a']],
    [{ ...onVpn, policy: { DOCacheHost: ['a'], DODisallowCacheServerDownloadsOnVPN: 1 } }, []],
    [{ policy: { DOCacheHost: ['a'], DODisallowCacheServerDownloadsOnVPN: 1 } }, ['a']]
  ],
  DOMinBatteryPercentageAllowedToUpload: [
    ({ peering: { allowed }, upload: up, core }) => [allowed, up.allowed, core.uploadSlots],
    [{ host: { onBattery: true, batteryPercent: 100 } }, [true, false, 0]],
    [{ host: { onBattery: false, batteryPercent: 5 } }, [true, true, 8]],
    [
      {
        host: { onBattery: true, batteryPercent: 40 },
        policy: { DOMinBatteryPercentageAllowedToUpload: 40 }
      },
      [true, true, 8]
    ],
    [
      {
        host: { onBattery: true, batteryPercent: 39 },
        policy: { DOMinBatteryPercentageAllowedToUpload: 40 }
      },
      [true, false, 0]
    ]
  ],
  DOPercentageMaxForegroundBandwidth: [
    ({ rates: { foreground, background } }) => [foreground, background],
    [{ policy: { DOPercentageMaxForegroundBandwidth: 25 }, measured: line }, [250_000, null]],
    [{ policy: { DOPercentageMaxForegroundBandwidth: 25 } }, [null, null]],
    [
      {
        policy: { DOPercentageMaxForegroundBandwidth: 25, wanLineBytesPerSecond: 400_000 },
        measured: line
      },
      [100_000, null]
    ],
    [
      {
        policy: { DOPercentageMaxForegroundBandwidth: 25, DOMaxForegroundDownloadBandwidth: 100 },
        measured: line
      },
      [100 * KiB, null]
    ]
  ],
  DOPercentageMaxBackgroundBandwidth: [
    ({ rates: { foreground, background } }) => [foreground, background],
    [{ policy: { DOPercentageMaxBackgroundBandwidth: 10 }, measured: line }, [null, 100_000]]
  ],
  DOMaxForegroundDownloadBandwidth: [
    ({ rates: { foreground, background } }) => [foreground, background],
    [{ policy: { DOMaxForegroundDownloadBandwidth: 500 } }, [500 * KiB, null]]
  ],
  DOMaxBackgroundDownloadBandwidth: [
    ({ rates: { foreground, background } }) => [foreground, background],
    [{ policy: { DOMaxBackgroundDownloadBandwidth: 500 } }, [null, 500 * KiB]]
  ],
  ...windowRows,
  DODelayForegroundDownloadFromHttp: [
    ({ core }) => core.delayForegroundDownloadFromHttpMs,
    [{}, 2 * secondMs],
    [{ policy: { DODelayForegroundDownloadFromHttp: 60 } }, minuteMs]
  ],
  DODelayBackgroundDownloadFromHttp: [
    ({ core }) => core.delayBackgroundDownloadFromHttpMs,
    [{}, 10 * secondMs],
    [{ policy: { DODelayBackgroundDownloadFromHttp: 3600 } }, 60 * minuteMs]
  ],
  DODelayCacheServerFallbackForeground: [
    ({ cacheHosts: { foregroundFallbackMs, backgroundFallbackMs } }) => [
      foregroundFallbackMs,
      backgroundFallbackMs
    ],
    [{}, [null, null]],
    [{ policy: { DODelayCacheServerFallbackForeground: 30 } }, [30 * secondMs, null]]
  ],
  DODelayCacheServerFallbackBackground: [
    ({ cacheHosts: { foregroundFallbackMs, backgroundFallbackMs } }) => [
      foregroundFallbackMs,
      backgroundFallbackMs
    ],
    [{ policy: { DODelayCacheServerFallbackBackground: 30 } }, [null, 30 * secondMs]]
  ],
  DOCacheHost: [
    ({ cacheHosts }) => cacheHosts.hosts,
    [{}, []],
    [{ policy: { DOCacheHost: ['mcc.corp.example', '10.1.0.9'] } }, ['mcc.corp.example', '10.1.0.9']]
  ],
  DOCacheHostSource: [
    ({ cacheHosts }) => cacheHosts.hosts,
    ...[
      [null, 'b, c', ['a'], ['a']],
      [0, 'b, c', ['a'], ['a']],
      [1, 'b, c', ['a'], ['a']],
      [1, 'b, c', [], ['b', 'c']],
      [1, 'http://b', [], []],
      [2, 'b, c', ['a'], ['b', 'c']],
      [2, 'http://b', ['a'], ['a']],
      [2, null, ['a'], []]
    ].map(
      ([DOCacheHostSource, cacheHosts, DOCacheHost, seen]) =>
        [
          {
            policy: { DOCacheHostSource, DOCacheHost } as PolicyDocument,
            host: { dhcp: { groupId: null, cacheHosts: cacheHosts as string | null } }
          },
          seen
        ] as const
    )
  ],
  DOMaxDownloadBandwidth: [
    ({ rates: { foreground, background } }) => [foreground, background],
    [{ policy: { DOMaxDownloadBandwidth: 500 } }, [500 * KiB, 500 * KiB]],
    [
      { policy: { DOMaxDownloadBandwidth: 500, DOMaxBackgroundDownloadBandwidth: 100 } },
      [500 * KiB, 100 * KiB]
    ]
  ],
  DOPercentageMaxDownloadBandwidth: [
    ({ rates: { foreground, background } }) => [foreground, background],
    [{ policy: { DOPercentageMaxDownloadBandwidth: 50 }, measured: line }, [500_000, 500_000]]
  ],
  DOMaxUploadBandwidth: [
    ({ core }) => core.maxLanUploadBytesPerSecond,
    [{ policy: { DOMaxUploadBandwidth: 500 } }, 500 * KiB],
    [{ policy: { DOMaxUploadBandwidth: 500, maxLanUploadBytesPerSecond: 1000 } }, 1000]
  ]
}

test("each of Delivery Optimization's policies is here", () => {
  expect(Object.keys(rows)).toEqual(Object.keys(doShape))
})

test.each(Object.entries(rows))('%s', (_name, [seen, ...cases]) => {
  for (const [given, expected] of cases)
    expect(seen(effective(given)), JSON.stringify(given)).toEqual(expected)
})

describe('ours beyond', () => {
  test('Wi-Fi has rates of its own, which lower those of the LAN', () => {
    const policy = {
      maxLanDownloadBytesPerSecond: 5_000_000,
      maxWifiDownloadBytesPerSecond: 2_000_000,
      maxWifiUploadBytesPerSecond: 1_000_000
    }
    const ratesOf = (wifi: boolean) => {
      const { core } = effective({ policy, host: { wifi } })
      return [core.maxLanDownloadBytesPerSecond, core.maxLanUploadBytesPerSecond]
    }
    expect(ratesOf(false)).toEqual([5_000_000, 0])
    expect(ratesOf(true)).toEqual([2_000_000, 1_000_000])
  })

  test('a rate for all of the WAN is told beside those of each kind', () => {
    expect(effective({ policy: { maxWanDownloadBytesPerSecond: 1000 } }).rates).toEqual({
      all: 1000,
      foreground: null,
      background: null
    })
  })

  test('hours with days come before windows without', () => {
    const policy = {
      hoursToLimitBackgroundDownload: ['mon 9-10 100KB'],
      DOSetHoursToLimitBackgroundDownloadBandwidth: 1,
      DOSetHoursToLimitBackgroundDownloadBandwidthFrom: 8,
      DOSetHoursToLimitBackgroundDownloadBandwidthTo: 18,
      DOSetHoursToLimitBackgroundDownloadBandwidthIn: 50
    }
    const at = (hour: number) => effective({ policy, measured: line, time: monday(hour) }).rates.background
    expect([at(8), at(9), at(10), at(18)]).toEqual([500_000, 100_000, 500_000, null])
  })

  test('a metered connection is given nothing up, unless policy says so', () => {
    expect(upload(effective({ host: { metered: true } }))).toBe(false)
    expect(upload(effective({ host: { metered: true }, policy: { uploadOnMetered: true } }))).toBe(true)
  })

  test('a machine on a cable and on mains is more willing to fetch for its site than one on Wi-Fi, and that than one on battery', () => {
    const willingness = (host: Partial<HostFacts>, policy: PolicyDocument = {}) =>
      effective({ host, policy }).core.upstreamWeight
    expect(
      [{}, { wifi: true }, { onBattery: true }, { wifi: true, onBattery: true }].map(host =>
        willingness(host)
      )
    ).toEqual([500, 250, 125, 63])
    // Who never does still never does, and who may is not made into one who never does.
    expect(willingness({ wifi: true }, { upstreamWeight: 0 })).toBe(0)
    expect(willingness({ wifi: true, onBattery: true }, { upstreamWeight: 1 })).toBe(1)
  })

  test('every no says which policy it is of', () => {
    const sentences = [
      { host: { ramBytes: GiB } },
      { host: { diskBytes: 1e9 } },
      onVpn,
      { policy: { DODownloadMode: 0 } },
      { host: { onBattery: true } },
      { host: { onBattery: true, batteryPercent: 3 }, policy: { DOMinBatteryPercentageAllowedToUpload: 40 } },
      { host: { metered: true } },
      { policy: { uploadSlots: 0 } }
    ].map(given => effective(given).upload.why)
    expect(sentences).toEqual([
      'the machine has 1 GB of memory, and DOMinRAMAllowedToPeer asks for 4 GB',
      "the cache's volume has 1 GB, and DOMinDiskSizeAllowedToPeer asks for 32 GB",
      'the machine is connected by VPN, and DOAllowVPNPeerCaching is 0',
      'DODownloadMode is 0 (HTTP only)',
      'the machine is on battery, and DOMinBatteryPercentageAllowedToUpload is 0',
      'the battery is at 3 %, and DOMinBatteryPercentageAllowedToUpload asks for 40 %',
      'the connection is metered, and uploadOnMetered is off',
      'uploadSlots is 0'
    ])
  })
})
