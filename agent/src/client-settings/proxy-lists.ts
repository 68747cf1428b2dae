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

/** The hosts of both, each once, without regard to case. */
export function withBypass(list: string, more: readonly string[]): string {
  const hosts = list.split(/[;\s]+/).filter(host => host !== '')
  for (const host of more) if (!hosts.some(one => one.toLowerCase() === host.toLowerCase())) hosts.push(host)
  return hosts.join(';')
}
