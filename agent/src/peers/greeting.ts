/**
 * The first word on a control stream: who may speak with us. Noise has proven the peer's key by then, so what is
 * left is whether that key belongs to our fleet and site, and the answer is one word for people and counters.
 */
import { protocolVersion, type Hello, type Message } from '@starling/shared/wire.ts'
import type { Proof, Role } from '@starling/shared/credential.ts'
import type { AgentId, SiteId } from '@starling/shared/ids.ts'
import type { TrustPort } from '../ports.ts'
import { groupWord, isOfGroup } from './near.ts'
import { wordsOf, type Told } from './told.ts'

export interface Ourselves {
  readonly site: SiteId
  readonly role: Role
  /** Where we serve chunks, told to others. */
  readonly bulkPort: number
  /** Of agents at any site, told as a hash; null: there is the site alone. */
  readonly group: () => string | null
  /** Of this machine, for people. */
  readonly told: () => Told
}

export function makeHello(proof: Proof, us: Ourselves): Hello {
  const group = us.group()
  return {
    type: 'hello',
    version: protocolVersion,
    proof,
    site: us.site,
    role: us.role,
    capabilities: [...(group === null ? [] : [groupWord(group)]), ...wordsOf(us.told())],
    bulkPort: us.bulkPort
  }
}

/** The role that the proof grants; a fleet secret makes members, never a gateway. */
export function provenRole(proof: Proof): Role {
  return proof.kind === 'credential' ? proof.credential.role : 'agent'
}

/** @returns null when the peer may be served, else the reason why not. */
export function checkHello(
  peer: AgentId,
  said: Message | null,
  trust: TrustPort,
  group: string | null
): string | null {
  if (said?.type !== 'hello') return 'no-hello'
  if (said.version !== protocolVersion) return 'other-version'
  const untrusted = trust.checkPeer(peer, said.proof, isOfGroup(said.capabilities, group))
  if (untrusted !== null) return untrusted
  const { proof, site, role } = said
  // Whether the site that is proven may speak with ours, trust has decided; what is said must be what is proven.
  if (site !== (proof.kind === 'credential' ? proof.credential.site : proof.site)) return 'other-site'
  // A gateway's word counts for more, so an agent's credential cannot be used to speak as one.
  if (proof.kind === 'credential' && role !== proof.credential.role) return 'other-role'
  return null
}
