/** Where Windows says that this machine belongs: AD site, DNS suffix, Entra tenant, what DHCP gave; from the keys where it notes them. */
import type { RegistryKey } from '../registry.ts'
import { dhcpOptionsFrom, dhcpText } from './dhcp-options.ts'

/** What an admin has set (SiteName) counts before what the domain found out. */
export function adSiteFrom(netlogon: readonly RegistryKey[]): string | null {
  return textOf(netlogon[0], 'SiteName') ?? textOf(netlogon[0], 'DynamicSiteName')
}

/** The domain's, else what DHCP gave. Of the machine; adapters may have their own. */
export function dnsSuffixFrom(tcpip: readonly RegistryKey[]): string | null {
  const own = tcpip[0]
  const suffix = textOf(own, 'NV Domain') ?? textOf(own, 'Domain') ?? textOf(own, 'DhcpDomain')
  return suffix?.toLowerCase() ?? null
}

/** Below JoinInfo is one key for each registration, named by its certificate. */
export function entraTenantFrom(joinInfo: readonly RegistryKey[]): string | null {
  for (const key of joinInfo) {
    const tenant = textOf(key, 'TenantId')
    if (tenant !== null) return tenant.toLowerCase()
  }
  return null
}

export interface DhcpAnswers {
  /** Option 234: a group id. */
  readonly groupId: string | null
  /** Option 235: cache hosts, with commas. */
  readonly cacheHosts: string | null
}

/** @param adapterIds those that lead out first: the first answer counts */
export function dhcpAnswersFrom(tcpip: readonly RegistryKey[], adapterIds: readonly string[]): DhcpAnswers {
  const options = adapterIds.flatMap(id => {
    const key = tcpip.find(({ path }) => path.toLowerCase().endsWith(`\\interfaces\\${id.toLowerCase()}`))
    const blob = key?.values.find(({ name }) => name === 'DhcpInterfaceOptions')?.data
    return blob instanceof Uint8Array ? [dhcpOptionsFrom(blob)] : []
  })
  const first = (code: number) =>
    options.map(one => dhcpText(one.get(code))).find(text => text !== null) ?? null
  return { groupId: first(234), cacheHosts: first(235) }
}

function textOf(key: RegistryKey | undefined, name: string): string | null {
  const data = key?.values.find(one => one.name.toLowerCase() === name.toLowerCase())?.data
  // Netlogon pads its names with a zero byte, which reg.exe prints or not.
  const text = typeof data === 'string' ? data.replaceAll('\0', '').trim() : ''
  return text === '' ? null : text
}
