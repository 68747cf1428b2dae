/** A fleet made in memory with real keys, for the tests of trust. */
import type { Credential, Proof, RevocationList, Role } from '@starling/shared/credential.ts'
import type { AgentId } from '@starling/shared/ids.ts'
import type { Head } from '@starling/shared/manifest.ts'
import { dayMs, MiB, type Millis } from '@starling/shared/units.ts'
import { createIdentity, type Identity } from './keys.ts'
import { signCoordinatorCertificate, signCredential, signRevocationList } from './signatures.ts'

export const start: Millis = 1_800_000_000_000

export interface TestFleet {
  credential(of: Identity, changes?: Partial<Credential>): Credential
  proof(of: Identity, changes?: Partial<Credential>): Proof & { kind: 'credential' }
  revocations(version: number, agents: readonly AgentId[]): RevocationList
}

export function createTestFleet(): TestFleet {
  const [fleet, coordinator] = [createIdentity(), createIdentity()]
  const certificate = signCoordinatorCertificate(fleet, {
    coordinator: coordinator.agentId,
    notBefore: start - dayMs,
    notAfter: start + 365 * dayMs
  })
  let serial = 0
  const credential = (of: Identity, changes: Partial<Credential> = {}): Credential => {
    const role: Role = 'agent'
    return signCredential(coordinator, {
      agentId: of.agentId,
      site: 'office',
      role,
      notBefore: start,
      notAfter: start + dayMs,
      serial: ++serial,
      coordinator: certificate,
      ...changes
    })
  }
  return {
    credential,
    proof: (of, changes) => ({ kind: 'credential', credential: credential(of, changes) }),
    revocations: (version, agents) =>
      signRevocationList(coordinator, { version, agents, coordinator: certificate })
  }
}

export function headOf(changes: Partial<Head> = {}): Head {
  return {
    key: 'example.org/file',
    length: 3 * MiB,
    validator: '"one"',
    chunkBytes: MiB,
    contentClass: 'any',
    headers: [],
    promised: null,
    ...changes
  }
}
