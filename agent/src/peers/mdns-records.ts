/**
 * What we say and believe in mDNS, in libp2p's form (github.com/libp2p/specs, discovery/mdns.md): a PTR from the
 * service to a random name, and a TXT `dnsaddr=<multiaddr>` for each address. The service is a subtype named
 * after the fleet (RFC 6763, 7.1), so that other fleets' agents stay silent. No host or user name is told.
 */
import type { ResponsePacket } from 'multicast-dns'
import type { AgentId } from '@starling/shared/ids.ts'
import { hostOf, parseAddress, peerOf } from './addresses.ts'

export type Answer = NonNullable<ResponsePacket['answers']>[number]

/** RFC 6762 recommends 75 minutes for such records and 2 for those with addresses in them. */
const ttlSeconds = 120
const addressesMax = 16

export function serviceName(fleetTag: string): string {
  return `_${fleetTag}._sub._starling._udp.local`
}

export function makeAnswers(service: string, name: string, addresses: readonly string[]): Answer[] {
  const instance = `${name}.${service}`
  return [
    { name: service, type: 'PTR', class: 'IN', ttl: ttlSeconds, data: instance },
    ...addresses.map((address): Answer => ({
      name: instance,
      type: 'TXT',
      class: 'IN',
      ttl: ttlSeconds,
      data: `dnsaddr=${address}`
    }))
  ]
}

/** Where Delivery Optimization looks for a cache host of the LAN by itself, unless policy forbids it (DOCacheHostSource=0). */
export const cacheHostService = '_microsoft_mcc._tcp.local'

/** DNS-SD (RFC 6763): the service, its instance, where it listens, and the address of that name. */
export function makeCacheHostAnswers(name: string, ip: string, port: number): Answer[] {
  const instance = `${name}.${cacheHostService}`
  const target = `${name}.local`
  const common = { class: 'IN', ttl: ttlSeconds } as const
  return [
    { ...common, name: cacheHostService, type: 'PTR', data: instance },
    { ...common, name: instance, type: 'SRV', data: { target, port, priority: 0, weight: 0 } },
    // A service without attributes still has the record (RFC 6763, 6.1).
    { ...common, name: instance, type: 'TXT', data: '' },
    { ...common, name: target, type: ip.includes(':') ? 'AAAA' : 'A', data: ip }
  ]
}

export interface Found {
  readonly id: AgentId
  readonly addresses: readonly string[]
}

/**
 * @param isOnLink whether an IP address belongs to the link that the answer came from: an answer may not send us
 * anywhere else.
 * @returns null when there is nothing in it for us.
 */
export function readAnswers(
  answers: readonly Answer[],
  service: string,
  isOnLink: (ip: string) => boolean
): Found | null {
  if (!answers.some(answer => answer.type === 'PTR' && answer.name === service)) return null
  const texts = answers
    .flatMap(answer => (answer.type === 'TXT' ? answer.data : []))
    .slice(0, addressesMax)
    .map(String)
  const addresses = texts
    .map(text => (text.startsWith('dnsaddr=') ? parseAddress(text.slice('dnsaddr='.length)) : null))
    .filter(address => address !== null)
    .filter(address => isOnLink(hostOf(address)))
  const id = addresses[0] === undefined ? null : peerOf(addresses[0])
  if (id === null) return null
  return { id, addresses: addresses.filter(address => peerOf(address) === id).map(String) }
}
