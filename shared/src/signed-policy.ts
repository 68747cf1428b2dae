/**
 * The coordinator's policy as an agent gets it: all versions that concern it, in one piece with one signature, so that
 * nobody can put old and new together. `number` grows with everything the coordinators of a fleet ever said; an agent
 * never takes a lower one than it has, which is what makes an old policy worthless to who has kept a copy.
 *
 * Signed is what it says and not to whom: agents to whom the same is said get the same bytes, so that a fleet of 20,000
 * costs as many signatures as it has different policies.
 */
import { encode } from '@ipld/dag-cbor'
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex } from '@noble/hashes/utils.js'
import { z } from 'zod'
import type { CoordinatorCertificate } from './credential.ts'
import type { AgentId } from './ids.ts'
import { isPolicyScope, scopesPerAgentMax, type PolicyScope } from './policy-scope.ts'
import { KiB, type Bytes, type Millis } from './units.ts'
import { coordinatorCertificateShape } from './wire.ts'

/** Names as in POLICY.md. What a name means, and whether its value is one, is for the agent to say: it may be older. */
export type PolicyDocument = Readonly<Record<string, unknown>>

export interface ScopedPolicy {
  readonly scope: PolicyScope
  readonly version: number
  readonly document: PolicyDocument
}

export interface PolicyContent {
  /** The first counts most: device, group, site, fleet; those that say nothing are left out. */
  readonly scopes: readonly ScopedPolicy[]
}

export interface SignedPolicy extends PolicyContent {
  readonly fleet: AgentId
  readonly number: number
  readonly issuedAt: Millis
  readonly coordinator: CoordinatorCertificate
  /** By the coordinator's key over `policyBytes`. */
  readonly signature: Uint8Array
}

/** A list of 2,000 hosts; four of these fit into one answer many times over. */
export const policyDocumentBytesMax: Bytes = 64 * KiB
/** Of a reason, as it is told by an agent or written by an admin. */
export const reasonLengthMax = 256

/** What an agent has of the policy, as it tells the coordinator. */
export interface PolicyReport {
  /** Of the policy it acts on; 0: none of this fleet's. */
  readonly number: number
  /** Of what it acts on; `emptyPolicyDigest`: nothing is said to it. */
  readonly digest: string
  /** The last it was sent, if it does not act on it; null: it does. */
  readonly refused: { readonly digest: string; readonly reason: string } | null
}

export function policyBytes(body: Omit<SignedPolicy, 'signature' | 'coordinator'>): Uint8Array {
  return encode([
    'starling/policy/1',
    body.fleet,
    body.number,
    body.issuedAt,
    body.scopes.map(({ scope, version, document }) => [scope, version, document])
  ])
}

/** Names what is said, whenever and by whom it was signed: 32 hex digits. */
export function policyDigest({ scopes }: PolicyContent): string {
  const said = scopes.map(({ scope, version, document }) => [scope, version, document])
  return bytesToHex(sha256(encode(said)).subarray(0, 16))
}

export const emptyPolicyDigest: string = policyDigest({ scopes: [] })

export const policyDigestShape: z.ZodType<string> = z.string().regex(/^[0-9a-f]{32}$/)

/** What dag-cbor carries without loss: no undefined, no NaN. */
const documentShape: z.ZodType<PolicyDocument> = z.record(z.string().max(64), z.unknown())

/** Not strict: a newer coordinator may say more, and the agent skips it. The signature is over what is known here. */
export const signedPolicyShape: z.ZodType<SignedPolicy> = z.object({
  fleet: z.string(),
  number: z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER),
  issuedAt: z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER),
  scopes: z
    .array(
      z.object({
        scope: z.string().refine(isPolicyScope),
        version: z.number().int().min(1).max(Number.MAX_SAFE_INTEGER),
        document: documentShape
      })
    )
    .max(scopesPerAgentMax),
  coordinator: coordinatorCertificateShape,
  signature: z.instanceof(Uint8Array)
})

export const policyReportShape: z.ZodType<PolicyReport> = z.strictObject({
  number: z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER),
  digest: policyDigestShape,
  refused: z.strictObject({ digest: policyDigestShape, reason: z.string().max(reasonLengthMax) }).nullable()
})
