/**
 * The two keys and what they sign. The fleet key says which coordinators speak for the fleet and nothing else, so
 * that it can be kept apart and a second coordinator can be given the fleet's word; the coordinator's key says who
 * belongs. Both files lie in the data folder: back up `fleet.key`, for without it no coordinator can be replaced.
 */
import { loadOrCreateIdentity, type Identity } from '@starling/agent/identity/keys.ts'
import {
  signCoordinatorCertificate,
  signCredential,
  signPolicy,
  signRevocationList
} from '@starling/agent/identity/signatures.ts'
import { clockToleranceMs, type CoordinatorCertificate } from '@starling/shared/credential.ts'
import { dayMs, type Millis } from '@starling/shared/units.ts'
import type { Authority } from './ports.ts'

/** Longer than any credential and its grace, so that an agent never holds a credential that outlives it. */
const certificateLifeMs: Millis = 90 * dayMs

export async function loadAuthorityKeys(
  folder: string
): Promise<{ readonly fleet: Identity; readonly coordinator: Identity }> {
  return {
    fleet: await loadOrCreateIdentity(folder, 'fleet.key'),
    coordinator: await loadOrCreateIdentity(folder, 'coordinator.key')
  }
}

export function createAuthority(keys: {
  readonly fleet: Identity
  readonly coordinator: Identity
}): Authority {
  let certificate: CoordinatorCertificate | null = null

  /** Made anew when half of its life is over, and when the clock has been set back before it. */
  function certificateAt(now: Millis): CoordinatorCertificate {
    if (
      certificate === null ||
      now < certificate.notBefore ||
      now > certificate.notAfter - certificateLifeMs / 2
    ) {
      const notBefore = Math.floor(now) - clockToleranceMs
      certificate = signCoordinatorCertificate(keys.fleet, {
        coordinator: keys.coordinator.agentId,
        notBefore,
        notAfter: notBefore + certificateLifeMs
      })
    }
    return certificate
  }

  return {
    fleet: keys.fleet.agentId,
    coordinator: keys.coordinator.agentId,
    credential: (body, now) => signCredential(keys.coordinator, { ...body, coordinator: certificateAt(now) }),
    revocationList: (body, now) =>
      signRevocationList(keys.coordinator, { ...body, coordinator: certificateAt(now) }),
    policy: (body, now) =>
      signPolicy(
        keys.coordinator,
        { ...body, fleet: keys.fleet.agentId, issuedAt: Math.floor(now) },
        certificateAt(now)
      )
  }
}
