/** Chunk bytes between agents. */
import type { AgentId, TransferId } from '@starling/shared/ids.ts'
import type { Bytes, Millis } from '@starling/shared/units.ts'

/** Moves chunk bytes between agents. Peers are known by then: only those for whom `hello` went well are served. */
export interface BulkPort {
  /**
   * Fetches one chunk into `target`, which is exactly as long as the chunk. Bytes are NOT verified here.
   * @throws StarlingError `busy` (with `retryAfterMs` on the error), `gone`, `timeout`, `broken`, `aborted`
   */
  fetch(request: {
    readonly peer: AgentId
    readonly transfer: TransferId
    readonly chunk: number
    readonly target: Uint8Array
    readonly signal: AbortSignal
  }): Promise<void>
  /** Who answers requests of others. Set once, before `PeersPort.start`. */
  onRequest(handler: BulkHandler): void
}

/** Called for each request; answers by calling exactly one of the reply's functions, once. */
export type BulkHandler = (
  request: { readonly peer: AgentId; readonly transfer: TransferId; readonly chunk: number },
  reply: BulkReply
) => void

export interface BulkReply {
  /** Sends these bytes; resolves with how many were handed over when sent or given up. */
  send(bytes: Uint8Array): Promise<Bytes>
  busy(retryAfterMs: Millis): void
  gone(): void
}
