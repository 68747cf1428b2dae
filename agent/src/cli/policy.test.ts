import { effectivePolicy } from '@starling/shared/policy/effective.ts'
import { nothingMeasured, unknownHost, type HostFacts } from '@starling/shared/policy/host-facts.ts'
import { policyDefaults, policyFields, type PolicyDocument } from '@starling/shared/policy/policy.ts'
import { describe, expect, it } from 'vitest'
import type { PolicyView } from '../ports.ts'
import { policyLines } from './policy.ts'

const fleet = { kind: 'coordinator', name: 'fleet version 3', line: null, column: null } as const

function lines(
  document: PolicyDocument,
  facts: Partial<HostFacts> = {},
  all = false,
  later: Readonly<Record<string, unknown>> = {}
): string {
  const host = { ...unknownHost, ...facts }
  const policy = { ...policyDefaults, ...document }
  const view: PolicyView = {
    values: policyFields.map(({ name }) => ({
      name,
      value: policy[name],
      origin:
        name in document
          ? { kind: 'registry', name: `HKLM\\...\\${name}`, line: null, column: null }
          : { kind: 'default', name: '', line: null, column: null },
      waiting: later[name] === undefined ? null : { value: later[name], origin: fleet }
    })),
    host,
    measured: nothingMeasured,
    effective: effectivePolicy({ policy, host, time: null, measured: nothingMeasured })
  }
  return policyLines(view, all).join('\n')
}

describe('starling policy show', () => {
  it('tells what is set, what it means, and where it comes from; with --all the defaults too', () => {
    const text = lines({ DODownloadMode: 2, DOMaxCacheSize: 30, DOVpnKeywords: ['Acme'] })
    expect(text).toMatch(/DODownloadMode +2 \(Group\) +registry HKLM\\...\\DODownloadMode/)
    expect(text).toMatch(/DOMaxCacheSize +30 % +registry/)
    expect(text).toMatch(/DOVpnKeywords +Acme +registry/)
    expect(text).not.toContain('uploadSlots')
    expect(lines({}, {}, true)).toMatch(/uploadSlots +8 +default/)
    expect(lines({})).toContain('nothing is set')
  })

  it('tells what follows from it on this machine', () => {
    const onBattery = { onBattery: true, batteryPercent: 35 }
    const text = lines({ DOMinBatteryPercentageAllowedToUpload: 40 }, onBattery)
    expect(text).toContain('power: battery (35 %)')
    expect(text).toContain(
      'does not upload: the battery is at 35 %, and DOMinBatteryPercentageAllowedToUpload asks for 40 %'
    )
    expect(lines({ DODownloadMode: 0 })).toContain('does not share: DODownloadMode is 0 (HTTP only)')
    expect(lines({ DODownloadMode: 100 })).toContain('keeps nothing of what passes through')
    expect(lines({ DOCacheHost: ['gw.example'] })).toContain(
      'asks cache hosts first: gw.example (DOCacheHost)'
    )
    expect(lines({ DOMaxCacheAge: 86_400 })).toMatch(/each for (24h|1d|86400s)/)
    expect(lines({ DORestrictPeerSelectionBy: 1 })).toContain('in its own subnets')
    expect(lines({ DOMaxForegroundDownloadBandwidth: 500 })).toContain(
      'at most 500 KiB/s over the WAN in the foreground'
    )
  })

  it('tells what waits for a restart, beside what is in force', () => {
    const text = lines({}, {}, false, { upstreamServers: [{ name: 'north', kind: 'direct' }] })
    expect(text).toMatch(/upstreamServers +\[\] +default/)
    expect(text).toMatch(/upstreamServers +\[.*north.*\] +.*fleet version 3.*, waiting: restart/)
  })

  it('prints nothing of a network as it came that could move the cursor', () => {
    expect(lines({}, { adapters: ['Evil\u001B[2J'] })).not.toContain('\u001B')
  })
})
