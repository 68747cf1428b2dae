/** The core's words that shells use, and the way to tell it something. */
import type { AgentEvent } from '../core/events.ts'

export type { Nearness, Sharing } from '../core/sharing.ts'
export type { PeerLook, PeerReason, TransferLook, TransferReason } from '../core/why.ts'
export type {
  AgentEffect,
  AgentEvent,
  Fact,
  FetchFailure,
  FetchId,
  FlowEnd,
  FlowId,
  RoundTrip,
  Source,
  UploadId,
  WanRates,
  WishId
} from '../core/events.ts'

/** Hands an event to the core. Never throws, never waits. */
export type Emit = (event: AgentEvent) => void
