/** This agent's signature, and whose word counts. */
import type { Proof } from '@starling/shared/credential.ts'
import type { AgentId, TransferId } from '@starling/shared/ids.ts'
import type { DigestEntry, Head, SignedDigests, SignedHead } from '@starling/shared/manifest.ts'
import type { SignedPurge } from '@starling/shared/purge.ts'
import type { Millis } from '@starling/shared/units.ts'

/** This agent's key at work. Verification needs no key and is in identity/verify.ts. */
export interface SignerPort {
  readonly self: AgentId
  /** Head and digests signed for the site, or null if this agent may not issue under the trust in force. */
  signHead(head: Head): SignedHead | null
  /** `notBefore`: the least that is written as the moment of signing. */
  signDigests(transfer: TransferId, entries: readonly DigestEntry[], notBefore?: Millis): SignedDigests | null
}

/** Whose word counts. Answers synchronously; what it knows is fed by credentials, policy and revocations. */
export interface TrustPort {
  /** The proof this agent shows in `hello`; null: it has none and speaks to no one. */
  proof(): Proof | null
  /**
   * Null if fine, else the reason for people and counters ('other-fleet', 'expired', 'revoked', ...).
   * @param anySite its site is of no importance: it is of our group
   */
  checkPeer(peer: AgentId, proof: Proof, anySite?: boolean): string | null
  /** Verifies the signature and the issuer's right to sign. `proof` travels with relayed digests of strangers. */
  checkHead(head: SignedHead): string | null
  checkDigests(digests: SignedDigests, proof: Proof | null): string | null
  checkPurge(purge: SignedPurge, proof: Proof): string | null
}
