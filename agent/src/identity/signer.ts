/**
 * This agent's key at work on heads and digests. Digests it signs only when trust says that its word counts for the
 * site, so that nobody is sent a signature that all would refuse. A head it always signs, because it needs one itself to
 * keep and replay what it fetched; others judge it by their own trust.
 */
import type { TransferId } from '@starling/shared/ids.ts'
import { transferIdOf, type Head } from '@starling/shared/manifest.ts'
import { purgeLifeMs, type PurgeTarget, type SignedPurge } from '@starling/shared/purge.ts'
import type { Millis } from '@starling/shared/units.ts'
import type { SignerPort } from '../ports.ts'
import type { Identity } from './keys.ts'
import { digestsLifeMs, lifeOf } from './limits.ts'
import { signDigests, signHead, signPurge } from './signatures.ts'

export interface IssuerRights {
  now(): Millis
  mayIssue(): boolean
  nextSerial(key: string, transfer: TransferId): number
}

export interface Signer extends SignerPort {
  /** Null if others would not take it, as for digests. */
  signPurge(target: PurgeTarget, issuedAt: Millis): SignedPurge | null
}

export function createSigner(
  identity: Pick<Identity, 'agentId' | 'sign'>,
  rights: IssuerRights,
  {
    headLifeMs = lifeOf,
    signAfter = () => 0
  }: {
    readonly headLifeMs?: (head: Head) => Millis
    /** The first moment at which a head counts: later than what was purged of its key or class. */
    readonly signAfter?: (head: Head) => Millis
  } = {}
): Signer {
  return {
    self: identity.agentId,
    signHead(head) {
      const issuedAt = Math.max(Math.floor(rights.now()), signAfter(head))
      const serial = rights.nextSerial(head.key, transferIdOf(head))
      return signHead(identity, head, { issuedAt, expiresAt: issuedAt + headLifeMs(head), serial })
    },
    signDigests(transfer, entries, notBefore = 0) {
      if (!rights.mayIssue()) return null
      const issuedAt = Math.max(Math.floor(rights.now()), notBefore)
      // Digests are bound to one version, so there is no older one to be led back to: the time does as serial.
      return signDigests(identity, transfer, entries, {
        issuedAt,
        expiresAt: issuedAt + digestsLifeMs,
        serial: issuedAt
      })
    },
    signPurge(target, issuedAt) {
      if (!rights.mayIssue()) return null
      return signPurge(identity, target, { issuedAt, expiresAt: issuedAt + purgeLifeMs, serial: issuedAt })
    }
  }
}
