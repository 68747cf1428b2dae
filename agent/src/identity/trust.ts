/**
 * Whose word counts: who may be spoken with (`checkPeer`) and whose signature makes bytes true (`checkHead`,
 * `checkDigests`). Everything is answered at once from what is known; nothing here asks the network.
 *
 * There is one fleet at a time, and our own proof names it: with a credential its fleet key is the anchor, with a
 * fleet secret the secret is. An agent that has neither accepts nobody. Reasons are short words in the manner of
 * `expired`: they are counted, shown and logged.
 *
 * An issuer's right to sign is judged at the moment of signing (`issuedAt`), not at the moment of checking:
 * credentials live for a day, kept content for a month. Signing with an old date after a credential's end is
 * possible for a thief of the key, and is what the revocation list is for: it counts backwards in time as well.
 */
import {
  clockToleranceMs,
  credentialGraceMs,
  type CoordinatorCertificate,
  type Credential,
  type Proof,
  type RevocationList
} from '@starling/shared/credential.ts'
import type { AgentId, SiteId, TransferId } from '@starling/shared/ids.ts'
import type { Signature } from '@starling/shared/manifest.ts'
import type { Millis } from '@starling/shared/units.ts'
import type { TrustPort } from '../ports.ts'
import { signatureLifeMsMax } from './limits.ts'
import { checkSecretProof, secretProof } from './secret.ts'
import {
  verifyCredential,
  verifyDigests,
  verifyHead,
  verifyPurge,
  verifyRevocationList
} from './signatures.ts'
import { createTrustMemory } from './trust-memory.ts'

export interface TrustOptions {
  readonly self: AgentId
  /** The machine's clock; what the coordinator's differs from it comes by `setClockOffset`. */
  readonly clock: () => Millis
  /** Members of a fleet without coordinator; null: wait for a credential (`setProof`). */
  readonly fleetSecret: { readonly secret: Uint8Array; readonly site: SiteId } | null
  /** Policy: agents without role gateway may sign what they fetched, for their own site. */
  readonly membersMaySign?: boolean
}

export interface Trust extends TrustPort {
  /** Our own credential, whose signatures the caller has checked against the fleet of its ticket; null: none (any more). */
  setProof(proof: Proof | null): void
  /** @returns null when taken, else why not (`old`, `other-fleet`, `bad-signature`). */
  setRevocations(list: RevocationList): string | null
  isRevoked(agent: AgentId): boolean
  /** What an issuer showed when it was met; null: nothing that still counts. To go with what it signed. */
  proofOf(agent: AgentId): Proof | null
  setClockOffset(offsetMs: Millis): void
  /** While false, credentials that have expired keep their grace. It is false until told otherwise. */
  coordinatorReachable(yes: boolean): void
  setMembersMaySign(yes: boolean): void
  /** The machine's clock put right by the coordinator's. */
  now(): Millis
  /** Whether this agent may sign for its site. Without any fleet it signs for itself alone. */
  mayIssue(): boolean
  /** A serial for a head of this key that this agent issues now, above all that were seen. */
  nextSerial(key: string, transfer: TransferId): number
  /** Known issuers and serials as text, to be kept over a restart; see `restore`. */
  snapshot(): string
  /** What does not parse or verify (any more) is left out. */
  restore(snapshot: unknown): void
}

export function createTrust(options: TrustOptions): Trust {
  const { self, clock, fleetSecret } = options
  const memory = createTrustMemory()
  let ownProof: Proof | null =
    fleetSecret === null ? null : secretProof(fleetSecret.secret, self, fleetSecret.site)
  let revoked: ReadonlySet<AgentId> = new Set()
  let revocationsVersion = -1
  /** What was restored before our own proof was known: issuers are judged as soon as it is. */
  let waiting: unknown = null
  let offsetMs = 0
  let reachable = false
  let membersMaySign = options.membersMaySign ?? true

  const now = (): Millis => clock() + offsetMs
  const ownCredential = (): Credential | null =>
    ownProof?.kind === 'credential' ? ownProof.credential : null

  /** Everything about a proof except time. */
  function checkProof(agent: AgentId, proof: Proof): string | null {
    if (ownProof === null) return 'not-enrolled'
    if (revoked.has(agent)) return 'revoked'
    if (proof.kind === 'secret') {
      if (ownProof.kind !== 'secret' || fleetSecret === null) return 'other-fleet'
      return checkSecretProof(fleetSecret.secret, agent, proof) ? null : 'other-fleet'
    }
    const { credential } = proof
    const own = ownCredential()
    if (credential.coordinator.fleet !== own?.coordinator.fleet) return 'other-fleet'
    if (credential.agentId !== agent) return 'not-theirs'
    return memory.knows(agent, proof) || verifyCredential(credential) ? null : 'bad-signature'
  }

  /** Whether a credential covers a moment, with what is forgiven to clocks and to absent coordinators. */
  function checkTime(proof: Proof, at: Millis): string | null {
    if (proof.kind === 'secret') return null
    const { notBefore, notAfter, coordinator } = proof.credential
    const forgivenMs = clockToleranceMs + (reachable ? 0 : credentialGraceMs)
    if (at < Math.max(notBefore, coordinator.notBefore) - clockToleranceMs) return 'not-yet-valid'
    return at > Math.min(notAfter, coordinator.notAfter) + forgivenMs ? 'expired' : null
  }

  function checkSite(proof: Proof): string | null {
    if (ownProof === null || siteOf(proof) === siteOf(ownProof)) return null
    // Gateways serve agents of sites that have none.
    return isGateway(proof) || isGateway(ownProof) ? null : 'other-site'
  }

  /** @param toGateway whether a member's word counts for a gateway of its site, too */
  function checkIssuer(signed: Signature, proof: Proof | null, toGateway = false): string | null {
    if (signed.issuer === self) return null
    if (proof !== null && checkProof(signed.issuer, proof) === null)
      memory.rememberProof(signed.issuer, proof)
    const known = memory.proofOf(signed.issuer)
    if (known === undefined)
      return proof === null ? 'unknown-issuer' : (checkProof(signed.issuer, proof) ?? 'unknown-issuer')
    const wrong = checkProof(signed.issuer, known)
    if (wrong !== null) return wrong
    // A credential is renewed daily: only the end of the newest one we know says anything about older signatures.
    if (
      known.kind === 'credential' &&
      checkTime(known, Math.max(signed.issuedAt, known.credential.notBefore)) !== null
    ) {
      return 'expired-issuer'
    }
    if (known.kind === 'secret' || isGateway(known)) return null
    if (ownProof === null || siteOf(known) !== siteOf(ownProof)) return 'may-not-sign'
    return membersMaySign && (toGateway || !isGateway(ownProof)) ? null : 'may-not-sign'
  }

  function restore(snapshot: unknown): void {
    memory.restore(snapshot, (agent, proof) => checkProof(agent, proof) === null)
  }

  function checkLimits(signed: Signature): string | null {
    const at = now()
    if (signed.issuedAt > at + clockToleranceMs || signed.serial > at + 2 * clockToleranceMs)
      return 'from-the-future'
    if (signed.expiresAt - signed.issuedAt > signatureLifeMsMax) return 'lives-too-long'
    return signed.expiresAt + clockToleranceMs < at ? 'expired' : null
  }

  return {
    proof: () => (ownProof !== null && revoked.has(self) ? null : ownProof),
    checkPeer(peer, proof, anySite = false) {
      const reason = checkProof(peer, proof) ?? checkTime(proof, now()) ?? (anySite ? null : checkSite(proof))
      if (reason === null) memory.rememberProof(peer, proof)
      return reason
    },
    checkHead(head) {
      const reason = checkLimits(head.signed) ?? checkIssuer(head.signed, null)
      if (reason !== null) return reason
      if (!verifyHead(head)) return 'bad-signature'
      return memory.noteHead(head.head.key, head.transfer, head.signed.serial) ? null : 'rolled-back'
    },
    checkDigests(digests, proof) {
      return (
        checkLimits(digests.signed) ??
        checkIssuer(digests.signed, proof) ??
        (verifyDigests(digests) ? null : 'bad-signature')
      )
    },
    checkPurge(purge, proof) {
      return (
        checkLimits(purge.signed) ??
        // It makes no byte true: a gateway that did not take it would hand out what its site has purged.
        checkIssuer(purge.signed, proof, true) ??
        (verifyPurge(purge) ? null : 'bad-signature')
      )
    },
    setProof(proof) {
      if (proof === null || fleetOf(proof) !== fleetOf(ownProof)) memory.forgetProofs()
      ownProof = proof
      if (proof === null || waiting === null) return
      restore(waiting)
      waiting = null
    },
    setRevocations(list) {
      if (list.coordinator.fleet !== ownCredential()?.coordinator.fleet) return 'other-fleet'
      if (list.version <= revocationsVersion) return 'old'
      if (!verifyRevocationList(list)) return 'bad-signature'
      revocationsVersion = list.version
      revoked = new Set(list.agents)
      return null
    },
    isRevoked: agent => revoked.has(agent),
    proofOf: agent => memory.proofOf(agent) ?? null,
    setClockOffset(ms) {
      offsetMs = ms
    },
    coordinatorReachable(yes) {
      reachable = yes
    },
    setMembersMaySign(yes) {
      membersMaySign = yes
    },
    now,
    mayIssue() {
      if (ownProof?.kind !== 'credential') return true
      return isGateway(ownProof) || membersMaySign
    },
    nextSerial: (key, transfer) => memory.nextSerial(key, transfer, now()),
    snapshot: () => memory.snapshot(),
    restore(snapshot) {
      if (ownProof === null) waiting = snapshot
      restore(snapshot)
    }
  }
}

function siteOf(proof: Proof): SiteId {
  return proof.kind === 'credential' ? proof.credential.site : proof.site
}

function isGateway(proof: Proof): boolean {
  return proof.kind === 'credential' && proof.credential.role === 'gateway'
}

function fleetOf(proof: Proof | null): CoordinatorCertificate['fleet'] | null {
  return proof?.kind === 'credential' ? proof.credential.coordinator.fleet : null
}
