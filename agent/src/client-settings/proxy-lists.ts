/** Windows' texts for proxies and for hosts that are asked directly, and how ours is put into one that is there. Pure. */

type Entry = readonly [protocol: string, proxy: string]

/** `http=a:1;https=b:2`; a proxy without a protocol is that of every other one (`*`). Of one there may be several, asked in this order. */
function entriesOf(list: string): readonly Entry[] {
  return list
    .split(/[;\s]+/)
    .filter(part => part !== '')
    .map(part => {
      const [, protocol = '*', proxy = ''] = /^(?:([a-z]+)=)?(?:https?:\/\/)?(.*?)\/?$/i.exec(part) ?? []
      return [protocol.toLowerCase(), proxy] as const
    })
}

const listOf = (entries: readonly Entry[]): string =>
  entries.map(([protocol, proxy]) => (protocol === '*' ? proxy : `${protocol}=${proxy}`)).join(';')

/** Where http goes now; null: directly. */
export function httpProxyOf(list: string): string | null {
  const entries = entriesOf(list)
  const named = (name: string) => entries.find(([protocol]) => protocol === name)
  return (named('http') ?? named('*'))?.[1] ?? null
}

/** Proxies of one protocol that stand in for each other; empty: each protocol has one. */
export function severalIn(list: string): readonly string[] {
  const entries = entriesOf(list)
  return entries
    .filter(([protocol]) => entries.filter(([other]) => other === protocol).length > 1)
    .map(([, proxy]) => proxy)
}

/** Http through us, everything else as before: https would only pass through, and there is no way past a proxy that is down. */
export function withHttpProxy(list: string, ours: string): string {
  const entries = entriesOf(list).filter(([protocol]) => protocol !== 'http')
  const hasHttps = entries.some(([protocol]) => protocol === 'https')
  const others = entries.flatMap(([protocol, proxy]): Entry[] =>
    protocol !== '*' ? [[protocol, proxy]] : hasHttps ? [] : [['https', proxy]]
  )
  return listOf([['http', ours], ...others])
}

/** A proxy, and the hosts that are asked past it. */
export interface ProxySetting {
  readonly proxy: string
  readonly bypass: string
}

/**
 * What is left when what we had put in goes: our proxy replaced by what was there before, hosts that we added gone, and what others have
 * changed since as they want it.
 * @param ours all that we wrote there @returns null when nothing goes through us
 */
export function withoutOurs(
  now: ProxySetting,
  before: ProxySetting,
  ours: readonly ProxySetting[]
): ProxySetting | null {
  const own = new Set(ours.map(({ proxy }) => httpProxyOf(proxy)))
  if (!entriesOf(now.proxy).some(([, proxy]) => own.has(proxy))) return null
  return {
    proxy: ours.some(({ proxy }) => proxy === now.proxy)
      ? before.proxy
      : withoutProxies(now.proxy, before.proxy, own),
    bypass: withoutBypass(now.bypass, before.bypass, ours)
  }
}

/** Somebody may have set ours for every protocol by hand: then all that was there comes back, unless it is named otherwise now. */
function withoutProxies(list: string, before: string, own: ReadonlySet<string | null>): string {
  const entries = entriesOf(list)
  const old = entriesOf(before)
  const named = new Set(entries.map(([protocol]) => protocol))
  return listOf(
    entries.flatMap(([protocol, proxy]): readonly Entry[] => {
      if (!own.has(proxy)) return [[protocol, proxy]]
      if (protocol === '*') return old.filter(([other]) => other === '*' || !named.has(other))
      const same = old.filter(([other]) => other === protocol)
      return same.length > 0
        ? same
        : old.flatMap(([other, was]): Entry[] => (other === '*' ? [[protocol, was]] : []))
    })
  )
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
