/** The data plane as the loop drives it, and what people see of it. */
import type { AgentId, KeyHash, TransferId } from '@starling/shared/ids.ts'
import type { Digest, SignedDigests, SignedHead } from '@starling/shared/manifest.ts'
import type { Bytes, Millis } from '@starling/shared/units.ts'
import type { FetchId, FlowId, UploadId, WanRates } from '../core/events.ts'

/** The data plane as `run.ts` drives it: one method for each effect that moves bytes. */
export interface FlowsPort {
  resolve(key: KeyHash, url: string, flow: FlowId): void
  openTransfer(head: SignedHead): void
  fetchChunk(fetch: {
    readonly fetch: FetchId
    readonly transfer: TransferId
    readonly chunk: number
    readonly digest: Digest
    readonly peer: AgentId
  }): void
  cancelFetch(fetch: FetchId): void
  fetchUpstream(flow: {
    readonly flow: FlowId
    readonly transfer: TransferId
    readonly url: string
    readonly firstChunk: number
    readonly endChunk: number
  }): void
  cancelFlow(flow: FlowId, afterChunk: boolean): void
  serve(upload: UploadId): void
  refuse(upload: UploadId, reason: 'busy' | 'gone', retryAfterMs: Millis): void
  answerWish(wish: number, transfer: TransferId): void
  passWish(wish: number, reason: string): void
  failTransfer(transfer: TransferId, reason: string): void
  /** Digests that came signed from others: upstream bytes are checked against them. */
  keepDigests(digests: SignedDigests): void
  complete(transfer: TransferId): void
  setRates(rates: WanRates): void
  setClass(transfer: TransferId, isBackground: boolean): void
  /** Answered by `delay-sample`. */
  measureDelay(url: string): void
  /** As soon as nobody reads it. */
  evict(transfer: TransferId): void
  /** At once: who reads it is told that it is gone. The core knows. */
  forget(transfer: TransferId): void
}

/** Bytes by source, in total or of one transfer. */
export interface ByteCounters {
  fromPeers: Bytes
  fromGateway: Bytes
  fromUpstream: Bytes
  /** Given to clients out of what was already kept when they asked. */
  fromCache: Bytes
  toPeers: Bytes
  toClients: Bytes
  /** Received but thrown away: duplicates, corrupt, aborted. */
  wasted: Bytes
}

/** One transfer as the page, the API and the command line show it. */
export interface TransferView {
  readonly transfer: TransferId
  readonly key: string
  /** Tells versions of one key apart; empty where the name promises the digest. */
  readonly validator: string
  readonly length: Bytes
  readonly keptBytes: Bytes
  readonly complete: boolean
  readonly pinned: boolean
  readonly lastUsedAt: Millis
  /** Null: it is not complete, or was so before this was written down. */
  readonly completedAt: Millis | null
  readonly readers: number
  readonly peers: number
  readonly bytes: Readonly<ByteCounters>
  /** For want of room, what comes is given to whoever reads it and not kept. */
  readonly passesThrough: boolean
  /** The last few problems, for people. */
  readonly problems: readonly string[]
}
