/** Whether this machine may share, and with whom. Every no has a sentence, because "why no peer" is what admins ask first. */
import { GiB } from '../units.ts'
import type { HostFacts, Measured } from './host-facts.ts'
import type { WholePolicy } from './policy.ts'

/** Why not, as a word for programs: pages say each in the language of who reads. */
export type VerdictCode =
  | 'mode-shares-nothing'
  | 'little-memory'
  | 'small-disk'
  | 'on-vpn'
  | 'no-upload-slots'
  | 'on-battery'
  | 'low-battery'
  | 'metered'
  | 'far-cap-reached'

export interface VerdictReason {
  readonly code: VerdictCode
  readonly params: Readonly<Record<string, number>>
}

export interface Verdict {
  readonly allowed: boolean
  /** Empty when it is allowed. */
  readonly why: string
  /** What `why` says. Null when it is allowed. */
  readonly reason: VerdictReason | null
}

/** Both together, flat, for the params of what is said because of it. */
export type VerdictParams = Readonly<Record<string, string | number>> & { readonly why: string }

export interface Peers {
  readonly scope: 'nobody' | 'site' | 'group'
  /** Of DODownloadMode 2, told to nobody who has not the same: `ad-site:berlin`, `guid:...`. */
  readonly group: string | null
  /** Of these, only who is in one of our subnets, or whom we hear by multicast. */
  readonly within: 'all' | 'subnet' | 'link'
}

export const yes: Verdict = { allowed: true, why: '', reason: null }
const no = (code: VerdictCode, params: VerdictReason['params'], why: string): Verdict => ({
  allowed: false,
  why,
  reason: { code, params }
})

export function paramsOf({ why, reason }: Pick<Verdict, 'why' | 'reason'>): VerdictParams {
  return { why, ...(reason === null ? {} : { reason: reason.code, ...reason.params }) }
}

/** DODownloadMode, in numbers as Windows has them. */
export const modes = { httpOnly: 0, lan: 1, group: 2, internet: 3, simple: 99, bypass: 100 } as const
/** DORestrictPeerSelectionBy. */
const restrictions = { none: 0, subnet: 1, localDiscovery: 2 } as const

/** A disk is sold in these. */
const diskGigabyte = 1e9

/** An adapter is a VPN when the system says so, or when its name does. */
export function isOnVpn({ DOVpnKeywords }: WholePolicy, { vpn, adapters }: HostFacts): boolean {
  const words = DOVpnKeywords.map(word => word.toLowerCase())
  return vpn || adapters.some(adapter => words.some(word => adapter.toLowerCase().includes(word)))
}

export function mayPeer(policy: WholePolicy, host: HostFacts): Verdict {
  switch (policy.DODownloadMode) {
    case modes.httpOnly:
      return no('mode-shares-nothing', { mode: modes.httpOnly }, 'DODownloadMode is 0 (HTTP only)')
    case modes.simple:
      return no('mode-shares-nothing', { mode: modes.simple }, 'DODownloadMode is 99 (Simple)')
    case modes.bypass:
      return no('mode-shares-nothing', { mode: modes.bypass }, 'DODownloadMode is 100 (Bypass)')
  }
  // Firmware and graphics take their part of what the machine was sold with.
  const ramGigabytes = host.ramBytes === null ? Infinity : Math.ceil(host.ramBytes / GiB)
  const { DOMinRAMAllowedToPeer: ram, DOMinDiskSizeAllowedToPeer: disk } = policy
  if (ramGigabytes < ram)
    return no(
      'little-memory',
      { has: ramGigabytes, least: ram },
      `the machine has ${ramGigabytes} GB of memory, and DOMinRAMAllowedToPeer asks for ${ram} GB`
    )
  if (host.diskBytes !== null && host.diskBytes < disk * diskGigabyte) {
    const has = Math.floor(host.diskBytes / diskGigabyte)
    return no(
      'small-disk',
      { has, least: disk },
      `the cache's volume has ${has} GB, and DOMinDiskSizeAllowedToPeer asks for ${disk} GB`
    )
  }
  const isLocal = policy.DORestrictPeerSelectionBy === restrictions.localDiscovery
  if (isOnVpn(policy, host) && policy.DOAllowVPNPeerCaching !== 1 && !isLocal)
    return no('on-vpn', {}, 'the machine is connected by VPN, and DOAllowVPNPeerCaching is 0')
  return yes
}

export function mayUpload(policy: WholePolicy, host: HostFacts): Verdict {
  const { uploadSlots, uploadOnMetered, DOMinBatteryPercentageAllowedToUpload: least } = policy
  const peering = mayPeer(policy, host)
  if (!peering.allowed) return peering
  if (uploadSlots === 0) return no('no-upload-slots', {}, 'uploadSlots is 0')
  if (host.onBattery && least === 0)
    return no('on-battery', {}, 'the machine is on battery, and DOMinBatteryPercentageAllowedToUpload is 0')
  if (host.onBattery && host.batteryPercent !== null && host.batteryPercent < least)
    return no(
      'low-battery',
      { has: host.batteryPercent, least },
      `the battery is at ${host.batteryPercent} %, and DOMinBatteryPercentageAllowedToUpload asks for ${least} %`
    )
  if (host.metered && !uploadOnMetered)
    return no('metered', {}, 'the connection is metered, and uploadOnMetered is off')
  return yes
}

/** To agents of other sites: those of the group. */
export function mayUploadFar(policy: WholePolicy, host: HostFacts, measured: Measured): Verdict {
  const near = mayUpload(policy, host)
  if (!near.allowed) return near
  const cap = policy.DOMonthlyUploadDataCap
  return measured.farUploadBytesThisMonth < cap * GiB
    ? yes
    : no(
        'far-cap-reached',
        { cap },
        `other sites were given the ${cap} GB of DOMonthlyUploadDataCap this month`
      )
}

export function peersOf(policy: WholePolicy, host: HostFacts): Peers {
  if (!mayPeer(policy, host).allowed) return { scope: 'nobody', group: null, within: 'all' }
  const group = policy.DODownloadMode === modes.group ? groupOf(policy, host) : null
  const within =
    policy.DORestrictPeerSelectionBy === restrictions.subnet
      ? 'subnet'
      : policy.DORestrictPeerSelectionBy === restrictions.localDiscovery
        ? 'link'
        : 'all'
  // Without a group there is the site, as with DODownloadMode 1.
  return { scope: group === null ? 'site' : 'group', group, within }
}

/** Where a group may come from, by DOGroupIdSource. */
function groupOf({ DOGroupId, DOGroupIdSource }: WholePolicy, host: HostFacts): string | null {
  if (DOGroupId !== null) return named('guid', guidOf(DOGroupId))
  const sources: Readonly<Record<number, string | null>> = {
    1: named('ad-site', host.adSite),
    2: named('domain', host.domainSid),
    3: named('guid', guidOf(host.dhcp.groupId)),
    4: named('dns', host.dnsSuffix),
    5: named('tenant', host.tenantId)
  }
  const usual = sources[1] ?? sources[2] ?? sources[5] ?? null
  // Only DHCP and DNS fall back: who asked for a domain does not mean the site of it.
  switch (DOGroupIdSource) {
    case 0:
      return usual
    case 3:
    case 4:
      return sources[DOGroupIdSource] ?? usual
    default:
      return sources[DOGroupIdSource] ?? null
  }
}

/** Case is nobody's intention in any of them. */
function named(kind: string, value: string | null): string | null {
  return value === null || value === '' ? null : `${kind}:${value.toLowerCase()}`
}

/** Without braces; null for what is no GUID. */
function guidOf(text: string | null): string | null {
  return /^\{?([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\}?$/i.exec(text?.trim() ?? '')?.[1] ?? null
}
