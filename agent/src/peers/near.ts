/**
 * How near a peer is, beside its site: what a policy may ask for. The group is told in `hello` as a hash, so that strangers of another
 * learn nothing of it; the subnet is the one that its connection comes from; on the link is whom multicast has been heard from.
 */
import { createHash } from 'node:crypto'
import { isIP } from 'node:net'
import { networkInterfaces } from 'node:os'
import { contains, networkFrom } from '@starling/shared/policy/networks.ts'
import type { Nearness } from '../ports.ts'
import { isLoopback } from './addresses.ts'

/** A word of `capabilities`. */
export function groupWord(group: string): string {
  return `group:${createHash('sha256').update(`starling/group/1\n${group}`).digest('hex').slice(0, 32)}`
}

export function isOfGroup(capabilities: readonly string[], group: string | null): boolean {
  return group !== null && capabilities.includes(groupWord(group))
}

/** @param host where the peer's connection comes from; null: not by IP @param heard by multicast */
export function nearnessOf(
  capabilities: readonly string[],
  group: string | null,
  host: string | null,
  heard: boolean,
  own: readonly string[] = ownSubnets()
): Nearness {
  const isHere = host !== null && isLoopback(host)
  const address = host === null || isIP(host.replace(/%.*$/, '')) === 0 ? null : networkFrom(host)
  // A link-local address is in nobody's subnet but on our link.
  const isOnLink = host !== null && /^fe[89ab]/i.test(host)
  return {
    sameGroup: isOfGroup(capabilities, group),
    sameSubnet:
      isHere || isOnLink || (address !== null && own.some(subnet => contains(networkFrom(subnet)!, address))),
    sameLink: isHere || isOnLink || heard
  }
}

function ownSubnets(): readonly string[] {
  return Object.values(networkInterfaces())
    .flatMap(addresses => addresses ?? [])
    .flatMap(({ internal, cidr }) => (internal || cidr === null ? [] : [cidr]))
}
