/**
 * What trust remembers: the proofs of those whose word counted once, so that digests still count when their
 * issuer has left, and the newest head of each key, so that nobody leads us back to an older version.
 */
import { encode, decode } from '@ipld/dag-cbor'
import type { Proof } from '@starling/shared/credential.ts'
import {
  isAgentId,
  isKeyHash,
  isTransferId,
  type AgentId,
  type KeyHash,
  type TransferId
} from '@starling/shared/ids.ts'
import { keyHashOf } from '@starling/shared/manifest.ts'
import type { Millis } from '@starling/shared/units.ts'
import { credentialShape } from '@starling/shared/wire.ts'
import { BoundedMap } from './bounded-map.ts'

/** A large site; a proof is about 500 bytes, so 2 MB at most. */
const proofsMax = 4096
/** Keys met within some days on a busy machine; 200 bytes each. */
const keysMax = 8192
/** Verifying a proof at start costs about 0.2 ms: 512 of them a tenth of a second. */
const proofsKeptMax = 512

interface Newest {
  readonly serial: number
  readonly transfer: TransferId
}

export interface TrustMemory {
  rememberProof(agent: AgentId, proof: Proof): void
  proofOf(agent: AgentId): Proof | undefined
  /** Whether just this proof was remembered, byte for byte: it need not be verified again. */
  knows(agent: AgentId, proof: Proof): boolean
  forgetProofs(): void
  /** @returns false for another version than the newest one seen, with a lower serial. */
  noteHead(key: string, transfer: TransferId, serial: number): boolean
  nextSerial(key: string, transfer: TransferId, now: Millis): number
  snapshot(): string
  restore(snapshot: unknown, accept: (agent: AgentId, proof: Proof) => boolean): void
}

export function createTrustMemory(): TrustMemory {
  const proofs = new BoundedMap<AgentId, Proof>(proofsMax)
  const newest = new BoundedMap<KeyHash, Newest>(keysMax)

  function rememberProof(agent: AgentId, proof: Proof): void {
    const known = proofs.get(agent)
    if (
      known?.kind === 'credential' &&
      proof.kind === 'credential' &&
      known.credential.notAfter > proof.credential.notAfter
    )
      return
    proofs.set(agent, proof)
  }

  return {
    rememberProof,
    proofOf: agent => proofs.get(agent),
    knows(agent, proof) {
      const known = proofs.get(agent)
      return known !== undefined && (known === proof || sameBytes(encode(known), encode(proof)))
    },
    forgetProofs() {
      proofs.clear()
    },
    noteHead(key, transfer, serial) {
      const hash = keyHashOf(key)
      const last = newest.get(hash)
      if (last === undefined || serial > last.serial) newest.set(hash, { serial, transfer })
      return last === undefined || serial >= last.serial || transfer === last.transfer
    },
    nextSerial(key, transfer, now) {
      const hash = keyHashOf(key)
      const serial = Math.max(Math.floor(now), (newest.get(hash)?.serial ?? 0) + 1)
      newest.set(hash, { serial, transfer })
      return serial
    },
    snapshot() {
      const whole = {
        proofs: [...proofs.entries()].slice(-proofsKeptMax),
        newest: [...newest.entries()].map(([key, { serial, transfer }]) => [key, serial, transfer])
      }
      return Buffer.from(encode(whole)).toString('base64url')
    },
    restore(snapshot, accept) {
      const { proofs: keptProofs, newest: keptNewest } = parse(snapshot)
      for (const [agent, proof] of keptProofs) if (accept(agent, proof)) rememberProof(agent, proof)
      for (const [key, head] of keptNewest)
        if ((newest.get(key)?.serial ?? -1) < head.serial) newest.set(key, head)
    }
  }
}

/** A snapshot is our own file, but files get damaged: what does not fit is left out. */
function parse(snapshot: unknown): { proofs: Array<[AgentId, Proof]>; newest: Array<[KeyHash, Newest]> } {
  const found: ReturnType<typeof parse> = { proofs: [], newest: [] }
  const whole = typeof snapshot === 'string' ? decodeOrNull(Buffer.from(snapshot, 'base64url')) : null
  if (whole === null || !Array.isArray(whole.proofs) || !Array.isArray(whole.newest)) return found
  for (const entry of whole.proofs as unknown[]) {
    if (!Array.isArray(entry)) continue
    const [agent, proof] = entry as [unknown, { kind?: unknown; credential?: unknown } | null]
    const parsed = credentialShape.safeParse(proof?.credential)
    // Proofs of a secret are made anew in the first `hello`; they are not worth keeping.
    if (typeof agent === 'string' && isAgentId(agent) && parsed.success) {
      found.proofs.push([agent, { kind: 'credential', credential: parsed.data }])
    }
  }
  for (const entry of whole.newest as unknown[]) {
    if (!Array.isArray(entry)) continue
    const [key, serial, transfer] = entry as [unknown, unknown, unknown]
    if (
      typeof key === 'string' &&
      isKeyHash(key) &&
      typeof transfer === 'string' &&
      isTransferId(transfer) &&
      typeof serial === 'number' &&
      Number.isSafeInteger(serial)
    )
      found.newest.push([key, { serial, transfer }])
  }
  return found
}

function decodeOrNull(bytes: Uint8Array): { proofs?: unknown; newest?: unknown } | null {
  try {
    const value: unknown = decode(bytes)
    return typeof value === 'object' ? value : null
  } catch {
    return null
  }
}

function sameBytes(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) === 0
}
