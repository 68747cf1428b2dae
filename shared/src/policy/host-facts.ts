/**
 * What a policy may depend on: the state of the machine, as plain data. The agent reads it from the system, the coordinator
 * has it from heartbeats for its dry run, the simulator makes it up. What could not be found out is null, and never a reason
 * to refuse: a machine that does not tell its memory is not one that has none.
 */
import type { Bytes, BytesPerSecond } from '../units.ts'

export interface HostFacts {
  readonly ramBytes: Bytes | null
  /** Of the volume with the cache. */
  readonly diskBytes: Bytes | null
  readonly diskFreeBytes: Bytes | null
  readonly onBattery: boolean
  readonly batteryPercent: number | null
  /** The system calls the way out metered. */
  readonly metered: boolean
  /** The system calls a connection that is up a VPN. Adapters whose names say so are in `adapters`. */
  readonly vpn: boolean
  /** Of adapters that are up: description and friendly name, in which DOVpnKeywords are looked for. */
  readonly adapters: readonly string[]
  /** The way to the LAN goes by Wi-Fi. */
  readonly wifi: boolean
  /** Own addresses with their prefix, like `10.1.2.3/24` and `fd00::1/64`, without loopback. */
  readonly subnets: readonly string[]
  /** Active Directory's site. */
  readonly adSite: string | null
  /** Of the connection, like `berlin.corp.example`. */
  readonly dnsSuffix: string | null
  /** `S-1-5-21-...` of the domain that this machine has authenticated with. */
  readonly domainSid: string | null
  /** Of Entra. */
  readonly tenantId: string | null
  readonly dhcp: {
    /** Option 234: a GUID as text. */
    readonly groupId: string | null
    /** Option 235: cache hosts, with commas between them. */
    readonly cacheHosts: string | null
  }
}

/** What the agent itself has measured. */
export interface Measured {
  /** What the WAN line gave lately when nothing held it back; null: not known yet. */
  readonly wanBytesPerSecond: BytesPerSecond | null
  /** Given to agents of other sites in this calendar month. */
  readonly farUploadBytesThisMonth: Bytes
}

/** A machine of which nothing is known. */
export const unknownHost: HostFacts = {
  ramBytes: null,
  diskBytes: null,
  diskFreeBytes: null,
  onBattery: false,
  batteryPercent: null,
  metered: false,
  vpn: false,
  adapters: [],
  wifi: false,
  subnets: [],
  adSite: null,
  dnsSuffix: null,
  domainSid: null,
  tenantId: null,
  dhcp: { groupId: null, cacheHosts: null }
}

export const nothingMeasured: Measured = { wanBytesPerSecond: null, farUploadBytesThisMonth: 0 }
