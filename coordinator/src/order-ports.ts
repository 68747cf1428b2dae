/** What the parts that see to orders are to each other. */
import type {
  OrderKind,
  OrderList,
  OrderProgress,
  OrderState,
  OrdersReport
} from '@starling/shared/orders.ts'
import type { PolicyScope, ScopedMember } from '@starling/shared/policy-scope.ts'
import type { AgentId, SiteId } from '@starling/shared/ids.ts'
import type { Bytes, BytesPerSecond, Millis } from '@starling/shared/units.ts'

/** Never changed once it is given, but for its end. */
export interface OrderRecord {
  readonly id: string
  readonly kind: OrderKind
  readonly what: string
  readonly scopes: readonly PolicyScope[]
  /** Null: it holds until it is withdrawn. */
  readonly by: Millis | null
  readonly bytesPerSecond: BytesPerSecond | null
  readonly author: string
  readonly reason: string
  readonly createdAt: Millis
  readonly withdrawnAt: Millis | null
  readonly withdrawnBy: string | null
}

export type NotedProgress = OrderProgress & { readonly agent: AgentId; readonly at: Millis }

/** Agents of one site that are alike. */
export interface ProgressCount {
  readonly order: string
  readonly site: SiteId
  readonly state: OrderState
  readonly reason: string
  readonly late: boolean
  readonly agents: number
  readonly bytes: Bytes
  /** The most that any of them knows; null: none knows. */
  readonly length: Bytes | null
}

export interface OrderStore {
  /** Tells all coordinators (channel `orders`), and forgets what ended before. */
  give(order: OrderRecord, forgetEndedBefore: Millis): Promise<void>
  /** Tells all coordinators. @returns false when there is none, or it was withdrawn already */
  withdraw(id: string, at: Millis, by: string): Promise<boolean>
  /** The newest first. */
  orders(): Promise<readonly OrderRecord[]>
  /** What is told of orders that are forgotten is forgotten, too. */
  noteProgress(progress: readonly NotedProgress[]): Promise<void>
  /** Of agents that belong; of one order, or all. */
  progress(order?: string): Promise<readonly ProgressCount[]>
}

/** What agents are told, from memory, and what is heard of them. */
export interface OrderDesk {
  load(): Promise<void>
  /** Null: the agent has just these, or did not say what it has. */
  newsFor(member: ScopedMember, digest: string | undefined): OrderList | null
  heard(member: ScopedMember, report: OrdersReport): void
}
