/**
 * Orders of the coordinator to agents: have this by then (prestage), do not let go of that (pin). An agent is told all that
 * concern it as one list under one digest, so that it needs no history: it moves to another site, its coordinator is set
 * back to a backup, and the list that it is told next is what counts. An order says what is wanted and never how: what an
 * agent's own policy does not allow stays refused.
 */
import { encode } from '@ipld/dag-cbor'
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex } from '@noble/hashes/utils.js'
import { z } from 'zod'
import { dayMs, type Bytes, type BytesPerSecond, type Millis } from './units.ts'

export const orderKinds = ['prestage', 'pin'] as const
export type OrderKind = (typeof orderKinds)[number]
export const orderStates = ['waiting', 'running', 'done', 'failed'] as const
export type OrderState = (typeof orderStates)[number]

/** As an agent is told of it. */
export interface ToldOrder {
  readonly id: string
  /** An OrderKind; a kind that an older agent does not know it leaves alone. */
  readonly kind: string
  /** Prestage: a URL. Pin: a URL, a key, or the beginning of a TransferId, as `starling cache ls` shows them. */
  readonly what: string
  /** Until when it counts; null: until it is withdrawn. */
  readonly by: Millis | null
  /** At most so fast, on the average of a few seconds; null: as the agent's policy says. */
  readonly bytesPerSecond: BytesPerSecond | null
}

export interface OrderList {
  readonly digest: string
  readonly list: readonly ToldOrder[]
}

/** How far one agent is with one order. */
export interface OrderProgress {
  readonly order: string
  readonly state: OrderState
  /** Why it waits or has failed, as a sentence without numbers, so that those of many agents can be counted; else empty. */
  readonly reason: string
  /** Of it, verified and kept. */
  readonly bytes: Bytes
  /** Null: not known yet. */
  readonly length: Bytes | null
  /** At its present pace it will not be done in time. */
  readonly late: boolean
}

/** What a heartbeat tells: which list the agent has, and what has changed since the last report that was taken. */
export interface OrdersReport {
  readonly digest: string
  readonly progress: readonly OrderProgress[]
}

/** Of all that hold at a time. A release of a hundred files fits; who wants more of them wants another tool. */
export const ordersMax = 100
export const orderWhatLengthMax = 2048
export const orderReasonLengthMax = 160
/** After its deadline an order is still told for so long, so that agents that were away can say how it ended. */
export const orderAfterglowMs: Millis = dayMs

const orderId = /^[0-9a-f]{16}$/
const count = z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER)
export const orderIdShape: z.ZodType<string, string> = z.string().regex(orderId)
const digestShape = z.string().regex(/^[0-9a-f]{32}$/)

/** Not strict: a newer coordinator may say more. */
export const orderListShape: z.ZodType<OrderList> = z.object({
  digest: digestShape,
  list: z
    .array(
      z.object({
        id: orderIdShape,
        kind: z.string().max(32),
        what: z.string().max(orderWhatLengthMax),
        by: count.nullable(),
        bytesPerSecond: count.min(1).nullable()
      })
    )
    .max(ordersMax)
})

export const orderProgressShape: z.ZodType<readonly OrderProgress[]> = z
  .array(
    z.strictObject({
      order: orderIdShape,
      state: z.enum(orderStates),
      reason: z.string().max(orderReasonLengthMax),
      bytes: count,
      length: count.nullable(),
      late: z.boolean()
    })
  )
  .max(ordersMax)

export const ordersReportShape: z.ZodType<OrdersReport> = z.strictObject({
  digest: digestShape,
  progress: orderProgressShape
})
export const ordersDigestShape: z.ZodType<string> = digestShape

/** One list in its order has one digest: 32 hex digits. */
export function ordersDigest(list: readonly ToldOrder[]): string {
  const said = list.map(({ id, kind, what, by, bytesPerSecond }) => [id, kind, what, by, bytesPerSecond])
  return bytesToHex(sha256(encode(said)).subarray(0, 16))
}

export const noOrders: OrderList = { digest: ordersDigest([]), list: [] }

/** What is told of `now` to who has heard of `before`. */
export function progressSince(
  before: readonly OrderProgress[],
  now: readonly OrderProgress[]
): OrderProgress[] {
  const had = new Map(before.map(one => [one.order, one]))
  return now.filter(one => {
    const known = had.get(one.order)
    return (
      known === undefined ||
      known.state !== one.state ||
      known.reason !== one.reason ||
      known.bytes !== one.bytes ||
      known.length !== one.length ||
      known.late !== one.late
    )
  })
}
