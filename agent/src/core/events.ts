/**
 * All that can happen to an agent, and all that it can do. Read this file first: the core is a machine from
 * these events to these effects, the shells (or the simulator) are everything between an effect and the next event.
 *
 * Control is here, data is not: the core says "fetch chunk 17 of transfer T from peer P, it must hash to D"; a
 * shell moves, hashes and stores the bytes and answers `chunk-stored` or `fetch-failed`.
 */
import type { Bitfield } from '@starling/shared/bitfield.ts'
import type { AgentId, KeyHash, SiteId, TransferId } from '@starling/shared/ids.ts'
import type { Digest, DigestEntry, SignedDigests, SignedHead } from '@starling/shared/manifest.ts'
import type { CorePolicy, WanRates } from '@starling/shared/policy/core-policy.ts'
import type { LocalTime } from '@starling/shared/policy/hours.ts'
import type { KeptPurge, Purge } from '@starling/shared/purge.ts'
import type { Bytes, BytesPerSecond, Millis } from '@starling/shared/units.ts'
import type { SwarmMessage } from '@starling/shared/wire.ts'

export type { CorePolicy, WanRates }

/** Names a local client's wish for a key until it is answered. Given by the shell, unique in the process. */
export type WishId = number
/** Names one open read of a client. Given by the shell from 1 on, unique in the process; 0 stands for nobody (wants.ts). */
export type ReaderId = number
/** Names one request to a peer for one chunk. Given by the core, unique in the process. */
export type FetchId = number
/** Names one upstream response that fills chunks in order. Given by the core, except for resolving flows. */
export type FlowId = number
/** Names one request of a peer for one of our chunks. Given by the shell, unique in the process. */
export type UploadId = number

/** Where a chunk came from. */
export type Source =
  | { readonly kind: 'peer'; readonly peer: AgentId }
  | { readonly kind: 'upstream'; readonly flow: FlowId }

export type FetchFailure =
  /** The bytes did not hash to the digest. Nothing was kept; the sender is to blame. */
  | 'corrupt'
  /** The peer says it does not have the chunk (any more). */
  | 'gone'
  | 'busy'
  | 'timeout'
  | 'broken'

export type FlowEnd =
  | 'done'
  /** Cancelled by the core. */
  | 'cancelled'
  /** Connection refused, broken, timed out, too short, 5xx: may be tried again. */
  | 'failed'
  /** The upstream now serves another version (ETag, length, 412): this transfer cannot be completed from there. */
  | 'changed'
  /** 4xx: trying again is of no use. */
  | 'refused'
  /** What arrived does not match a signed digest: the upstream or the signer lies. */
  | 'corrupt'

export type AgentEvent =
  // ---- clients of this machine
  /** `rangeFirst`: its class says that it is a download, so it is worth a gateway's first request. */
  | {
      readonly type: 'content-wanted'
      readonly wish: WishId
      readonly key: KeyHash
      readonly url: string
      readonly rangeFirst: boolean
    }
  | { readonly type: 'wish-dropped'; readonly wish: WishId }
  /** A client waits at `start`; it wants the bytes up to `end` (exclusive). `background`: nobody waits for the client. */
  | {
      readonly type: 'range-wanted'
      readonly reader: ReaderId
      readonly transfer: TransferId
      readonly start: Bytes
      readonly end: Bytes
      readonly background: boolean
    }
  | { readonly type: 'range-moved'; readonly reader: ReaderId; readonly position: Bytes }
  | { readonly type: 'range-done'; readonly reader: ReaderId }
  // ---- resolving a key upstream (asked for with `resolve`)
  /** The first response's headers are known. If `flow` is given its body is still flowing, from `firstChunk` on. */
  | {
      readonly type: 'resolved'
      readonly key: KeyHash
      readonly head: SignedHead
      readonly flow: { readonly id: FlowId; readonly firstChunk: number; readonly endChunk: number } | null
    }
  /** Not to be shared (the response forbids it, or is too small), or not to be had (`failed`). */
  | {
      readonly type: 'not-resolved'
      readonly key: KeyHash
      readonly reason: string
      readonly failed: boolean
    }
  // ---- peers
  | {
      readonly type: 'peer-joined'
      readonly peer: AgentId
      readonly site: SiteId
      readonly role: 'agent' | 'gateway'
    }
  | { readonly type: 'peer-left'; readonly peer: AgentId }
  /** Shapes, signatures and the issuer's right to sign were checked by the shell. */
  | { readonly type: 'peer-said'; readonly peer: AgentId; readonly message: SwarmMessage }
  | {
      readonly type: 'chunk-asked'
      readonly upload: UploadId
      readonly peer: AgentId
      readonly transfer: TransferId
      readonly chunk: number
    }
  | { readonly type: 'upload-ended'; readonly upload: UploadId; readonly bytes: Bytes }
  // ---- data
  /** Verified, and kept (`kept`) or, with a full disk, held in memory until no reader needs it (`chunk-dropped`). */
  | {
      readonly type: 'chunk-stored'
      readonly transfer: TransferId
      readonly chunk: number
      readonly digest: Digest
      readonly source: Source
      readonly kept: boolean
      readonly fetch: FetchId | null
    }
  | { readonly type: 'chunk-dropped'; readonly transfer: TransferId; readonly chunk: number }
  | {
      readonly type: 'fetch-failed'
      readonly fetch: FetchId
      readonly reason: FetchFailure
      readonly retryAfterMs: Millis
    }
  /** Body bytes received on a flow since it began. Told at most every 250 ms, and not at all without progress. */
  | { readonly type: 'flow-progress'; readonly flow: FlowId; readonly bytes: Bytes }
  /** The flow now fills chunks from here on (the upstream ignored our Range and sends everything). */
  | {
      readonly type: 'flow-moved'
      readonly flow: FlowId
      readonly firstChunk: number
      readonly endChunk: number
    }
  | { readonly type: 'flow-ended'; readonly flow: FlowId; readonly reason: FlowEnd }
  | { readonly type: 'digests-signed'; readonly digests: SignedDigests }
  // ---- the store
  | {
      readonly type: 'transfer-loaded'
      readonly head: SignedHead
      readonly have: Bitfield
      readonly digests: readonly SignedDigests[]
      /** Of `have`, what none of the batches covers: fetched by this agent itself, and never signed. */
      readonly unsigned: readonly DigestEntry[]
      readonly lastUsedAt: Millis
      readonly pinned: boolean
    }
  | { readonly type: 'transfer-pinned'; readonly transfer: TransferId; readonly pinned: boolean }
  | { readonly type: 'transfer-forgotten'; readonly transfer: TransferId }
  | {
      readonly type: 'disk-changed'
      readonly usedBytes: Bytes
      readonly quotaBytes: Bytes
      readonly freeBytes: Bytes
      readonly floorBytes: Bytes
    }
  // ---- the rest of the world
  /** No peer said it: this machine's admin, the coordinator, or an earlier life, from which it was kept. */
  | { readonly type: 'purged'; readonly purge: KeptPurge }
  /** Answers `measure-delay`; null: it could not be measured. `backgroundBytes`: what came over the WAN in the background since the last. */
  | {
      readonly type: 'delay-sample'
      readonly roundTrip: RoundTrip | null
      readonly backgroundBytes: Bytes
    }
  /** Answers `ask-local-time`. */
  | { readonly type: 'local-time'; readonly time: LocalTime }
  /** The other agents of the site that are known, connected or not. */
  | { readonly type: 'site-changed'; readonly others: readonly AgentId[] }
  | { readonly type: 'policy-changed'; readonly policy: CorePolicy }
  | { readonly type: 'woke' }

export type AgentEffect =
  /** Answers a wish: with a transfer to read from, or with the advice to go on without us. */
  | { readonly type: 'answer-wish'; readonly wish: WishId; readonly transfer: TransferId }
  | { readonly type: 'pass-wish'; readonly wish: WishId; readonly reason: string }
  /** Make the first upstream request for a key. `flow` is the name for its body if there is something to keep. */
  | { readonly type: 'resolve'; readonly key: KeyHash; readonly url: string; readonly flow: FlowId }
  /** Start to keep a transfer (its head came from a peer or from `resolved`). Comes before any fetch of it. */
  | { readonly type: 'open-transfer'; readonly head: SignedHead }
  | { readonly type: 'keep-digests'; readonly digests: SignedDigests }
  /** Sign these for the site; answered by `digests-signed`, or by nothing if this agent may not issue. */
  | {
      readonly type: 'sign-digests'
      readonly transfer: TransferId
      readonly entries: readonly DigestEntry[]
      /** When the head was signed: what is signed about it later must not look older, or a purge before it would count. */
      readonly notBefore: Millis
    }
  | { readonly type: 'say'; readonly to: readonly AgentId[]; readonly message: SwarmMessage }
  /** Connect with this agent of the site, if its address is known. */
  | { readonly type: 'dial'; readonly peer: AgentId }
  | { readonly type: 'hang-up'; readonly peer: AgentId; readonly reason: string }
  | {
      readonly type: 'fetch-chunk'
      readonly fetch: FetchId
      readonly transfer: TransferId
      readonly chunk: number
      readonly digest: Digest
      readonly peer: AgentId
    }
  | { readonly type: 'cancel-fetch'; readonly fetch: FetchId }
  /** Fill [firstChunk, endChunk) from upstream, in order; answered by `chunk-stored` ..., then `flow-ended`. */
  | {
      readonly type: 'fetch-upstream'
      readonly flow: FlowId
      readonly transfer: TransferId
      readonly url: string
      readonly firstChunk: number
      readonly endChunk: number
    }
  /** Stop after the chunk that is now filling if `afterChunk`, else at once. */
  | { readonly type: 'cancel-flow'; readonly flow: FlowId; readonly afterChunk: boolean }
  | { readonly type: 'serve'; readonly upload: UploadId }
  | {
      readonly type: 'refuse'
      readonly upload: UploadId
      readonly reason: 'busy' | 'gone'
      readonly retryAfterMs: Millis
    }
  /** Readers of this transfer get an error (or, with no byte given yet, a direct answer from upstream). */
  | { readonly type: 'fail-transfer'; readonly transfer: TransferId; readonly reason: string }
  | { readonly type: 'evict'; readonly transfer: TransferId }
  /** Gone at once, also for those who read it; the core has forgotten it already. */
  | { readonly type: 'forget-transfer'; readonly transfer: TransferId }
  /** A purge has come into force: whoever else remembers by key forgets it, and all of them are kept for the next life. */
  | { readonly type: 'purge-in-force'; readonly purge: Purge; readonly all: readonly KeptPurge[] }
  /** Bodies are read no faster than that from now on: all of a class together. */
  | { readonly type: 'set-rates'; readonly rates: WanRates }
  /** Which of the two rates holds for the transfer's flows; the foreground's until this is told. */
  | { readonly type: 'set-class'; readonly transfer: TransferId; readonly background: boolean }
  /** One round trip to where this URL leads; answered by `delay-sample`. */
  | { readonly type: 'measure-delay'; readonly url: string }
  | { readonly type: 'ask-local-time' }
  /** All chunks are here: the store may check the promised digest and settle. */
  | { readonly type: 'transfer-complete'; readonly transfer: TransferId }
  /** A fact for log, counters and page. */
  | { readonly type: 'report'; readonly fact: Fact }

/** Facts that people want to see; the reporter turns them into log lines and counters. */
export type Fact =
  | {
      readonly what: 'peer-blamed'
      readonly peer: AgentId
      readonly transfer: TransferId
      readonly chunk: number
      readonly strikes: number
    }
  | { readonly what: 'peer-banned'; readonly peer: AgentId; readonly until: Millis; readonly reason: string }
  | {
      readonly what: 'claim-taken-over'
      readonly transfer: TransferId
      readonly extent: number
      readonly from: AgentId
    }
  | {
      readonly what: 'claim-lost'
      readonly transfer: TransferId
      readonly extent: number
      readonly to: AgentId
    }
  | { readonly what: 'foreground-escape'; readonly transfer: TransferId; readonly chunk: number }
  | { readonly what: 'transfer-changed'; readonly transfer: TransferId; readonly reason: string }
  | {
      readonly what: 'purged'
      readonly target: string
      readonly transfers: number
      readonly from: AgentId | null
    }
  /** More purges of one issuer than we take. */
  | { readonly what: 'purge-dropped'; readonly target: string; readonly issuer: AgentId }

export interface RoundTrip {
  readonly ms: Millis
  /** It may have been over so much earlier: this process was busy when the answer came. */
  readonly lateMs: Millis
}
