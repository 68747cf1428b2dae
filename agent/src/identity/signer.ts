/**
 * This agent's key at work on heads and digests. Digests it signs only when trust says that its word counts for the
 * site, so that nobody is sent a signature that all would refuse. A head it always signs, because it needs one itself to
 * keep and replay what it fetched; others judge it by their own trust.
 */
import type { TransferId } from '@starling/shared/ids.ts'
import { transferIdOf, type Head } from '@starling/shared/manifest.ts'
import type { Millis } from '@starling/shared/units.ts'
import type { SignerPort } from '../ports.ts'
import type { Identity } from './keys.ts'
import { digestsLifeMs, lifeOf } from './limits.ts'
import { signDigests, signHead } from './signatures.ts'

export interface IssuerRights {
  now(): Millis
  mayIssue(): boolean
  nextSerial(key: string, transfer: TransferId): number
}

export function createSigner(
  identity: Pick<Identity, 'agentId' | 'sign'>,
  rights: IssuerRights,
  { headLifeMs = lifeOf }: { readonly headLifeMs?: (head: Head) => Millis } = {}
): SignerPort {
  return {
    self: identity.agentId,
    signHead(head) {
      const issuedAt = Math.floor(rights.now())
      const serial = rights.nextSerial(head.key, transferIdOf(head))
      return signHead(identity, head, { issuedAt, expiresAt: issuedAt + headLifeMs(head), serial })
    },
    signDigests(transfer, entries) {
      if (!rights.mayIssue()) return null
      const issuedAt = Math.floor(rights.now())
      // Digests are bound to one version, so there is no older one to be led back to: the time does as serial.
      return signDigests(identity, transfer, entries, {
        issuedAt,
        expiresAt: issuedAt + digestsLifeMs,
        serial: issuedAt
      })
    }
  }
}
