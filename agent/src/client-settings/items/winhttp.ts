/**
 * WinHTTP's proxy of the machine (`netsh winhttp`), which services use: http through the agent, everything else as before. There is no way
 * past a proxy that is down, so this is for machines on which the agent always runs; bits and pac are kinder.
 *
 * 32-bit programs read a record of their own. Which of the two a netsh writes is not documented, so the second one is written by us, and both are
 * put back.
 */
import type { ServingAgent } from '../../ports.ts'
import {
  answersAt,
  addressOf,
  internetSettings,
  isSameAddress,
  type ItemRules,
  type Wanted
} from '../item-rules.ts'
import type { Kept } from '../journal.ts'
import { registry, type RegistryPlace, type Values } from '../places.ts'
import {
  httpProxyOf,
  severalIn,
  withBypass,
  withHttpProxy,
  withoutOurs,
  type ProxySetting
} from '../proxy-lists.ts'
import { winHttpFrom, winHttpRecord } from '../proxy-records.ts'
import { bytes, bytesOf, textOf, type Stored } from '../stored.ts'

const in32bit = 'HKLM\\SOFTWARE\\WOW6432Node\\Microsoft\\Windows\\CurrentVersion\\Internet Settings'
const place = (kind: RegistryPlace['kind'], key: string): RegistryPlace => ({
  kind,
  key: `${key}\\Connections`,
  name: 'WinHttpSettings'
})
const names = ['settings', 'settings32'] as const

export const winhttp: ItemRules = {
  item: 'winhttp',
  level: 'machine',
  what: "plain http of Windows' services goes through the agent (netsh winhttp)",
  changed: {
    settings: place('winhttp', internetSettings('HKLM')),
    settings32: place('winhttp-32', in32bit)
  },
  looked: {
    domain: registry('HKLM\\SYSTEM\\CurrentControlSet\\Services\\Tcpip\\Parameters', 'Domain'),
    wsus: registry('HKLM\\SOFTWARE\\Policies\\Microsoft\\Windows\\WindowsUpdate', 'WUServer')
  },
  want(now, agent, kept): Wanted {
    const wanted = names.map(
      name => [name, wantOf(now.get(name) ?? null, kept, internal(now), agent)] as const
    )
    return {
      values: new Map(wanted.flatMap(([name, { value }]) => (value === null ? [] : [[name, value]]))),
      refusal: wanted.map(([, { refusal }]) => refusal).find(refusal => refusal !== null) ?? null,
      notes: [
        'while the agent is stopped, what uses this proxy reaches no http address; programs that are running see the change at their next start'
      ]
    }
  },
  checks: agent => [answersAt(addressOf(agent))],
  withoutOurs(name, now, kept) {
    const { before, ours } = kept[name] ?? { before: null, ours: [] }
    const [there, old] = [settingOf(now), settingOf(before)]
    if (there === null || old === null) return undefined
    const rest = withoutOurs(
      there,
      old,
      ours.flatMap(one => settingOf(one) ?? [])
    )
    if (rest === null) return undefined
    // Without a proxy there is nothing to be asked past it.
    return rest.proxy !== '' ? bytes(winHttpRecord(rest)) : old.proxy === '' ? before : direct
  }
}

const direct = bytes(winHttpRecord({ proxy: '', bypass: '' }))

/** Null: it says something that we cannot keep. */
function settingOf(stored: Stored): ProxySetting | null {
  if (stored === null) return { proxy: '', bypass: '' }
  const record = bytesOf(stored)
  return record === null ? null : winHttpFrom(record)
}

function wantOf(
  now: Stored,
  kept: Kept,
  past: readonly string[],
  agent: ServingAgent
): { readonly value: Stored; readonly refusal: string | null } {
  const before = settingOf(now)
  if (before === null) {
    const refusal =
      'WinHTTP is set to more than a proxy (automatic configuration, or something unknown): see `netsh winhttp show advproxy`; ' +
      '`netsh winhttp reset proxy` makes room'
    return { value: null, refusal }
  }
  const ours = new URL(addressOf(agent)).host
  const several = severalIn(before.proxy)
  if (several.length > 0) {
    const refusal =
      `WinHTTP goes through one of several proxies now (${several.join(', ')}), of which none would stand in for another any more: ` +
      'set the one that is needed with `netsh winhttp set proxy`, then apply again'
    return { value: null, refusal }
  }
  const there = httpProxyOf(before.proxy)
  const noted = Object.values(kept).flatMap(({ ours: them }) =>
    them.flatMap(one => httpProxyOf(settingOf(one)?.proxy ?? '') ?? [])
  )
  const isForeign = there !== null && ![ours, ...noted].some(own => isSameAddress(own, there))
  const refusal =
    isForeign && !agent.upstreamProxies.includes(there)
      ? `WinHTTP goes through ${there} now, and the agent would not: put http://${there} into upstream.proxies, then apply again`
      : null
  const after = {
    proxy: withHttpProxy(before.proxy, ours),
    bypass: withBypass(before.bypass, [...directHosts, ...past])
  }
  return { value: bytes(winHttpRecord(after)), refusal }
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
