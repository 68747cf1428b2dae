/**
 * Signing and checking of everything that is signed. Whether an issuer *may* sign is another question: trust.ts.
 * Byte forms are in @starling/shared (manifest.ts, credential.ts); each begins with its kind, so that a signature
 * of one kind never passes as another.
 */
import {
  coordinatorCertificateBytes,
  credentialBytes,
  revocationListBytes,
  type CoordinatorCertificate,
  type Credential,
  type RevocationList
} from '@starling/shared/credential.ts'
import { policyBytes, type SignedPolicy } from '@starling/shared/signed-policy.ts'
import type { TransferId } from '@starling/shared/ids.ts'
import {
  digestsSigningBytes,
  headSigningBytes,
  transferIdOf,
  type DigestEntry,
  type Head,
  type SignatureLimits,
  type SignedDigests,
  type SignedHead
} from '@starling/shared/manifest.ts'
import { purgeSigningBytes, type PurgeTarget, type SignedPurge } from '@starling/shared/purge.ts'
import { verifyBy } from './agent-key.ts'
import type { Identity } from './keys.ts'

type Signs = Pick<Identity, 'agentId' | 'sign'>
type Limits = Omit<SignatureLimits, 'issuer'>

export function signHead(by: Signs, head: Head, limits: Limits): SignedHead {
  const signed = { issuer: by.agentId, ...limits }
  return {
    transfer: transferIdOf(head),
    head,
    signed: { ...signed, bytes: by.sign(headSigningBytes(head, signed)) }
  }
}

/** Also that the transfer is the one the head describes. */
export function verifyHead({ transfer, head, signed }: SignedHead): boolean {
  return (
    transferIdOf(head) === transfer && verifyBy(signed.issuer, headSigningBytes(head, signed), signed.bytes)
  )
}

export function signDigests(
  by: Signs,
  transfer: TransferId,
  entries: readonly DigestEntry[],
  limits: Limits
): SignedDigests {
  const signed = { issuer: by.agentId, ...limits }
  return {
    transfer,
    entries,
    signed: { ...signed, bytes: by.sign(digestsSigningBytes({ transfer, entries }, signed)) }
  }
}

export function verifyDigests(digests: SignedDigests): boolean {
  const { signed } = digests
  return verifyBy(signed.issuer, digestsSigningBytes(digests, signed), signed.bytes)
}

export function signPurge(by: Signs, target: PurgeTarget, limits: Limits): SignedPurge {
  const signed = { issuer: by.agentId, ...limits }
  return { target, signed: { ...signed, bytes: by.sign(purgeSigningBytes(target, signed)) } }
}

export function verifyPurge({ target, signed }: SignedPurge): boolean {
  return verifyBy(signed.issuer, purgeSigningBytes(target, signed), signed.bytes)
}

export function signCoordinatorCertificate(
  fleet: Signs,
  body: Omit<CoordinatorCertificate, 'fleet' | 'signature'>
): CoordinatorCertificate {
  const whole = { fleet: fleet.agentId, ...body }
  return { ...whole, signature: fleet.sign(coordinatorCertificateBytes(whole)) }
}

export function verifyCoordinatorCertificate(certificate: CoordinatorCertificate): boolean {
  return verifyBy(certificate.fleet, coordinatorCertificateBytes(certificate), certificate.signature)
}

export function signCredential(coordinator: Signs, body: Omit<Credential, 'signature'>): Credential {
  return { ...body, signature: coordinator.sign(credentialBytes(body)) }
}

/** Both signatures: the coordinator's over the credential and the fleet's over the coordinator. */
export function verifyCredential(credential: Credential): boolean {
  return (
    verifyCoordinatorCertificate(credential.coordinator) &&
    verifyBy(credential.coordinator.coordinator, credentialBytes(credential), credential.signature)
  )
}

export function signRevocationList(
  coordinator: Signs,
  body: Omit<RevocationList, 'signature'>
): RevocationList {
  return { ...body, signature: coordinator.sign(revocationListBytes(body)) }
}

/** Both signatures, as for a credential. */
export function verifyRevocationList(list: RevocationList): boolean {
  return (
    verifyCoordinatorCertificate(list.coordinator) &&
    verifyBy(list.coordinator.coordinator, revocationListBytes(list), list.signature)
  )
}

export function signPolicy(
  coordinator: Signs,
  body: Omit<SignedPolicy, 'signature' | 'coordinator'>,
  certificate: CoordinatorCertificate
): SignedPolicy {
  return { ...body, coordinator: certificate, signature: coordinator.sign(policyBytes(body)) }
}

/** Both signatures, as for a credential, and that the fleet it speaks of is the one whose key vouches. */
export function verifyPolicy(policy: SignedPolicy): boolean {
  return (
    policy.coordinator.fleet === policy.fleet &&
    verifyCoordinatorCertificate(policy.coordinator) &&
    verifyBy(policy.coordinator.coordinator, policyBytes(policy), policy.signature)
  )
}
