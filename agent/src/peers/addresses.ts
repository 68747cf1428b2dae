/**
 * Which addresses we dial, in which order, and which of our own we tell. On a LAN the nearest address is the
 * right one, while libp2p's default sorter puts public addresses first; loopback is somebody else's machine to
 * everyone but ourselves, so it comes last and is told only when it is all we have.
 */
import { isIPv6 } from 'node:net'
import { multiaddr, type Multiaddr } from '@multiformats/multiaddr'
import { StarlingError } from '@starling/shared/errors.ts'
import { isAgentId, type AgentId } from '@starling/shared/ids.ts'

const hostProtocols = new Set(['ip4', 'ip6', 'dns', 'dns4', 'dns6'])

/** @returns null for what is not `/<ip or name>/tcp/<port>[/p2p/<id>]`: no relays, no other transports. */
export function parseAddress(text: string): Multiaddr | null {
  try {
    const address = multiaddr(text)
    const [host, transport, peer, ...more] = address.getComponents()
    if (host === undefined || !hostProtocols.has(host.name) || transport?.name !== 'tcp') return null
    if (more.length > 0 || (peer !== undefined && (peer.name !== 'p2p' || !isAgentId(peer.value ?? ''))))
      return null
    return address
  } catch {
    return null
  }
}

/** Whom an address names, if it does. */
export function peerOf(address: Multiaddr): AgentId | null {
  return address.getComponents().findLast(component => component.name === 'p2p')?.value ?? null
}

export function hostOf(address: Multiaddr): string {
  return address.getComponents()[0]?.value ?? ''
}

/** The other end of a connection as node:net takes it; null when it is not reached by IP. */
export function socketHostOf(address: Multiaddr): string | null {
  const components = address.getComponents()
  const ip = components.find(({ name }) => name === 'ip4' || name === 'ip6')?.value
  // A link-local address means nothing without its interface.
  const zone = components.find(({ name }) => name === 'ip6zone')?.value
  return ip === undefined ? null : zone === undefined ? ip : `${ip}%${zone}`
}

/** @throws StarlingError `bad-address` */
export function listenAddress(host: string, port: number): string {
  const text = `/${isIPv6(host) ? 'ip6' : 'ip4'}/${host}/tcp/${port}`
  if (parseAddress(text) === null) {
    throw new StarlingError(
      'bad-address',
      `cannot listen on ${JSON.stringify(host)}: give an IP address such as 0.0.0.0 or 127.0.0.1`
    )
  }
  return text
}

export function isLoopback(host: string): boolean {
  return host.startsWith('127.') || host === '::1' || host === '0:0:0:0:0:0:0:1'
}

/** 0 the LAN, 1 link-local, 2 a name, 3 a public address, 4 this machine. Equal ranks keep their order. */
export function nearness(address: Multiaddr): number {
  const host = hostOf(address)
  if (isLoopback(host)) return 4
  if (/^(10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.)/.test(host))
    return 0
  if (/^f[cd][0-9a-f]{2}:/i.test(host)) return 0
  if (/^(169\.254\.|fe[89ab][0-9a-f]:)/i.test(host)) return 1
  return address.getComponents()[0]?.name.startsWith('dns') === true ? 2 : 3
}

export function nearestFirst(a: Multiaddr, b: Multiaddr): number {
  return nearness(a) - nearness(b)
}

/** What others are told of our own addresses: the nearest first, loopback only if there is nothing else. */
export function toAnnounce(own: readonly Multiaddr[]): Multiaddr[] {
  const beyond = own.filter(address => !isLoopback(hostOf(address)))
  return (beyond.length > 0 ? beyond : [...own]).sort(nearestFirst)
}
