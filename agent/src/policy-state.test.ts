import { unknownHost, type HostFacts } from '@starling/shared/policy/host-facts.ts'
import { policyDefaults, type PolicyDocument } from '@starling/shared/policy/policy.ts'
import { GiB, KiB, MiB } from '@starling/shared/units.ts'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { corePolicyOf, createPolicyState, sharingOf, type PolicyState } from './policy-state.ts'

const made: PolicyState[] = []
afterEach(() => {
  for (const one of made.splice(0)) one.stop()
})

function stateOf(document: PolicyDocument, wanBytesPerSecond: number | null = null) {
  const around = {
    document,
    host: unknownHost as HostFacts,
    far: 0,
    at: new Date(2026, 10, 26, 12, 0)
  }
  const changed = vi.fn<() => void>()
  const state = createPolicyState({
    policy: () => ({ ...policyDefaults, ...around.document }),
    host: () => around.host,
    measured: () => ({ wanBytesPerSecond, farUploadBytesThisMonth: around.far }),
    changed,
    wall: () => around.at
  })
  made.push(state)
  state.start()
  return { around, changed, state }
}
const rates = (document: PolicyDocument, line: number | null = null) =>
  stateOf(document, line).state.now().rates

describe('what policy comes to', () => {
  it('is told when it is something else, and only then', () => {
    const { around, changed, state } = stateOf({})
    state.look()
    expect(changed).not.toHaveBeenCalled()
    around.host = { ...unknownHost, onBattery: true }
    state.look()
    expect(changed).toHaveBeenCalledTimes(1)
    expect(sharingOf(state.now(), 'agent').gives).toBe(false)
    around.host = unknownHost
    state.look()
    expect(sharingOf(state.now(), 'agent').gives).toBe(true)
  })

  it('DOMonthlyUploadDataCap ends with what was given', () => {
    const { around, state } = stateOf({ DOMonthlyUploadDataCap: 1 })
    around.far = GiB - 1
    state.look()
    expect(sharingOf(state.now(), 'agent').givesToOtherSites).toBe(true)
    around.far = GiB
    state.look()
    expect(sharingOf(state.now(), 'agent')).toMatchObject({ gives: true, givesToOtherSites: false })
  })

  it('DOMaxForegroundDownloadBandwidth and DOMaxBackgroundDownloadBandwidth are KiB a second', () => {
    expect(rates({ DOMaxForegroundDownloadBandwidth: 500, DOMaxBackgroundDownloadBandwidth: 100 })).toEqual({
      all: null,
      foreground: 500 * KiB,
      background: 100 * KiB
    })
    expect(rates({ DOMaxDownloadBandwidth: 50 })).toMatchObject({
      foreground: 50 * KiB,
      background: 50 * KiB
    })
  })

  it('DOPercentageMaxForegroundBandwidth and DOPercentageMaxBackgroundBandwidth are of what the line was measured to give', () => {
    const document = { DOPercentageMaxForegroundBandwidth: 50, DOPercentageMaxBackgroundBandwidth: 10 }
    expect(rates(document, 10 * MiB)).toMatchObject({ foreground: 5 * MiB, background: MiB })
    expect(rates(document)).toMatchObject({ foreground: null, background: null })
    expect(rates({ DOPercentageMaxDownloadBandwidth: 20 }, 10 * MiB)).toMatchObject({ foreground: 2 * MiB })
  })

  it('DOSetHoursToLimit...DownloadBandwidth limits within its hours, and otherwise outside', () => {
    const { around, state } = stateOf(
      {
        DOSetHoursToLimitForegroundDownloadBandwidth: 1,
        DOSetHoursToLimitForegroundDownloadBandwidthFrom: 8,
        DOSetHoursToLimitForegroundDownloadBandwidthTo: 18,
        DOSetHoursToLimitForegroundDownloadBandwidthIn: 10,
        DOSetHoursToLimitForegroundDownloadBandwidthOut: 50,
        DOSetHoursToLimitBackgroundDownloadBandwidth: 1,
        DOSetHoursToLimitBackgroundDownloadBandwidthFrom: 22,
        DOSetHoursToLimitBackgroundDownloadBandwidthTo: 6,
        DOSetHoursToLimitBackgroundDownloadBandwidthIn: 100,
        DOSetHoursToLimitBackgroundDownloadBandwidthOut: 20
      },
      10 * MiB
    )
    expect(state.now().rates).toMatchObject({ foreground: MiB, background: 2 * MiB })
    around.at = new Date(2026, 10, 26, 23, 0)
    state.look()
    expect(state.now().rates).toMatchObject({ foreground: 5 * MiB, background: 10 * MiB })
  })

  it('DODelayForegroundDownloadFromHttp and Background are seconds of patience', () => {
    const { state } = stateOf({
      DODelayForegroundDownloadFromHttp: 60,
      DODelayBackgroundDownloadFromHttp: 3600
    })
    expect(state.now().core).toMatchObject({
      delayForegroundDownloadFromHttpMs: 60_000,
      delayBackgroundDownloadFromHttpMs: 3_600_000
    })
  })

  it('DOMinBackgroundQos: a background download that gets less from peers does not wait for them', () => {
    const patienceMs = (document: PolicyDocument) =>
      corePolicyOf(stateOf(document).state.now(), 'agent', policyDefaults).delayBackgroundDownloadFromHttpMs
    expect(patienceMs({ DOMinBackgroundQos: 512 })).toBe(2000)
    expect(patienceMs({ DOMinBackgroundQos: 1, DODelayBackgroundDownloadFromHttp: 60 })).toBe(60_000)
  })

  it('DODownloadMode 3: an agent shares with its site, and with nobody beyond it', () => {
    const { state } = stateOf({ DODownloadMode: 3, DOGroupId: '11111111-2222-3333-4444-555555555555' })
    expect(state.now().peers).toEqual({ scope: 'site', group: null, within: 'all' })
    expect(sharingOf(state.now(), 'agent')).toMatchObject({ scope: 'site', gives: true })
  })

  it('DOGroupIdSource: a machine that moves to another AD site moves to another group', () => {
    const { around, changed, state } = stateOf({ DODownloadMode: 2, DOGroupIdSource: 1 })
    expect(state.now().peers).toMatchObject({ scope: 'site', group: null })
    around.host = { ...unknownHost, adSite: 'Berlin' }
    state.look()
    expect(state.now().peers).toMatchObject({ scope: 'group', group: 'ad-site:berlin' })
    expect(sharingOf(state.now(), 'agent').scope).toBe('group')
    around.document = { DODownloadMode: 2, DOGroupIdSource: 4 }
    around.host = { ...around.host, dnsSuffix: 'bonn.example' }
    state.look()
    expect(state.now().peers.group).toBe('dns:bonn.example')
    expect(changed).toHaveBeenCalledTimes(2)
  })

  it('DOCacheHostSource: DHCP names the cache hosts, where it may', () => {
    const { around, state } = stateOf({ DOCacheHostSource: 1 })
    const hosts = (): readonly string[] => {
      state.look()
      return state.now().cacheHosts.hosts
    }
    expect(hosts()).toEqual([])
    around.host = { ...unknownHost, dhcp: { groupId: null, cacheHosts: 'gw.example' } }
    expect(hosts()).toEqual(['gw.example'])
    around.document = { DOCacheHostSource: 1, DOCacheHost: ['mine.example'] }
    expect(hosts()).toEqual(['mine.example'])
    around.document = { DOCacheHostSource: 2, DOCacheHost: ['mine.example'] }
    expect(hosts()).toEqual(['gw.example'])
    around.document = { DOCacheHostSource: 0 }
    expect(hosts()).toEqual([])
  })

  it('DODisallowCacheServerDownloadsOnVPN: no cache host is asked as long as a VPN is up', () => {
    const { around, changed, state } = stateOf({
      DOCacheHost: ['gw.example'],
      DODisallowCacheServerDownloadsOnVPN: 1
    })
    expect(state.now().cacheHosts.hosts).toEqual(['gw.example'])
    around.host = { ...unknownHost, vpn: true }
    state.look()
    expect(state.now().cacheHosts).toMatchObject({ hosts: [], why: expect.stringContaining('VPN') as string })
    around.host = unknownHost
    state.look()
    expect(state.now().cacheHosts.hosts).toEqual(['gw.example'])
    expect(changed).toHaveBeenCalledTimes(2)
  })

  it('DOMaxUploadBandwidth is KiB a second to peers, unless our own name says more exactly', () => {
    const up = (document: PolicyDocument) =>
      corePolicyOf(stateOf(document).state.now(), 'agent', policyDefaults).maxLanUploadBytesPerSecond
    expect(up({ DOMaxUploadBandwidth: 500 })).toBe(500 * KiB)
    expect(up({ DOMaxUploadBandwidth: 500, maxLanUploadBytesPerSecond: 1000 })).toBe(1000)
    expect(up({})).toBe(0)
  })

  it('is not asked of a gateway, which is there for its site', () => {
    const { around, state } = stateOf({ DODownloadMode: 0 })
    around.host = { ...unknownHost, onBattery: true, vpn: true, ramBytes: GiB }
    state.look()
    expect(sharingOf(state.now(), 'gateway')).toMatchObject({ gives: true, scope: 'site', within: 'all' })
    expect(corePolicyOf(state.now(), 'gateway', policyDefaults)).toMatchObject({
      uploadSlots: 8,
      upstreamWeight: 1000
    })
  })

  it('says of each value where it comes from', () => {
    const { state } = stateOf({ uploadSlots: 3 })
    const origin = { kind: 'registry', name: 'HKLM\\x', line: null, column: null } as const
    const find = (view: ReturnType<PolicyState['view']>, name: string) =>
      view.values.find(one => one.name === name)
    const later = { value: 4, origin }
    const view = state.view(
      [{ path: 'policy.uploadSlots', value: 3, origin }],
      [{ path: 'policy.downloadSlots', ...later }]
    )
    expect(find(view, 'uploadSlots')).toEqual({ name: 'uploadSlots', value: 3, origin, waiting: null })
    expect(find(view, 'downloadSlots')?.waiting).toEqual(later)
    expect(find(state.view([], []), 'uploadSlots')?.origin.kind).toBe('program')
    expect(find(view, 'downloadSlots')?.origin.kind).toBe('default')
  })
})
