/** The facts that policies depend on, out of what was read of the system. What could not be read counts as in `unknownHost`. */
import { unknownHost, type HostFacts } from '@starling/shared/policy/host-facts.ts'
import type { Bytes } from '@starling/shared/units.ts'
import type { Battery } from './battery.ts'
import type { DhcpAnswers } from './windows-directory.ts'
import type { Networks } from './windows-network.ts'

/** Where the machine belongs. Each null: it does not, or it is not known. */
export interface Directory {
  readonly adSite: string | null
  readonly dnsSuffix: string | null
  readonly domainSid: string | null
  readonly tenantId: string | null
  readonly dhcp: DhcpAnswers
}

/** Null: could not be read. */
export interface Readings {
  readonly ramBytes: Bytes | null
  readonly disk: { readonly bytes: Bytes; readonly freeBytes: Bytes } | null
  readonly battery: Battery | null
  readonly networks: Networks | null
  readonly directory: Directory | null
  readonly subnets: readonly string[]
}

export const nothingRead: Readings = {
  ramBytes: null,
  disk: null,
  battery: null,
  networks: null,
  directory: null,
  subnets: []
}

export function factsFrom({ ramBytes, disk, battery, networks, directory, subnets }: Readings): HostFacts {
  const adapters = networks?.adapters ?? []
  const waysOut = adapters.filter(({ isWayOut }) => isWayOut)
  return {
    ramBytes,
    diskBytes: disk?.bytes ?? null,
    diskFreeBytes: disk?.freeBytes ?? null,
    onBattery: battery?.onBattery ?? unknownHost.onBattery,
    batteryPercent: battery?.percent ?? null,
    metered: networks?.isMetered ?? unknownHost.metered,
    vpn: networks?.hasSystemVpn ?? unknownHost.vpn,
    adapters: [...new Set(adapters.flatMap(({ name, description }) => [description, name]))].filter(
      text => text !== ''
    ),
    // With a cable plugged in, traffic goes through that.
    wifi: waysOut.some(({ kind }) => kind === 'wifi') && waysOut.every(({ kind }) => kind !== 'wired'),
    subnets,
    adSite: directory?.adSite ?? null,
    // The connection's own counts before the machine's.
    dnsSuffix: waysOut.find(one => one.dnsSuffix !== null)?.dnsSuffix ?? directory?.dnsSuffix ?? null,
    domainSid: directory?.domainSid ?? null,
    tenantId: directory?.tenantId ?? null,
    dhcp: directory?.dhcp ?? unknownHost.dhcp
  }
}
