/**
 * Whom this agent shares with, and whether it gives. Policy and the state of the machine say so (shared/policy/effective.ts); here is
 * what follows for a peer.
 *
 * Who does not give (a laptop on its battery) still takes. It must not look like a source, or others would wait for it: it tells no haves and no
 * claims, and says that it is not willing to fetch for its site. What nobody else is after it fetches for itself.
 */
import type { Role } from '@starling/shared/credential.ts'
import type { Bytes } from '@starling/shared/units.ts'

export interface Sharing {
  /** Gateways are no peers in this: they are asked in any case. */
  readonly scope: 'nobody' | 'site' | 'group'
  /** Of these, only who is in one of our subnets, or whom we hear by multicast. */
  readonly within: 'all' | 'subnet' | 'link'
  readonly gives: boolean
  readonly givesToOtherSites: boolean
  /** What is smaller is not shared. */
  readonly contentBytesMin: Bytes
}

/** Where a peer is, beside its site: all that a restriction can be about. */
export interface Nearness {
  readonly sameGroup: boolean
  readonly sameSubnet: boolean
  readonly sameLink: boolean
}

export const shareWithSite: Sharing = {
  scope: 'site',
  within: 'all',
  gives: true,
  givesToOtherSites: true,
  contentBytesMin: 0
}

/** Whether there is any talk with this peer. */
export function isPeer(
  { scope, within }: Sharing,
  self: Role,
  peer: { readonly role: Role },
  near: Nearness
): boolean {
  // A gateway is there for whoever may speak with it, and whoever speaks with one has the gateway's own policy to thank for it.
  if (peer.role === 'gateway' || self === 'gateway') return true
  if (scope === 'nobody' || (scope === 'group' && !near.sameGroup)) return false
  if (within === 'subnet') return near.sameSubnet
  return within === 'all' || near.sameLink
}

/** Whether this peer gets anything from us. What a gateway gives to other sites is what it is there for. */
export function givesTo(sharing: Sharing, self: Role, isOfOtherSite: boolean): boolean {
  return sharing.gives && (!isOfOtherSite || self === 'gateway' || sharing.givesToOtherSites)
}
