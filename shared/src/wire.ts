/**
 * What agents say to each other: dag-cbor frames, length-prefixed (unsigned varint), at most 64 KiB, on one
 * long-lived stream per pair. docs/PROTOCOL.md tells the same story field by field.
 *
 * `decodeMessage` is strict: a message it returns has the shape its type says, so nothing behind it checks again.
 */
import { decode, encode } from '@ipld/dag-cbor'
import { z } from 'zod'
import { chunkCount } from './chunking.ts'
import type { Proof } from './credential.ts'
import { StarlingError } from './errors.ts'
import {
  isAgentId,
  isKeyHash,
  isSiteId,
  isTransferId,
  type AgentId,
  type KeyHash,
  type SiteId,
  type TransferId
} from './ids.ts'
import { digestsPerBatchMax, type SignedDigests, type SignedHead } from './manifest.ts'
import { classIdLengthMax, type KeptPurge, type SignedPurge } from './purge.ts'
import { GiB, KiB, MiB, type Bytes } from './units.ts'

export const swarmProtocol = '/starling/swarm/1'
export const protocolVersion = 1
export const frameBytesMax: Bytes = 64 * KiB
/** Content beyond this is passed through, not shared. 64 GiB in 1 MiB chunks keeps a bitfield at 8 KiB. */
export const contentBytesMax: Bytes = 64 * GiB

/** An agent's word to its site: "I fetch this extent from upstream". */
export interface Claim {
  readonly extent: number
  readonly claimant: AgentId
  /** Grows with every claim and progress message of the claimant, so that old news is known as old. */
  readonly sequence: number
  readonly bytesDone: Bytes
}

export interface Hello {
  readonly type: 'hello'
  readonly version: number
  readonly proof: Proof
  readonly site: SiteId
  readonly role: 'agent' | 'gateway'
  readonly capabilities: readonly string[]
  /** TCP port on which this agent serves chunks, at the address it is connected from; 0: it serves none. */
  readonly bulkPort: number
}

/** What may be said once both have said `hello`. */
export type SwarmMessage =
  /** "Who knows the version of this key? If nobody, I shall find out." The URL is told to gateways only. */
  | { readonly type: 'ask'; readonly key: KeyHash; readonly url: string | null }
  /**
   * "This is being found out by `by`": `asking` before the upstream request has left, `resolving` after. `by` is the best
   * candidate that the sender knows of, often itself.
   */
  | {
      readonly type: 'looking'
      readonly key: KeyHash
      readonly stage: 'asking' | 'resolving'
      readonly by: AgentId
    }
  | { readonly type: 'head'; readonly head: SignedHead }
  /** "I found out, and it is not to be shared: everyone for himself", or (`failed`) "I could not find out". */
  | { readonly type: 'not-shared'; readonly key: KeyHash; readonly reason: string; readonly failed: boolean }
  | { readonly type: 'unknown-key'; readonly key: KeyHash }
  /** "I do not know it, but that one asked me for it before": for sites without a full mesh. */
  | { readonly type: 'asked-before'; readonly key: KeyHash; readonly by: AgentId }
  /**
   * "I am after these chunks", half-open spans, sorted; said again when they change. Weight: 0 never fetches upstream,
   * 1 to 1000 otherwise (wired, mains: high). A gateway says it with no spans: "I fetch for whoever wants".
   */
  | {
      readonly type: 'interested'
      readonly transfer: TransferId
      readonly weight: number
      /** Nobody at this agent waits for it. */
      readonly background: boolean
      readonly wants: ReadonlyArray<readonly [first: number, end: number]>
    }
  | { readonly type: 'not-interested'; readonly transfer: TransferId }
  | {
      readonly type: 'bitfield'
      readonly transfer: TransferId
      readonly bits: Uint8Array
      readonly claims: readonly Claim[]
    }
  | { readonly type: 'have'; readonly transfer: TransferId; readonly chunks: readonly number[] }
  | { readonly type: 'digests'; readonly digests: SignedDigests; readonly proof: Proof | null }
  /** Asks for the digests of up to 1024 chunks from `first` on. */
  | {
      readonly type: 'ask-digests'
      readonly transfer: TransferId
      readonly first: number
      readonly count: number
    }
  /** In a site without a full mesh: the best fetchers that are known, and how old that knowledge is. */
  | {
      readonly type: 'fetchers'
      readonly transfer: TransferId
      readonly agents: ReadonlyArray<readonly [id: AgentId, weight: number, ageMs: number]>
    }
  | { readonly type: 'claim'; readonly transfer: TransferId; readonly claim: Claim }
  | { readonly type: 'release'; readonly transfer: TransferId; readonly claim: Claim }
  /** "All of this that was signed by then is to be forgotten": passed on once, and told to whoever joins. */
  | { readonly type: 'purge'; readonly purge: SignedPurge; readonly proof: Proof }

export type Message = Hello | SwarmMessage | { readonly type: 'bye'; readonly reason: string }

const bytes = (max: number): z.ZodType<Uint8Array> =>
  z.custom<Uint8Array>(value => value instanceof Uint8Array && value.length <= max)
const sized = (length: number): z.ZodType<Uint8Array> =>
  z.custom<Uint8Array>(value => value instanceof Uint8Array && value.length === length)
const count = z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER)
const moment = count
const text = z.string().max(4096)
const agentId = z.string().refine(isAgentId)
const transferId = z.string().refine(isTransferId)
const keyHash = z.string().refine(isKeyHash)
const siteId = z.string().refine(isSiteId)
const role = z.enum(['agent', 'gateway'])
const chunksMax = chunkCount(contentBytesMax, MiB)
const chunk = z
  .number()
  .int()
  .nonnegative()
  .max(chunksMax - 1)

const signature = z.strictObject({
  issuer: agentId,
  issuedAt: moment,
  expiresAt: moment,
  serial: count,
  bytes: sized(64)
})
const headerName = z.string().regex(/^[a-z0-9!#$%&'*+.^_`|~-]{1,80}$/)
/** Control characters, but for the tab, are what must not get into a header. */
const isHeaderSafe = (value: string): boolean =>
  Array.from(value, char => char.charCodeAt(0)).every(code => (code >= 32 || code === 9) && code !== 127)
const headerValue = z.string().max(2048).refine(isHeaderSafe)
const promised = z.discriminatedUnion('algorithm', [
  z.strictObject({ algorithm: z.literal('sha1'), hex: z.string().regex(/^[0-9a-f]{40}$/) }),
  z.strictObject({ algorithm: z.literal('sha256'), hex: z.string().regex(/^[0-9a-f]{64}$/) })
])
const head = z.strictObject({
  key: z
    .string()
    .min(1)
    .max(4096)
    .refine(value => !value.includes('\n')),
  length: z.number().int().positive().max(contentBytesMax),
  validator: z
    .string()
    .max(512)
    .refine(value => !value.includes('\n')),
  chunkBytes: z.literal(MiB as number),
  contentClass: z.string().min(1).max(64),
  headers: z.array(z.tuple([headerName, headerValue])).max(32),
  promised: promised.nullable()
})
const signedHead = z.strictObject({ transfer: transferId, head, signed: signature })
const signedDigests = z.strictObject({
  transfer: transferId,
  entries: z
    .array(z.tuple([chunk, sized(32)]))
    .min(1)
    .max(digestsPerBatchMax)
    .refine(entries => entries.every(([index], at) => at === 0 || entries[at - 1]![0] < index)),
  signed: signature
})
export const coordinatorCertificateShape = z.strictObject({
  fleet: agentId,
  coordinator: agentId,
  notBefore: moment,
  notAfter: moment,
  signature: sized(64)
})
export const credentialShape = z.strictObject({
  agentId,
  site: siteId,
  role,
  notBefore: moment,
  notAfter: moment,
  serial: count,
  coordinator: coordinatorCertificateShape,
  signature: sized(64)
})
export const revocationListShape = z.strictObject({
  version: count,
  agents: z.array(agentId).max(100_000),
  coordinator: coordinatorCertificateShape,
  signature: sized(64)
})
const proof = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('credential'), credential: credentialShape }),
  z.strictObject({ kind: z.literal('secret'), site: siteId, mac: sized(32) })
])
const purgeTarget = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('key'), key: keyHash }),
  z.strictObject({ kind: z.literal('class'), id: z.string().min(1).max(classIdLengthMax) })
])
const signedPurge = z.strictObject({ target: purgeTarget, signed: signature })
export const keptPurgeShape: z.ZodType<KeptPurge> = z.strictObject({
  target: purgeTarget,
  purgedAt: moment,
  word: z.strictObject({ signed: signature, proof }).nullable()
})
const claim = z.strictObject({ extent: chunk, claimant: agentId, sequence: count, bytesDone: count })

const message = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('hello'),
    version: count,
    proof,
    site: siteId,
    role,
    capabilities: z.array(z.string().max(64)).max(32),
    bulkPort: z.number().int().min(0).max(65535)
  }),
  z.strictObject({ type: z.literal('bye'), reason: text }),
  z.strictObject({ type: z.literal('ask'), key: keyHash, url: z.string().max(8192).nullable() }),
  z.strictObject({
    type: z.literal('looking'),
    key: keyHash,
    stage: z.enum(['asking', 'resolving']),
    by: agentId
  }),
  z.strictObject({ type: z.literal('head'), head: signedHead }),
  z.strictObject({ type: z.literal('not-shared'), key: keyHash, reason: text, failed: z.boolean() }),
  z.strictObject({ type: z.literal('unknown-key'), key: keyHash }),
  z.strictObject({ type: z.literal('asked-before'), key: keyHash, by: agentId }),
  z.strictObject({
    type: z.literal('interested'),
    transfer: transferId,
    weight: z.number().int().min(0).max(1000),
    background: z.boolean(),
    wants: z.array(z.tuple([chunk, chunk.or(z.literal(chunksMax))])).max(16)
  }),
  z.strictObject({ type: z.literal('not-interested'), transfer: transferId }),
  z.strictObject({
    type: z.literal('bitfield'),
    transfer: transferId,
    bits: bytes(chunksMax / 8),
    claims: z.array(claim).max(64)
  }),
  z.strictObject({ type: z.literal('have'), transfer: transferId, chunks: z.array(chunk).max(4096) }),
  z.strictObject({ type: z.literal('digests'), digests: signedDigests, proof: proof.nullable() }),
  z.strictObject({
    type: z.literal('ask-digests'),
    transfer: transferId,
    first: chunk,
    count: z.number().int().min(1).max(1024)
  }),
  z.strictObject({
    type: z.literal('fetchers'),
    transfer: transferId,
    agents: z
      .array(z.tuple([agentId, z.number().int().min(0).max(1000), z.number().int().min(0).max(120_000)]))
      .max(32)
  }),
  z.strictObject({ type: z.literal('claim'), transfer: transferId, claim }),
  z.strictObject({ type: z.literal('release'), transfer: transferId, claim }),
  z.strictObject({ type: z.literal('purge'), purge: signedPurge, proof })
])

/** @throws StarlingError `frame-too-long` */
export function encodeMessage(said: Message): Uint8Array {
  const frame = encode(said)
  if (frame.length > frameBytesMax) {
    throw new StarlingError(
      'frame-too-long',
      `a ${said.type} message of ${frame.length} bytes is over ${frameBytesMax}`
    )
  }
  return frame
}

/**
 * @returns null for a message of a type we do not know (a newer version's: to be skipped).
 * @throws StarlingError `bad-frame` for anything that is not a message, which costs the sender its stream.
 */
export function decodeMessage(frame: Uint8Array): Message | null {
  if (frame.length > frameBytesMax) throw new StarlingError('bad-frame', `a frame of ${frame.length} bytes`)
  let value: unknown
  try {
    value = decode(frame)
  } catch (cause) {
    throw new StarlingError('bad-frame', 'a frame that is not dag-cbor', { cause })
  }
  const parsed = message.safeParse(value)
  if (parsed.success) return parsed.data as Message
  const type = typeof value === 'object' && value !== null && 'type' in value ? value.type : undefined
  if (typeof type === 'string' && !knownTypes.has(type)) return null
  throw new StarlingError('bad-frame', `a malformed ${String(type).slice(0, 40)} message`, {
    cause: parsed.error
  })
}

const knownTypes = new Set<string>(message.options.map(option => option.shape.type.value))
