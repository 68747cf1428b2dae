/** Windows' texts for proxies and for hosts that are asked directly, and how ours is put into one that is there. Pure. */

/** `http=a:1;https=b:2` by protocol; a proxy without one is that of every other protocol (`*`). */
export function proxiesOf(list: string): ReadonlyMap<string, string> {
  return new Map(
    list
      .split(/[;\s]+/)
      .filter(part => part !== '')
      .map(part => {
        const [, protocol = '*', proxy = ''] = /^(?:([a-z]+)=)?(?:https?:\/\/)?(.*?)\/?$/i.exec(part) ?? []
        return [protocol.toLowerCase(), proxy] as const
      })
  )
}

/** Where http goes now; null: directly. */
export function httpProxyOf(list: string): string | null {
  const proxies = proxiesOf(list)
  return proxies.get('http') ?? proxies.get('*') ?? null
}

/** Http through us, everything else as before: https would only pass through, and there is no way past a proxy that is down. */
export function withHttpProxy(list: string, ours: string): string {
  const proxies = new Map(proxiesOf(list))
  const other = proxies.get('*')
  if (other !== undefined) {
    proxies.delete('*')
    if (!proxies.has('https')) proxies.set('https', other)
  }
  proxies.delete('http')
  return [['http', ours] as const, ...proxies].map(([protocol, proxy]) => `${protocol}=${proxy}`).join(';')
}

/** A proxy, and the hosts that are asked past it. */
export interface ProxySetting {
  readonly proxy: string
  readonly bypass: string
}

/**
 * What is left when what we had put in goes: http as before, hosts that we added gone, and what others have changed since as they want it.
 * @param ours all that we wrote there @returns null when http does not go through us
 */
export function withoutOurs(
  now: ProxySetting,
  before: ProxySetting,
  ours: readonly ProxySetting[]
): ProxySetting | null {
  const http = httpProxyOf(now.proxy)
  if (http === null || !ours.some(({ proxy }) => httpProxyOf(proxy) === http)) return null
  return {
    proxy: ours.some(({ proxy }) => proxy === now.proxy)
      ? before.proxy
      : withHttpAs(now.proxy, httpProxyOf(before.proxy)),
    bypass: withoutBypass(now.bypass, before.bypass, ours)
  }
}

function withHttpAs(list: string, http: string | null): string {
  const proxies = [...proxiesOf(list)].flatMap(([protocol, proxy]) =>
    protocol !== 'http' ? [[protocol, proxy] as const] : http === null ? [] : [[protocol, http] as const]
  )
  return proxies.map(([protocol, proxy]) => (protocol === '*' ? proxy : `${protocol}=${proxy}`)).join(';')
}

function withoutBypass(list: string, before: string, ours: readonly ProxySetting[]): string {
  const old = hostsOf(before.toLowerCase())
  const added = ours
    .flatMap(({ bypass }) => hostsOf(bypass.toLowerCase()))
    .filter(host => !old.includes(host))
  return hostsOf(list)
    .filter(host => !added.includes(host.toLowerCase()))
    .join(';')
}

const hostsOf = (list: string): string[] => list.split(/[;\s]+/).filter(host => host !== '')

/** The hosts of both, each once, without regard to case. */
export function withBypass(list: string, more: readonly string[]): string {
  const hosts = hostsOf(list)
  for (const host of more) if (!hosts.some(one => one.toLowerCase() === host.toLowerCase())) hosts.push(host)
  return hosts.join(';')
}
