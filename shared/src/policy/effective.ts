/**
 * What an agent does because of a policy: a whole document and the state of one machine in, plain decisions out. The agent acts by it, the
 * coordinator's dry run asks it what a new document would change for each machine, the simulator gives it machines that do not exist.
 */
import type { SiteId } from '../ids.ts'
import { GiB, MiB, KiB, secondMs, type Bytes, type BytesPerSecond, type Millis } from '../units.ts'
import { wanRates, type CorePolicy, type WanRates } from './core-policy.ts'
import { isCacheHost } from './do-policies.ts'
import { nothingMeasured, unknownHost, type HostFacts, type Measured } from './host-facts.ts'
import type { LocalTime } from './hours.ts'
import {
  isOnVpn,
  mayPeer,
  mayUpload,
  mayUploadFar,
  modes,
  peersOf,
  type Peers,
  type Verdict
} from './peering.ts'
import { policyDefaults, type WholePolicy } from './policy.ts'
import { ratesOf } from './rates.ts'
import { siteOf } from './sites.ts'

export interface PolicyInput {
  readonly policy: WholePolicy
  readonly host: HostFacts
  /** Null: not known, and the strictest hours of the week hold. */
  readonly time: LocalTime | null
  readonly measured: Measured
}

export interface Effective {
  readonly site: { readonly id: SiteId; readonly why: string }
  readonly peering: Verdict
  readonly upload: Verdict
  readonly uploadToOtherSites: Verdict
  readonly peers: Peers
  /** False: what passes through is not kept (DODownloadMode 100). */
  readonly keeps: boolean
  /** False: the coordinator is not asked for peers (DODownloadMode 99). */
  readonly asksForPeers: boolean
  readonly cacheHosts: CacheHosts
  readonly cache: CacheRules
  /** A background download that gets less from peers takes the rest over the WAN; null: it does not. */
  readonly minBackgroundBytesPerSecond: BytesPerSecond | null
  /** Over the WAN, at this hour. */
  readonly rates: WanRates
  readonly core: CorePolicy
}

export interface CacheHosts {
  /** In the order in which they are asked; none: the origin is. */
  readonly hosts: readonly string[]
  /** What `why` says, for programs. */
  readonly source: 'named' | 'none-named' | 'dhcp' | 'dhcp-missing' | 'none-on-vpn'
  /** Where they come from, or why there are none. */
  readonly why: string
  /** How long they are tried before the origin is; null: one failure is enough. */
  readonly foregroundFallbackMs: Millis | null
  readonly backgroundFallbackMs: Millis | null
}

export interface CacheRules {
  /** Null: all but what must stay free. */
  readonly quotaBytes: Bytes | null
  readonly smallQuotaBytes: Bytes
  readonly floorBytes: Bytes
  /** After it is complete; null: as long as there is room. */
  readonly ageMsMax: Millis | null
  /** What is smaller is not shared. */
  readonly contentBytesMin: Bytes
  /** As policy says it, variables and all; null: in the data folder. */
  readonly place: string | null
}

export function effectivePolicy({ policy, host, time, measured }: PolicyInput): Effective {
  const upload = mayUpload(policy, host)
  const core: CorePolicy = {
    upstreamSlots: policy.upstreamSlots,
    siteUpstreamSlots: policy.siteUpstreamSlots,
    uploadSlots: upload.allowed ? policy.uploadSlots : 0,
    downloadSlots: policy.downloadSlots,
    delayForegroundDownloadFromHttpMs: policy.DODelayForegroundDownloadFromHttp * secondMs,
    delayBackgroundDownloadFromHttpMs: policy.DODelayBackgroundDownloadFromHttp * secondMs,
    maxBackgroundQueueDelayMs: policy.maxBackgroundQueueDelayMs,
    upstreamWeight: willingnessOf(policy, host),
    ...ratesOf(policy, host, measured)
  }
  return {
    site: siteFor(policy, host),
    peering: mayPeer(policy, host),
    upload,
    uploadToOtherSites: mayUploadFar(policy, host, measured),
    peers: peersOf(policy, host),
    keeps: policy.DODownloadMode !== modes.bypass,
    asksForPeers: policy.DODownloadMode !== modes.simple,
    cacheHosts: cacheHostsOf(policy, host),
    cache: cacheRules(policy, host),
    minBackgroundBytesPerSecond: policy.DOMinBackgroundQos === null ? null : policy.DOMinBackgroundQos * KiB,
    rates: wanRates(core, time),
    core
  }
}

/** What the core decides by when nothing is said and nothing is known. */
export const corePolicyDefaults: CorePolicy = effectivePolicy({
  policy: policyDefaults,
  host: unknownHost,
  time: null,
  measured: nothingMeasured
}).core

/**
 * Of the members of a site those go first over the WAN that are on a cable and on mains. Each says so itself (`interested`), so that a site has its
 * preferred fetchers also while no coordinator answers. Who may at all still may, when the others are busy.
 */
function willingnessOf({ upstreamWeight }: WholePolicy, { wifi, onBattery }: HostFacts): number {
  return Math.ceil(upstreamWeight / (wifi ? 2 : 1) / (onBattery ? 4 : 1))
}

function siteFor(policy: WholePolicy, host: HostFacts): Effective['site'] {
  if (policy.site !== policyDefaults.site) return { id: policy.site, why: 'named for this agent' }
  return siteOf(policy.siteDefinitions, host) ?? { id: policy.site, why: 'no definition fits' }
}

function cacheHostsOf(policy: WholePolicy, host: HostFacts): CacheHosts {
  const found = (source: CacheHosts['source'], hosts: readonly string[], why: string): CacheHosts => ({
    hosts,
    source,
    why,
    foregroundFallbackMs: seconds(policy.DODelayCacheServerFallbackForeground),
    backgroundFallbackMs: seconds(policy.DODelayCacheServerFallbackBackground)
  })
  const { DOCacheHost, DOCacheHostSource } = policy
  if (policy.DODisallowCacheServerDownloadsOnVPN === 1 && isOnVpn(policy, host))
    return found(
      'none-on-vpn',
      [],
      'the machine is connected by VPN, and DODisallowCacheServerDownloadsOnVPN is 1'
    )
  const option = host.dhcp.cacheHosts?.split(',').map(text => text.trim()) ?? null
  const fromDhcp = option?.every(isCacheHost) === true ? option : null
  const isForced = DOCacheHostSource === 2
  if (fromDhcp !== null && (isForced || (DOCacheHostSource === 1 && DOCacheHost.length === 0)))
    return found('dhcp', fromDhcp, 'DHCP option 235')
  if (isForced && option === null) return found('dhcp-missing', [], 'DHCP option 235 is not there')
  return DOCacheHost.length === 0
    ? found('none-named', [], 'DOCacheHost names none')
    : found('named', DOCacheHost, 'DOCacheHost')
}

function cacheRules(policy: WholePolicy, host: HostFacts): CacheRules {
  return {
    quotaBytes: quotaOf(policy, host),
    smallQuotaBytes: policy.cacheSmallQuotaBytes,
    floorBytes: policy.cacheFloorBytes,
    ageMsMax: policy.DOMaxCacheAge === 0 ? null : policy.DOMaxCacheAge * secondMs,
    contentBytesMin: policy.DOMinFileSizeToCache * MiB,
    place: policy.DOModifyCacheDrive
  }
}

/** The most special that is set. */
function quotaOf(policy: WholePolicy, { diskBytes }: HostFacts): Bytes | null {
  const { DOAbsoluteMaxCacheSize, DOMaxCacheSize, cacheQuotaBytes } = policy
  if (DOAbsoluteMaxCacheSize !== null)
    return DOAbsoluteMaxCacheSize === 0 ? null : DOAbsoluteMaxCacheSize * GiB
  // Of a volume that nobody knows there is no share.
  if (DOMaxCacheSize === null || diskBytes === null) return cacheQuotaBytes
  return Math.floor((diskBytes * DOMaxCacheSize) / 100)
}

function seconds(value: number | null): Millis | null {
  return value === null ? null : value * secondMs
}
