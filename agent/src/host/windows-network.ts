/**
 * What Windows says of its networks: which adapters are up and of what kind, whether the way out is metered, whether a VPN of its own
 * is connected.
 */
import { z } from 'zod'

export interface Adapter {
  /** What the system calls it: a GUID in braces on Windows. */
  readonly id: string
  readonly name: string
  readonly description: string
  readonly kind: 'wired' | 'wifi' | 'mobile' | 'tunnel' | 'other'
  readonly dnsSuffix: string | null
  /** A default gateway is reached through it. */
  readonly isWayOut: boolean
}

export interface Networks {
  readonly adapters: readonly Adapter[]
  /** Null: the system does not say. */
  readonly isMetered: boolean | null
  /** Whether a VPN that the system itself knows of is connected. Null: the system does not say. */
  readonly hasSystemVpn: boolean | null
}

/** One that is up, of GetAdaptersAddresses. */
export const adapterSchema = z.object({
  id: z.string(),
  name: z.string(),
  description: z.string(),
  type: z.number(),
  dnsSuffix: z.string(),
  isWayOut: z.boolean()
})

/** IANA's ifType, as far as it matters here: Ethernet in three speeds, 802.11, mobile broadband, PPP, tunnels. */
const kinds: ReadonlyMap<number, Adapter['kind']> = new Map([
  [6, 'wired'],
  [62, 'wired'],
  [117, 'wired'],
  [71, 'wifi'],
  [243, 'mobile'],
  [244, 'mobile'],
  [23, 'tunnel'],
  [131, 'tunnel']
])
/** What every VPN of Windows' own looks like. Teredo and its like are tunnels of another type, and no VPNs. */
const ppp = 23

/** learn.microsoft.com/windows/win32/api/netlistmgr/ne-netlistmgr-nlm_connection_cost: flags; 0 is what a machine without a way out has. */
const cost = { unrestricted: 0x1, overDataLimit: 0x10000, roaming: 0x40000 } as const

/** @param costFlags null: the system does not say */
export function networksFrom(
  adapters: ReadonlyArray<z.infer<typeof adapterSchema>>,
  costFlags: number | null
): Networks {
  return {
    adapters: adapters.map(({ id, name, description, type, dnsSuffix, isWayOut }) => ({
      id,
      name,
      description,
      kind: kinds.get(type) ?? 'other',
      dnsSuffix: dnsSuffix === '' ? null : dnsSuffix.toLowerCase(),
      isWayOut
    })),
    isMetered:
      costFlags === null || costFlags === 0
        ? null
        : (costFlags & cost.unrestricted) === 0 || (costFlags & (cost.overDataLimit | cost.roaming)) !== 0,
    hasSystemVpn: adapters.some(({ type }) => type === ppp)
  }
}
