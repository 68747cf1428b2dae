/**
 * What an admin orders done on agents, besides what policies say: content fetched before anybody wants it, and content
 * kept whatever else has to go. An agent is told all orders for it whenever any changes, so it needs no history.
 */
import { z } from 'zod'
import type { Bytes, BytesPerSecond, Millis } from './units.ts'

export const ordersPerAgentMax = 64

export interface AgentOrder {
  readonly number: number
  /** `prestage`: fetch it in the background. `pin`: keep what there is of it. Others are skipped by an agent. */
  readonly kind: string
  readonly url: string
  /** For this agent; null: as fast as the background goes. */
  readonly bytesPerSecondMax: BytesPerSecond | null
  /** By when it should be there; nothing is given up after it. */
  readonly dueAt: Millis | null
}

export interface OrdersForAgent {
  readonly version: number
  readonly list: readonly AgentOrder[]
}

export const orderStates = ['waiting', 'fetching', 'done', 'failed'] as const
export type OrderState = (typeof orderStates)[number]

export interface OrderProgress {
  readonly number: number
  readonly state: OrderState
  readonly doneBytes: Bytes
  readonly totalBytes: Bytes | null
  /** Empty: nothing is wrong. */
  readonly problem: string
}

const count = z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER)

export const orderProgressShape: z.ZodType<OrderProgress> = z.strictObject({
  number: count,
  state: z.enum(orderStates),
  doneBytes: count,
  totalBytes: count.nullable(),
  problem: z.string().max(256)
})

export const ordersForAgentShape: z.ZodType<OrdersForAgent> = z.object({
  version: count,
  list: z
    .array(
      z.object({
        number: count,
        kind: z.string().max(32),
        url: z.string().max(4096),
        bytesPerSecondMax: count.nullable(),
        dueAt: count.nullable()
      })
    )
    .max(ordersPerAgentMax)
})
