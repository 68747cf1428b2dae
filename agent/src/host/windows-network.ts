/**
 * What Windows itself says of its networks: which adapters are up and of what kind, whether the way out is metered, whether a VPN is
 * connected. One run of Windows PowerShell (5.1, on every Windows) asks for all of it, because starting it is what costs; it
 * answers in JSON, so no language of the system gets in the way.
 */
import { z } from 'zod'
import { printed } from './printed.ts'

/**
 * .NET's own list of adapters, for it has those of VPNs that were made by Windows, which Get-NetAdapter leaves out. What is metered
 * only the runtime of apps knows (NetworkCostType, learn.microsoft.com/uwp/api/windows.networking.connectivity.networkcosttype).
 */
export const networkScript = `
$ErrorActionPreference = 'SilentlyContinue'
[Console]::OutputEncoding = [Text.Encoding]::UTF8
$profile = [Windows.Networking.Connectivity.NetworkInformation, Windows.Networking.Connectivity, ContentType = WindowsRuntime]::GetInternetConnectionProfile()
$cost = if ($profile) { $profile.GetConnectionCost() }
$adapters = [Net.NetworkInformation.NetworkInterface]::GetAllNetworkInterfaces() | Where-Object { $_.OperationalStatus -eq 'Up' -and $_.NetworkInterfaceType -ne 'Loopback' }
@{
  costType = if ($cost) { "$($cost.NetworkCostType)" }
  roaming = if ($cost) { $cost.Roaming }
  overDataLimit = if ($cost) { $cost.OverDataLimit }
  vpnConnections = @(@(Get-VpnConnection) + @(Get-VpnConnection -AllUserConnection) | Where-Object { $_ } | ForEach-Object { @{ name = $_.Name; status = "$($_.ConnectionStatus)" } })
  adapters = @($adapters | ForEach-Object {
    $ip = $_.GetIPProperties()
    @{
      id = $_.Id
      name = $_.Name
      description = $_.Description
      type = "$($_.NetworkInterfaceType)"
      dnsSuffix = $ip.DnsSuffix
      gateways = @($ip.GatewayAddresses | ForEach-Object { "$($_.Address)" })
    }
  })
} | ConvertTo-Json -Depth 4 -Compress
`

export const powershellArgs = (script: string): readonly string[] => [
  '-NoProfile',
  '-NonInteractive',
  '-ExecutionPolicy',
  'Bypass',
  '-EncodedCommand',
  Buffer.from(script, 'utf16le').toString('base64')
]

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

// ConvertTo-Json of PowerShell 5.1 makes a list of one into its element, where it came through a pipe.
const listOf = <Item extends z.ZodType>(item: Item) =>
  z.preprocess(value => (Array.isArray(value) ? value : value == null ? [] : [value]), z.array(item))

const answerShape = z.object({
  costType: z.string().nullish(),
  roaming: z.boolean().nullish(),
  overDataLimit: z.boolean().nullish(),
  vpnConnections: listOf(z.object({ name: z.string().nullish(), status: z.string() })),
  adapters: listOf(
    z.object({
      id: z.string(),
      name: z.string(),
      description: z.string(),
      type: z.string(),
      dnsSuffix: z.string().nullish(),
      gateways: listOf(z.string())
    })
  )
})

/** System.Net.NetworkInformation.NetworkInterfaceType, as far as it matters here. */
const kinds: Readonly<Record<string, Adapter['kind']>> = {
  Ethernet: 'wired',
  GigabitEthernet: 'wired',
  FastEthernetT: 'wired',
  Wireless80211: 'wifi',
  Wwanpp: 'mobile',
  Wwanpp2: 'mobile',
  Ppp: 'tunnel',
  Tunnel: 'tunnel'
}

/** @returns null for what is no such answer */
export function networksFromJson(text: string): Networks | null {
  const answer = printed(text, answerShape)
  if (answer === null) return null
  const { costType, roaming, overDataLimit, vpnConnections, adapters } = answer
  const known = adapters.map(one => ({
    id: one.id,
    name: one.name,
    description: one.description,
    kind: kinds[one.type] ?? ('other' as const),
    dnsSuffix: one.dnsSuffix == null || one.dnsSuffix === '' ? null : one.dnsSuffix.toLowerCase(),
    // A gateway of 0.0.0.0 is how a tunnel that takes everything looks.
    isWayOut: one.gateways.length > 0
  }))
  return {
    adapters: known,
    // `Unknown` is what a machine without a way out has.
    isMetered:
      costType == null || costType === 'Unknown'
        ? null
        : costType !== 'Unrestricted' || roaming === true || overDataLimit === true,
    // Teredo and its like are tunnels too, but no PPP ones and no VPNs; they have names of their own.
    hasSystemVpn:
      vpnConnections.some(({ status }) => status === 'Connected') ||
      adapters.some(({ type }) => type === 'Ppp')
  }
}
