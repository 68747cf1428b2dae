/**
 * Who may join, and how it says so. Two kinds of proof, one use: shown in `hello`, checked before anything else
 * is served.
 *
 * - With a coordinator: a credential that a coordinator signed, and the fleet key's word for that coordinator.
 * - With a fleet secret: HMAC-SHA-256(secret, agentId). Noise has already proven the AgentId, so a proof copied
 *   from somebody else's `hello` is of no use.
 */
import { encode } from '@ipld/dag-cbor'
import type { AgentId, SiteId } from './ids.ts'
import { dayMs, hourMs, type Millis } from './units.ts'

export type Role = 'agent' | 'gateway'

/** The fleet key's word that a coordinator speaks for the fleet. */
export interface CoordinatorCertificate {
  /** Public fleet key in PeerId form. */
  readonly fleet: AgentId
  readonly coordinator: AgentId
  readonly notBefore: Millis
  readonly notAfter: Millis
  /** By the fleet key over `coordinatorCertificateBytes`. */
  readonly signature: Uint8Array
}

export interface Credential {
  readonly agentId: AgentId
  readonly site: SiteId
  readonly role: Role
  readonly notBefore: Millis
  readonly notAfter: Millis
  /** Unique in the fleet; revocation lists name agents, audit names serials. */
  readonly serial: number
  readonly coordinator: CoordinatorCertificate
  /** By the coordinator's key over `credentialBytes`. */
  readonly signature: Uint8Array
}

export type Proof =
  | { readonly kind: 'credential'; readonly credential: Credential }
  | { readonly kind: 'secret'; readonly site: SiteId; readonly mac: Uint8Array }

/** Agents that may not take part any more. A list replaces only one of a lower version. */
export interface RevocationList {
  readonly version: number
  readonly agents: readonly AgentId[]
  readonly coordinator: CoordinatorCertificate
  readonly signature: Uint8Array
}

export const credentialLifeMs: Millis = dayMs
/** How long an expired credential still counts while no coordinator can be reached. */
export const credentialGraceMs: Millis = 7 * dayMs
/** Clocks of a fleet differ; so much is forgiven on top of what the coordinator's offset corrects. */
export const clockToleranceMs: Millis = hourMs

export function coordinatorCertificateBytes(body: Omit<CoordinatorCertificate, 'signature'>): Uint8Array {
  return encode([
    'starling/coordinator-certificate/1',
    body.fleet,
    body.coordinator,
    body.notBefore,
    body.notAfter
  ])
}

export function credentialBytes(body: Omit<Credential, 'signature' | 'coordinator'>): Uint8Array {
  return encode([
    'starling/credential/1',
    body.agentId,
    body.site,
    body.role,
    body.notBefore,
    body.notAfter,
    body.serial
  ])
}

export function revocationListBytes(body: Pick<RevocationList, 'version' | 'agents'>): Uint8Array {
  return encode(['starling/revocations/1', body.version, body.agents])
}

/** What the HMAC of a secret proof is over. */
export function secretProofText(agentId: AgentId, site: SiteId): string {
  return `starling/member/1\n${agentId}\n${site}`
}
