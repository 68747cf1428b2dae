/**
 * WinHTTP's proxy of the machine (`netsh winhttp`), which services use: http through the agent, everything else as before. There is no way
 * past a proxy that is down, so this is for machines on which the agent always runs; bits and pac are kinder.
 */
import { answersAt, addressOf, internetSettings, type ItemRules, type Wanted } from '../item-rules.ts'
import { registry, type Values } from '../places.ts'
import { httpProxyOf, withBypass, withHttpProxy } from '../proxy-lists.ts'
import { winHttpFrom, winHttpRecord } from '../proxy-records.ts'
import { bytes, bytesOf, textOf } from '../stored.ts'

export const winhttp: ItemRules = {
  item: 'winhttp',
  level: 'machine',
  what: "plain http of Windows' services goes through the agent (netsh winhttp)",
  changed: {
    settings: { kind: 'winhttp', key: `${internetSettings('HKLM')}\\Connections`, name: 'WinHttpSettings' }
  },
  looked: {
    domain: registry('HKLM\\SYSTEM\\CurrentControlSet\\Services\\Tcpip\\Parameters', 'Domain'),
    wsus: registry('HKLM\\SOFTWARE\\Policies\\Microsoft\\Windows\\WindowsUpdate', 'WUServer')
  },
  want(now, agent): Wanted {
    const settings = now.get('settings') ?? null
    const record = bytesOf(settings)
    const before =
      settings === null ? { proxy: '', bypass: '' } : record === null ? null : winHttpFrom(record)
    if (before === null) {
      const refusal =
        'WinHTTP is set to more than a proxy (automatic configuration, or something unknown): see `netsh winhttp show advproxy`; ' +
        '`netsh winhttp reset proxy` makes room'
      return { values: new Map(), refusal, notes: [] }
    }
    const ours = new URL(addressOf(agent)).host
    const there = httpProxyOf(before.proxy)
    const isForeign = there !== null && there !== ours && !isOurOwn(there)
    const refusal =
      isForeign && !agent.upstreamProxies.includes(there)
        ? `WinHTTP goes through ${there} now, and the agent would not: put http://${there} into upstream.proxies, then apply again`
        : null
    const after = {
      proxy: withHttpProxy(before.proxy, ours),
      bypass: withBypass(before.bypass, [...directHosts, ...internal(now)])
    }
    return {
      values: new Map([['settings', bytes(winHttpRecord(after))]]),
      refusal,
      notes: [
        'while the agent is stopped, what uses this proxy reaches no http address; programs that are running see the change at their next start'
      ]
    }
  },
  checks: agent => [answersAt(addressOf(agent))]
}

/** An agent asks nothing on private ground, so it must not be asked for it. */
const directHosts = [
  '<local>',
  'localhost',
  '127.*',
  '10.*',
  '192.168.*',
  '169.254.*',
  ...Array.from({ length: 16 }, (_, at) => `172.${16 + at}.*`)
]

function internal(now: Values): string[] {
  const domain = textOf(now.get('domain') ?? null) ?? ''
  const server = URL.parse(textOf(now.get('wsus') ?? null) ?? '')?.hostname
  // What is not plain ASCII netsh would write down otherwise than we do.
  return [domain === '' ? [] : [`*.${domain}`], server ?? []]
    .flat()
    .filter(host => /^[a-z0-9.*_-]+$/i.test(host))
}

/** An earlier port of the agent's. */
const isOurOwn = (proxy: string): boolean => /^(127\.0\.0\.1|localhost):\d+$/i.test(proxy)
