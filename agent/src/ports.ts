/**
 * What the shells are to each other and to `run.ts`: narrow interfaces, no implementation. Shells import this
 * file, never one another; agent.ts is the only place where they meet.
 */
import type { Bitfield } from '@starling/shared/bitfield.ts'
import type { ContentClass } from '@starling/shared/content-classes/content-class.ts'
import type { Proof, Role } from '@starling/shared/credential.ts'
import type { AgentId, ContentId, KeyHash, SiteId, TransferId } from '@starling/shared/ids.ts'
import type {
  Digest,
  DigestEntry,
  Head,
  PromisedDigest,
  SignedDigests,
  SignedHead
} from '@starling/shared/manifest.ts'
import type { Effective } from '@starling/shared/policy/effective.ts'
import type { HostFacts, Measured } from '@starling/shared/policy/host-facts.ts'
import type { PurgeRequest, SignedPurge } from '@starling/shared/purge.ts'
import type { Bytes, Millis } from '@starling/shared/units.ts'
import type { SwarmMessage } from '@starling/shared/wire.ts'
import type { AgentEvent, CorePolicy, FetchId, FlowId, RoundTrip, UploadId, WanRates } from './core/events.ts'

/** The core's words that shells use. */
export type { Nearness, Sharing } from './core/sharing.ts'
export type {
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
} from './core/events.ts'

/** Hands an event to the core. Never throws, never waits. */
export type Emit = (event: AgentEvent) => void

// ------------------------------------------------------------------------------------------------- store

export interface StoredTransfer {
  readonly head: SignedHead
  readonly have: Bitfield
  readonly digests: readonly SignedDigests[]
  readonly lastUsedAt: Millis
  readonly pinned: boolean
  readonly contentId: ContentId | null
  /** Null: it is not complete, or was so before this was written down. */
  readonly completedAt: Millis | null
}

/** As it was found at start. */
export interface LoadedTransfer extends StoredTransfer {
  /** Kept chunks that none of the batches covers: this agent fetched them itself, and ended before they were signed. */
  readonly unsigned: readonly DigestEntry[]
}

export interface StoreUsage {
  readonly usedBytes: Bytes
  readonly quotaBytes: Bytes
  /** Free on the volume now, and what must stay free. */
  readonly freeBytes: Bytes
  readonly floorBytes: Bytes
}

/** Result of checking one stored transfer against its digests. */
export interface VerifyResult {
  readonly transfer: TransferId
  readonly key: string
  readonly chunks: number
  readonly bad: readonly number[]
}

/** Chunk files and their index. Callers verify before they put; the store never gives a byte whose bit is not set. */
export interface StorePort {
  /** Everything kept, after recovery: chunks not known to be synced were verified again. */
  load(): Promise<LoadedTransfer[]>
  /** Idempotent. Writes the self-describing manifest file beside the (sparse) data file. */
  open(head: SignedHead): Promise<void>
  keepDigests(digests: SignedDigests): Promise<void>
  /** Write order: bytes, (batched) sync, bit. 'full' when quota, floor or disk forbid it; nothing is changed then. */
  put(transfer: TransferId, chunk: number, digest: Digest, bytes: Uint8Array): Promise<'kept' | 'full'>
  has(transfer: TransferId, chunk: number): boolean
  /**
   * Reads from a kept chunk into `target`, from `offset` within the chunk on.
   * @throws StarlingError `not-kept` when the bit is not set (any more), system errors as they are.
   */
  read(transfer: TransferId, chunk: number, offset: Bytes, target: Uint8Array): Promise<number>
  /** All chunks are in: note the ContentId (computed from the digests) and settle the file. */
  complete(transfer: TransferId, digests: readonly Digest[]): Promise<ContentId>
  /** A chunk that turned out bad (read error, digest): its bit is cleared. */
  drop(transfer: TransferId, chunk: number): Promise<void>
  remove(transfer: TransferId): Promise<void>
  pin(transfer: TransferId, pinned: boolean): Promise<void>
  touch(transfer: TransferId, at: Millis): void
  list(): readonly StoredTransfer[]
  usage(): Promise<StoreUsage>
  /** From now on; what is over it already stays until it is removed. */
  limit(limits: { readonly quotaBytes: Bytes; readonly floorBytes: Bytes }): void
  /** Reads and hashes every kept chunk; bad ones are dropped. */
  verify(): AsyncIterable<VerifyResult>
  /** Small facts that outlive a restart: bans, serials. JSON values. */
  remember(name: string, value: unknown): Promise<void>
  recall(name: string): Promise<unknown>
  close(): Promise<void>
}

// ------------------------------------------------------------------------------------------------- upstream

/** A byte span, `end` exclusive (null: to the end), or so many of the last bytes. */
export type UpstreamRange = { readonly start: Bytes; readonly end: Bytes | null } | { readonly suffix: Bytes }

export interface UpstreamRequest {
  /** Its path and query are sent as they are spelled. */
  readonly url: string
  /** GET or HEAD for content; anything but CONNECT for what the proxy passes through. */
  readonly method: string
  readonly headers: Readonly<Record<string, string>>
  /** Only for what the proxy passes through: such a request is sent once, never again. */
  readonly body?: AsyncIterable<Uint8Array> | null
  /** Default true. False hands a 3xx to the caller: for what the proxy passes through. */
  readonly followRedirects?: boolean
  /** Waits minutes and not seconds for an answer: for what the proxy passes through (long polls, slow services). */
  readonly patient?: boolean
  /** Nobody waits for it. Absent: somebody does. */
  readonly isBackground?: boolean
  /** What is asked for with a Range header; null: everything. */
  readonly range: UpstreamRange | null
  /** Strong validator for If-Range / If-Match style checks; null: none. */
  readonly ifRange: string | null
  /** The address of who wants it: whose turn it is where many wait. Left out: nobody in particular. */
  readonly client?: string | undefined
  readonly signal: AbortSignal
}

export interface UpstreamResponse {
  readonly status: number
  /** The reason phrase as it came. */
  readonly statusText?: string
  /** Where the answer came from: differs from the request's only after redirects. */
  readonly url?: string
  /** Names in lower case, in order, duplicates kept. */
  readonly headers: ReadonlyArray<readonly [name: string, value: string]>
  /** Where the body starts in the content: from Content-Range for 206, else 0. */
  readonly start: Bytes
  /** Whole length of the content if the response tells it. */
  readonly total: Bytes | null
  /** Body bytes; ends early with a StarlingError `upstream-short` when fewer than promised arrive. */
  readonly body: AsyncIterable<Uint8Array>
  /** What came behind the body; complete when that has ended. */
  readonly trailers?: () => ReadonlyArray<readonly [name: string, value: string]>
  /** How it was reached, for people: `direct` or `proxy http://...`. */
  readonly via: string
  /** Stops the body and closes the connection. */
  cancel(): void
}

export interface UpstreamPort {
  /**
   * @throws StarlingError `upstream-unreachable`, `upstream-timeout`, `upstream-refused-address`, `aborted`,
   * `upstream-bad-answer` (not HTTP, contradicts itself, or is not the range that was asked for)
   */
  request(request: UpstreamRequest): Promise<UpstreamResponse>
  /**
   * How long a TCP handshake takes with the host that a request for this URL would connect to. The other side's kernel
   * answers it, so it tells of the way and not of the server. Null when there was no answer.
   */
  roundTrip(url: string, signal: AbortSignal): Promise<RoundTrip | null>
  close(): Promise<void>
}

export type UpstreamPhase = 'dns' | 'connect' | 'tls' | 'first-byte' | 'total'

/** A histogram since this agent started. */
export interface UpstreamPhaseView {
  readonly count: number
  readonly sumSeconds: number
  /** Up to so many seconds: so many, all smaller ones included. */
  readonly buckets: ReadonlyArray<readonly [seconds: number, count: number]>
}

/** One gateway, proxy, or the direct way, as the API, the metrics and the command line show it. */
export interface UpstreamView {
  readonly name: string
  readonly kind: 'proxy' | 'gateway' | 'direct'
  /** Where it listens, without credentials; null for direct. */
  readonly address: string | null
  /** `trying`: it was down, and one request finds out whether it still is. */
  readonly state: 'up' | 'down' | 'trying'
  readonly inFlight: number
  /** Since this agent started: sent to it, of these failed, and what the rest were sent for. */
  readonly requests: number
  readonly failures: number
  readonly retries: number
  readonly hedges: number
  readonly resumes: number
  readonly lastProblem: { readonly at: Millis; readonly text: string } | null
  /** Of the last answers; null: there were none. */
  readonly firstByteMs: { readonly p50: Millis; readonly p95: Millis } | null
  /** dns, connect and tls: of each connection that was made. first-byte and total: of each answer. */
  readonly phases: Readonly<Record<UpstreamPhase, UpstreamPhaseView>>
}

/** Bytes both ways: a socket, or what looks like one. */
export type ByteStream = NodeJS.ReadWriteStream & { destroy(error?: Error): unknown }

/** A way through to any host for bytes that are nobody's business (CONNECT), by the same routes and address checks. */
export interface TunnelPort {
  /** @throws StarlingError as `UpstreamPort.request`, and `upstream-loop` */
  tunnel(target: {
    readonly host: string
    readonly port: number
    /** What the proxies on the way are told of those before them. */
    readonly via: string
    /** As of UpstreamRequest. */
    readonly client?: string | undefined
    readonly signal: AbortSignal
  }): Promise<ByteStream>
}

// ------------------------------------------------------------------------------------------------- interception

/** A CONNECT of a client, by its address. */
export interface ConnectTarget {
  readonly host: string
  readonly port: number
  readonly client: string | undefined
}

/** A client's TLS connection that ends here. Whoever takes it reads requests for `https://host:port` from the socket. */
export interface OpenedTls extends ConnectTarget {
  readonly socket: ByteStream
  readonly protocol: 'h2' | 'http/1.1'
  /** A request has come: the client takes our certificate for this host. */
  heard(): void
  /** The client is to get a plain tunnel the next time, for this reason. */
  unfit(why: string): void
}

/** Opens the TLS connections of clients to listed hosts, under certificates of a CA of our own. */
export interface InterceptPort {
  wants(target: ConnectTarget): boolean
  /**
   * @param client has been told that its tunnel stands
   * @returns `tunnel`: nothing was taken from it, and it is to be tunnelled; `gone`: the connection has ended
   */
  open(target: ConnectTarget, client: ByteStream): Promise<OpenedTls | 'tunnel' | 'gone'>
}

// ------------------------------------------------------------------------------------------------- peers

export interface PeerInfo {
  readonly id: AgentId
  readonly site: SiteId
  readonly role: Role
  readonly address: string
  readonly capabilities: readonly string[]
  readonly connectedAt: Millis
}

export interface PeersPort {
  readonly self: AgentId
  /** Begins to listen, to discover and to dial. Peers show up as `peer-joined` once `hello` went well both ways. */
  start(emit: Emit): Promise<void>
  say(to: readonly AgentId[], message: SwarmMessage): void
  /** Connects with an agent whose address is known, whether or not it was chosen as a neighbour. */
  dial(peer: AgentId): void
  hangUp(peer: AgentId, reason: string): void
  /** Addresses from the coordinator or from config: dialled when not yet connected. */
  hint(peers: ReadonlyArray<{ readonly id: AgentId | null; readonly addresses: readonly string[] }>): void
  /** Peers that must not be spoken with from now on: hung up and not accepted again. */
  /** Whom we share with has changed: everybody is greeted anew, those turned away before as well. */
  regroup(reason: string): void
  forbid(peers: readonly AgentId[], reason: string): void
  /** Whether the peer's `hello` was accepted and still counts. */
  linked(peer: AgentId): boolean
  /** Where a linked peer serves chunks: the address we know it by, and the port it told; null when it does not. */
  bulkAt(peer: AgentId): { readonly host: string; readonly port: number } | null
  list(): readonly PeerInfo[]
  /** Multiaddrs others can dial, LAN addresses first. */
  addresses(): readonly string[]
  /** Reasons why contacts failed, counted: 'no-credential', 'other-fleet', 'other-site', 'unreachable', ... */
  refusals(): ReadonlyMap<string, number>
  /** Whether another agent was heard by multicast since the start, and whether any has dialled this one lately. */
  signs(): { readonly multicastHeard: boolean; readonly dialled: boolean }
  stop(): Promise<void>
}

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

// ------------------------------------------------------------------------------------------------- identity

/** This agent's key at work. Verification needs no key and is in identity/verify.ts. */
export interface SignerPort {
  readonly self: AgentId
  /** Head and digests signed for the site, or null if this agent may not issue under the trust in force. */
  signHead(head: Head): SignedHead | null
  /** `notBefore`: the least that is written as the moment of signing. */
  signDigests(transfer: TransferId, entries: readonly DigestEntry[], notBefore?: Millis): SignedDigests | null
}

/** Whose word counts. Answers synchronously; what it knows is fed by credentials, policy and revocations. */
export interface TrustPort {
  /** The proof this agent shows in `hello`; null: it has none and speaks to no one. */
  proof(): Proof | null
  /** Null if fine, else the reason for people and counters ('other-fleet', 'expired', 'revoked', ...). */
  /** @param anySite its site is of no importance: it is of our group */
  checkPeer(peer: AgentId, proof: Proof, anySite?: boolean): string | null
  /** Verifies the signature and the issuer's right to sign. `proof` travels with relayed digests of strangers. */
  checkHead(head: SignedHead): string | null
  checkDigests(digests: SignedDigests, proof: Proof | null): string | null
  checkPurge(purge: SignedPurge, proof: Proof): string | null
}

// ------------------------------------------------------------------------------------------------- flows

/** What a client asked of the proxy, as far as sharing it matters. */
export interface Wish {
  readonly url: string
  readonly key: string
  readonly keyHash: KeyHash
  readonly contentClass: string
  /** By the name: a head that does not promise the same is not taken for an answer. */
  readonly promised: PromisedDigest | null
  /** Whether the first upstream request may ask for a range although the client did not (download-like classes). */
  readonly rangeFirst: boolean
  /** End-to-end request headers to send upstream when this wish has to resolve the key. */
  readonly headers: Readonly<Record<string, string>>
  /** What the client wants of it; null: everything. The first of several ranges. */
  readonly range: WishRange | null
  /** As of UpstreamRequest. */
  readonly client?: string | undefined
  readonly signal: AbortSignal
}

/** `end` is exclusive; null: to the end of the content. */
export type WishRange =
  | { readonly kind: 'from'; readonly start: Bytes; readonly end: Bytes | null }
  | { readonly kind: 'suffix'; readonly length: Bytes }

export type WishOutcome =
  | { readonly kind: 'transfer'; readonly head: SignedHead }
  /** Not to be shared. `response` is the upstream's answer if we have already asked (to be passed on, or cancelled). */
  | { readonly kind: 'pass'; readonly reason: string; readonly response: UpstreamResponse | null }

/** SHA-256 of each chunk, as the vendor published them. */
export interface PieceHashes {
  readonly length: Bytes
  readonly digests: readonly Digest[]
  /** They contradict what was fetched: the file that they are from is not to be given to anybody any more. */
  readonly doubted: () => void
}

/** The agent as its proxy (and its command line's `fetch`) sees it. */
export interface ContentPort {
  want(wish: Wish): Promise<WishOutcome>
  /**
   * The bytes [start, end) as they become verified (or arrive here from the origin itself). A slice may be read until
   * the next one is asked for.
   * Ends early with a StarlingError: `transfer-failed` when they cannot be had, `content-untrusted` when some that were given
   * before they were verified turned out wrong: nothing may be joined to those.
   * @param isBackground nobody waits for them
   */
  read(
    transfer: TransferId,
    start: Bytes,
    end: Bytes,
    signal: AbortSignal,
    isBackground?: boolean
  ): AsyncIterable<Uint8Array>
  /** What the vendor's own hashes say of the content under this key. What contradicts them is thrown away. */
  expectPieces(key: string, hashes: PieceHashes): void
  /** Whether all of [start, end) lies here. */
  isKept(transfer: TransferId, start: Bytes, end: Bytes): boolean
}

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

// ------------------------------------------------------------------------------------------------- coordinator

/** What the agent owes the coordinator and gets from it; see docs/PROTOCOL.md. */
export interface CoordinatorLinkPort {
  start(): Promise<void>
  /** `never` before the first contact; for the page and `status`. */
  state(): {
    readonly kind: 'none' | 'never' | 'connected' | 'lost'
    readonly since: Millis
    readonly problem: string | null
  }
  stop(): Promise<void>
}

// ------------------------------------------------------------------------------------------------- what people see

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
  readonly readers: number
  readonly peers: number
  readonly bytes: Readonly<ByteCounters>
  /** The last few problems, for people. */
  readonly problems: readonly string[]
}

export interface PeerView extends PeerInfo {
  readonly bytesFrom: Bytes
  readonly bytesTo: Bytes
}

/** Small responses that are kept (RFC 9111), in memory and on disk. */
export interface SmallCacheUsage {
  readonly entries: number
  readonly memoryBytes: Bytes
  readonly diskBytes: Bytes
}

interface ByWay<Value> {
  readonly swarm: Value
  readonly cache: Value
  readonly pass: Value
}

/** How long something took, many times: as a histogram. */
export interface TimeSpread {
  readonly upToMs: readonly Millis[]
  /** How many took no longer than each of these, but longer than the one before; the last one: longer than all. */
  readonly counts: readonly number[]
  readonly sumMs: Millis
}

/** A CA of our own for TLS interception, without its key. */
export interface CaView {
  readonly subject: string
  /** Of the certificate, as hex. */
  readonly sha256: string
  /** Its SHA-1, by which Windows names it. */
  readonly thumbprint: string
  /** Domains, with all below them, that it may sign for. */
  readonly names: readonly string[]
  readonly signsFrom: Millis
  readonly expiresAt: Millis
}

/** What `starling ca` does, beside a running agent or without one. */
export interface CaPort {
  /**
   * Makes the first CA, or the successor of one that does not fit the list.
   * @param isAtOnce it signs from now on, and the present ones are thrown away
   * @throws StarlingError `no-hosts`, `ca-exists`, and those of reading and writing
   */
  init(isAtOnce: boolean): Promise<CaView>
  list(): Promise<{
    /** Those that have not expired, the youngest first. */
    readonly authorities: ReadonlyArray<CaView & { readonly certificatePem: string }>
    /** Whether the youngest is for just the hosts of the list. */
    readonly fits: boolean
  }>
}

/** A client that gets plain tunnels to a listed host. */
export interface TunnelledView {
  readonly host: string
  readonly port: number
  /** Empty: all clients. */
  readonly client: string
  readonly why: string
  readonly until: Millis
}

/** Which of them are meant; what is not said: all. */
export interface TunnelledRequest {
  readonly host?: string | undefined
  readonly client?: string | undefined
}

export interface InterceptView {
  readonly hosts: readonly string[]
  /** Those that have not expired, the youngest first. */
  readonly authorities: readonly CaView[]
  /** TLS connections since this agent started: opened, and broken off by clients that do not take our certificate. */
  readonly opened: number
  readonly rejected: number
  readonly tunnelled: readonly TunnelledView[]
}

/** What clients got through the proxy: out of the swarm, out of the small cache, or passed through. */
export interface ProxyTally {
  readonly bytes: { readonly swarm: Bytes; readonly cache: Bytes; readonly pass: Bytes }
  readonly answers: { readonly swarm: number; readonly cache: number; readonly pass: number }
  /** Requests of clients or for targets that policy does not allow, by the rule that was in the way. */
  readonly refused: Readonly<Record<string, number>>
  /** Requests that are over, and of these what was denied or answered with a 5xx: what a client calls a failed download. */
  readonly ended: { readonly all: number; readonly failed: number }
  /** From the request to the first byte of the answer, and to its end. */
  readonly firstByte: ByWay<TimeSpread>
  readonly total: ByWay<TimeSpread>
  readonly wsusCalls: {
    readonly scan: number
    readonly sync: number
    readonly report: number
    readonly other: number
  }
}

/** One request of a client, as the access log has it; times are ISO 8601, UTC. */
export interface AccessLine {
  /** When it was over. */
  readonly time: string
  readonly client: string
  /** Null, as all that is null here: it could not be understood so far. */
  readonly method: string | null
  /** With the port where it is not the usual one. */
  readonly host: string | null
  /** Without the query. */
  readonly path: string | null
  readonly class: string | null
  readonly face: 'forward' | 'cache-host' | 'alternate' | 'mirror' | 'tunnel' | null
  /** Null: the client went away before there was an answer. */
  readonly status: number | null
  /** Whether the client got all of it. */
  readonly whole: boolean
  /** Of the body; of a tunnel, all. */
  readonly bytes: Bytes
  /** The same by the way that they came. */
  readonly from: { readonly swarm?: Bytes; readonly cache?: Bytes; readonly pass?: Bytes }
  /** Of the request's body; of a tunnel, all. */
  readonly received: Bytes
  readonly firstByteMs: Millis | null
  readonly totalMs: Millis
  readonly agent: string | null
  /** That refused it. */
  readonly rule: string | null
}

/** Something that was refused or changed, and by whom. */
export interface AuditLine {
  readonly time: string
  /** An address, an AgentId, `api` or `start`. */
  readonly who: string
  readonly what: 'refused' | 'purge' | 'config' | 'api'
  readonly detail: Readonly<Record<string, unknown>>
}

export interface AccessLogPort {
  /** Whether `note` does anything. */
  readonly notesRequests: boolean
  note(line: AccessLine): void
  audit(line: Omit<AuditLine, 'time'>): void
}

/** All that is given must fit. */
export interface RequestQuery {
  readonly from: Millis | null
  readonly to: Millis | null
  readonly client: string | null
  /** `files.example`, `*.files.example` */
  readonly host: string | null
  readonly class: string | null
  readonly limit: number
  /** Where the page before ended. */
  readonly cursor: string | null
}

export interface RequestPage {
  /** The newest first. */
  readonly requests: readonly AccessLine[]
  /** For the next page, which may be empty and not the last: a search ends after a while. Null: there is no more. */
  readonly cursor: string | null
}

/** All that the page, the API, the metrics and `starling status` show; made afresh whenever one of them asks. */
export interface AgentStatus {
  readonly id: AgentId
  readonly site: SiteId
  readonly role: Role
  readonly version: string
  readonly pid: number
  readonly startedAt: Millis
  /** When this was true, by the same clock: rates are differences of two of these. */
  readonly now: Millis
  readonly coordinator: ReturnType<CoordinatorLinkPort['state']>
  /** `http://127.0.0.1:17831`; the page's likewise. */
  readonly proxyAddress: string
  readonly pageAddress: string
  /** Multiaddrs that others can dial, LAN addresses first. */
  readonly addresses: readonly string[]
  readonly peers: readonly PeerView[]
  readonly transfers: readonly TransferView[]
  /** Since this agent started. */
  readonly totals: Readonly<ByteCounters>
  readonly store: StoreUsage
  readonly proxy: ProxyTally
  readonly smallCache: SmallCacheUsage
  /** Lines of the access log and the audit that the disk was too slow or too full for. */
  readonly logLinesLost: number
  readonly upstreams: readonly UpstreamView[]
  /** Null: TLS interception is off. */
  readonly intercept: InterceptView | null
  /** Contacts that failed, by reason, as PeersPort counts them. */
  readonly refusals: Readonly<Record<string, number>>
  readonly policy: Readonly<CorePolicy>
  /** Content classes of its configuration, beside those that it knows by itself. */
  readonly contentClasses: readonly ContentClass[]
  /** What people should look at now, newest first; empty when all is well. */
  readonly problems: readonly string[]
}

/** What the API may change. Ids are of transfers in `status().transfers`. */
export interface PageActions {
  verify(): AsyncIterable<VerifyResult>
  pin(transfer: TransferId, pinned: boolean): Promise<void>
  remove(transfer: TransferId): Promise<void>
  /** @throws StarlingError `bad-url` */
  purge(request: PurgeRequest): Promise<PurgeResult>
  /** Every setting as it is in force. @throws StarlingError `config-fixed` */
  showConfig(): readonly ConfigSetting[]
  /** Reads the configuration again and takes over what can be. @throws StarlingError `config-fixed` */
  reloadConfig(): Promise<ConfigReload>
  /** @throws StarlingError `bad-query`, `no-access-log` */
  requests(query: RequestQuery): Promise<RequestPage>
  showPolicy(): PolicyView
  /** Forgets who gets plain tunnels to listed hosts. @returns how many. @throws StarlingError `no-interception` */
  retryTunnelled(which: TunnelledRequest): number
  audit: AccessLogPort['audit']
}

export interface PurgeResult {
  /** Versions that were kept here, and are not any more. */
  readonly forgotten: number
  /** Peers that were told, who tell the others. */
  readonly told: number
  /** Why the site was not told: it stays a purge of this machine. */
  readonly notTold: string | null
}

// ------------------------------------------------------------------------------------------------- configuration

/** Where a value comes from. Later ones beat earlier ones; config-sources.ts has the order. */
export interface ConfigOrigin {
  readonly kind:
    | 'default'
    | 'program'
    | 'coordinator'
    | 'file'
    | 'environment'
    | 'command line'
    | 'registry'
    | 'user'
  /** The scope and version, the file, the variable, the option, the value's place; empty for a default. */
  readonly name: string
  /** In the file, both from 1. */
  readonly line: number | null
  readonly column: number | null
}

/** An error keeps the configuration from being used, a warning does not. */
export interface ConfigProblem {
  readonly severity: 'error' | 'warning'
  /** `cache.quotaBytes`, or a part of one like `staticPeers[2]`; empty when it is about the whole file. */
  readonly setting: string
  readonly origin: ConfigOrigin
  /** What is wrong, and what to do. */
  readonly message: string
}

/** A setting as it is in force, with secrets blanked. */
export interface ConfigSetting {
  readonly path: string
  readonly value: unknown
  readonly origin: ConfigOrigin
}

/** What became of a configuration that was read again. */
export interface ConfigReload {
  /** With errors among the problems nothing was taken over. */
  readonly problems: readonly ConfigProblem[]
  /** Settings that have another value from now on. */
  readonly taken: readonly string[]
  /** Settings whose new value takes effect at the next start. */
  readonly waiting: readonly string[]
}

/** A value of policy from a source that is no file: the registry, the coordinator. */
export interface SourcedValue {
  /** As the policy schema has it, where it is known there. */
  readonly name: string
  readonly value: unknown
  /** `HKEY_LOCAL_MACHINE\\SOFTWARE\\Policies\\Starling\\DOMaxCacheSize`, `site:north version 7`. */
  readonly place: string
}

export interface MachinePolicy {
  readonly values: readonly SourcedValue[]
  /** What its users want, one after the other: it counts where it allows less. */
  readonly users: readonly SourcedValue[]
  /** Sentences: what could not be read. */
  readonly problems: readonly string[]
}

/** Policy as it is in force, and why. */
export interface PolicyView {
  readonly values: ReadonlyArray<{
    readonly name: string
    readonly value: unknown
    readonly origin: ConfigOrigin
    /** What it becomes at the next start; null: nothing else. */
    readonly waiting: { readonly value: unknown; readonly origin: ConfigOrigin } | null
  }>
  readonly host: HostFacts
  readonly measured: Measured
  readonly effective: Effective
}

/** What this machine's admin enforces. */
export interface MachinePolicyPort {
  read(): Promise<MachinePolicy>
  /** @returns what ends it */
  watch(changed: () => void): () => void
}
