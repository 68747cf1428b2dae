/**
 * What agents and coordinator say to each other over HTTPS: paths, shapes, codec. Bodies are dag-cbor (credentials
 * hold bytes); what people ask, in JSON, is in admin-api/. Who calls is not in any body: the client's certificate is
 * over its identity key, so the TLS handshake has told the AgentId.
 *
 * Both sides parse strictly what they receive, except that an agent skips fields it does not know, so that a
 * coordinator may be updated first.
 */
import { decode, encode } from '@ipld/dag-cbor'
import { z } from 'zod'
import type { Credential, RevocationList, Role } from './credential.ts'
import { StarlingError } from './errors.ts'
import { isAgentId, isTransferId, type AgentId, type TransferId } from './ids.ts'
import {
  orderListShape,
  ordersDigestShape,
  ordersReportShape,
  type OrderList,
  type OrdersReport
} from './orders.ts'
import { purgesPerAnswerMax } from './purge.ts'
import {
  policyReportShape,
  signedPolicyShape,
  type PolicyReport,
  type SignedPolicy
} from './signed-policy.ts'
import { coordinatorAddressShape, ticketSecretShape } from './ticket.ts'
import { KiB, secondMs, type Bytes, type Millis } from './units.ts'
import { credentialShape, revocationListShape } from './wire.ts'

export const apiPaths = {
  enrol: '/v1/enrol',
  renew: '/v1/renew',
  heartbeat: '/v1/heartbeat',
  news: '/v1/news'
} as const

export const agentContentType = 'application/cbor'
/** A heartbeat with 256 transfers and 16 addresses is about 26 KiB. */
export const requestBytesMax: Bytes = 128 * KiB
/** 100,000 revoked agents are 5.4 MB; nothing else comes near. */
export const responseBytesMax: Bytes = 8 * 1024 * KiB
export const heartbeatMsDefault: Millis = 30 * secondMs
/** Under the minute after which proxies and NATs forget a silent connection. */
export const newsWaitMs: Millis = 50 * secondMs
/** Heartbeats are spread by +-20 %, so that a site that was switched on at once does not stay in step. */
export const heartbeatJitter = 0.2
export const swarmEntriesMax = 256
export const handoutMax = 32
export const swarmNameLengthMax = 200
export const countersMax = 64
export const factsMax = 64
/** An agent that was started more often without reaching a coordinator leaves out the oldest. */
export const earlierRunsMax = 8
/** Smaller bodies do not get smaller by it. */
export const compressFromBytes: Bytes = KiB

/** A transfer that an agent keeps (complete) or is fetching. */
export interface SwarmEntry {
  readonly transfer: TransferId
  readonly complete: boolean
  /** The key without its query, for people; with its length told once. What follows is left out to an older coordinator. */
  readonly name?: string | undefined
  readonly length?: Bytes | undefined
  /** From 0 to 1, in steps of a hundredth. */
  readonly share?: number | undefined
  /** Fetched from beyond the site by this agent, since it started. */
  readonly wanBytes?: Bytes | undefined
}

export interface CoordinatorAddress {
  readonly id: AgentId
  readonly addresses: readonly string[]
}

export interface EnrolRequest {
  readonly secret: string
  /** Names the hardware (64 hex digits), so that a machine that was set up anew replaces its old self. */
  readonly machine?: string | undefined
  /** Left out: whatever the ticket gives. */
  readonly role?: Role | undefined
  /** Program version, for the admin's list. */
  readonly version: string
}

export interface EnrolResponse {
  readonly credential: Credential
  readonly coordinators: readonly CoordinatorAddress[]
  readonly revocations: RevocationList | null
  readonly time: Millis
  readonly heartbeatMs: Millis
}

export interface RenewResponse {
  readonly credential: Credential
  readonly time: Millis
}

export interface HeartbeatRequest {
  readonly version: string
  /** Multiaddrs that others of the site can dial, LAN first. */
  readonly addresses: readonly string[]
  readonly counters: Readonly<Record<string, number>>
  readonly host: Readonly<Record<string, string | number | boolean | null>>
  readonly swarm: readonly SwarmEntry[]
  /** What the agent has now, so that it is sent again only when due. */
  readonly credentialSerial: number
  readonly revocationsVersion: number
  /** Number of the newest purge it was told. Left out to a coordinator that has not shown that it knows of purges. */
  readonly purgesVersion?: number | undefined
  /** What it has of the policy. Left out to a coordinator that has not shown that it knows of policies. */
  readonly policy?: PolicyReport | undefined
  /** Left out to a coordinator that has not shown that it knows of reports: all of `counters`, `host` and `swarm` is told then. */
  readonly report?: ReportHead | undefined
  /** Left out to a coordinator that has not shown that it knows of orders. */
  readonly orders?: OrdersReport | undefined
}

/** Makes `counters`, `host` and `swarm` of a heartbeat what has changed since another (heartbeat-report.ts). */
export interface ReportHead {
  /** Grows with each start of the agent: what the counters count from. */
  readonly run: number
  /** Grows with each heartbeat of the run. */
  readonly sequence: number
  /** What this adds to; null: this is all. */
  readonly base: number | null
  /** Transfers that it has no more. */
  readonly gone: readonly TransferId[]
  /** What is wrong with the agent or its network, in words of ours. */
  readonly problems: readonly string[]
  /** Where the counters of earlier runs ended, until a coordinator has taken them. */
  readonly earlier: ReadonlyArray<{
    readonly run: number
    readonly counters: Readonly<Record<string, number>>
  }>
}

/** An agent of the site, and where it can be dialled. */
export interface HandedOut {
  readonly id: AgentId
  readonly addresses: readonly string[]
}

export interface HeartbeatResponse {
  /** The coordinator's clock when it answered. */
  readonly time: Millis
  readonly credential: Credential | null
  readonly handout: readonly HandedOut[]
  readonly revocations: RevocationList | null
  readonly heartbeatMs: Millis
  /** All that serve the fleet, the one that answers first. Left out by a coordinator that knows only itself. */
  readonly coordinators?: readonly CoordinatorAddress[] | undefined
  /** Left out by a coordinator that does not know of purges. */
  readonly purges?: PurgeNews | undefined
  /** Null: nothing newer than the agent has, or it did not say. Left out by a coordinator that does not know of policies. */
  readonly policy?: SignedPolicy | null | undefined
  /** `full`: the next is to tell all, at once. Left out by a coordinator that does not know of reports. */
  readonly report?: 'taken' | 'full' | undefined
  /** Null: the agent has them, or did not say what it has. Left out by a coordinator that does not know of orders. */
  readonly orders?: OrderList | null | undefined
}

/**
 * `POST /v1/news`: what the agent has. It is answered as soon as any of it is old, or with 204 when nothing came for
 * `newsWaitMs`; 503 `news-full` tells that the heartbeats must do.
 */
export interface NewsRequest {
  readonly revocationsVersion: number
  readonly purgesVersion?: number | undefined
  readonly policy: PolicyReport
  /** Digest of the orders that it has. */
  readonly orders?: string | undefined
}

/** At least one of them says something. */
export interface NewsResponse {
  readonly revocations: RevocationList | null
  readonly purges?: PurgeNews | undefined
  readonly policy: SignedPolicy | null
  readonly orders?: OrderList | undefined
}

export interface PurgeNews {
  /** Number of the newest purge there is. Lower than what the agent has heard: the coordinator has lost its memory. */
  readonly version: number
  /** Those after the agent's, the oldest first and at most `purgesPerAnswerMax`; none to who did not say what it has. */
  readonly list: readonly NumberedPurge[]
}

/** Flat, so that an agent can leave out a kind that it does not know. */
export interface NumberedPurge {
  readonly number: number
  /** `key` or `class`. */
  readonly kind: string
  /** KeyHash or id of the class. */
  readonly target: string
  readonly purgedAt: Millis
}

/** Any answer of 400 and above, in CBOR or JSON. */
export interface ApiError {
  readonly code: string
  readonly message: string
}

const count = z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER)
const agentId = z.string().refine(isAgentId)
const multiaddrText = z
  .string()
  .max(256)
  .regex(/^\/[\x21-\x7e]+$/)
const fact = z.union([z.string().max(256), z.number(), z.boolean(), z.null()])
const name = z.string().regex(/^[A-Za-z0-9._-]{1,64}$/)
const counters = z.record(name, z.number().nonnegative().max(Number.MAX_SAFE_INTEGER))
const transfer = z.string().refine(isTransferId)
const fewerThan =
  (most: number) =>
  (record: object): boolean =>
    Object.keys(record).length <= most
const heartbeatMs = z.number().int().min(10).max(3_600_000)

export const enrolRequestShape: z.ZodType<EnrolRequest> = z.strictObject({
  secret: ticketSecretShape,
  role: z.enum(['agent', 'gateway']).optional(),
  machine: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .optional(),
  version: z.string().max(64)
})

const reportHeadShape: z.ZodType<ReportHead> = z.strictObject({
  run: count,
  sequence: count,
  base: count.nullable(),
  gone: z.array(transfer).max(swarmEntriesMax),
  problems: z.array(name).max(32),
  earlier: z
    .array(z.strictObject({ run: count, counters: counters.refine(fewerThan(countersMax)) }))
    .max(earlierRunsMax)
})

export const heartbeatRequestShape: z.ZodType<HeartbeatRequest> = z.strictObject({
  version: z.string().max(64),
  addresses: z.array(multiaddrText).max(16),
  counters: counters.refine(fewerThan(countersMax)),
  host: z.record(name, fact).refine(fewerThan(factsMax)),
  swarm: z
    .array(
      z.strictObject({
        transfer,
        complete: z.boolean(),
        name: z.string().max(swarmNameLengthMax).optional(),
        length: count.optional(),
        share: z.number().min(0).max(1).optional(),
        wanBytes: count.optional()
      })
    )
    .max(swarmEntriesMax),
  credentialSerial: count,
  revocationsVersion: z.number().int().min(-1),
  purgesVersion: count.optional(),
  policy: policyReportShape.optional(),
  report: reportHeadShape.optional(),
  orders: ordersReportShape.optional()
})

export const newsRequestShape: z.ZodType<NewsRequest> = z.strictObject({
  revocationsVersion: z.number().int().min(-1),
  purgesVersion: count.optional(),
  policy: policyReportShape,
  orders: ordersDigestShape.optional()
})

const coordinatorsShape = z
  .array(z.object({ id: agentId, addresses: z.array(coordinatorAddressShape).max(8) }))
  .max(16)

export const enrolResponseShape: z.ZodType<EnrolResponse> = z.object({
  credential: credentialShape,
  coordinators: coordinatorsShape,
  revocations: revocationListShape.nullable(),
  time: count,
  heartbeatMs
})

export const renewResponseShape: z.ZodType<RenewResponse> = z.object({
  credential: credentialShape,
  time: count
})

export const handoutShape: z.ZodType<readonly HandedOut[]> = z
  .array(z.object({ id: agentId, addresses: z.array(multiaddrText).max(16) }))
  .max(handoutMax)

const purgeNewsShape: z.ZodType<PurgeNews> = z.object({
  version: count,
  list: z
    .array(
      z.object({ number: count, kind: z.string().max(32), target: z.string().max(256), purgedAt: count })
    )
    .max(purgesPerAnswerMax)
})

export const newsResponseShape: z.ZodType<NewsResponse> = z.object({
  revocations: revocationListShape.nullable(),
  purges: purgeNewsShape.optional(),
  policy: signedPolicyShape.nullable(),
  orders: orderListShape.optional()
})

export const heartbeatResponseShape: z.ZodType<HeartbeatResponse> = z.object({
  time: count,
  credential: credentialShape.nullable(),
  handout: handoutShape,
  revocations: revocationListShape.nullable(),
  heartbeatMs,
  coordinators: coordinatorsShape.optional(),
  purges: purgeNewsShape.optional(),
  policy: signedPolicyShape.nullish(),
  report: z.enum(['taken', 'full']).optional(),
  orders: orderListShape.nullish()
})

export const apiErrorShape: z.ZodType<ApiError> = z.object({
  code: z.string().max(64),
  message: z.string().max(2048)
})

export function encodeBody(
  body:
    | EnrolRequest
    | EnrolResponse
    | RenewResponse
    | HeartbeatRequest
    | HeartbeatResponse
    | NewsRequest
    | NewsResponse
    | ApiError
    | Record<string, never>
): Uint8Array {
  // dag-cbor knows no undefined: a field that is left out must be absent.
  return encode(Object.fromEntries(Object.entries(body).filter(([, value]) => value !== undefined)))
}

/** @throws StarlingError `bad-body`, with what is wrong where */
export function decodeBody<Body>(shape: z.ZodType<Body>, bytes: Uint8Array): Body {
  let value: unknown
  try {
    value = decode(bytes)
  } catch (cause) {
    throw new StarlingError('bad-body', 'the body is not dag-cbor', { cause })
  }
  const parsed = shape.safeParse(value)
  if (parsed.success) return parsed.data
  const first = parsed.error.issues[0]
  throw new StarlingError(
    'bad-body',
    `the body is malformed at ${first?.path.join('.') || 'its root'}: ${first?.message ?? ''}`,
    { cause: parsed.error }
  )
}
