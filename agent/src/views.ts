/**
 * What the page, its API and the command line show beside the status: shapes only, so that the page's script can name them.
 * Names in capitals are those of Get-DeliveryOptimizationStatus and Get-DeliveryOptimizationPerfSnap, with their meaning; what
 * Starling does not measure is left out. Bytes are since this agent started, where nothing else is said.
 */
import type { AgentId, TransferId } from '@starling/shared/ids.ts'
import type { Peers, Verdict, VerdictParams } from '@starling/shared/policy/peering.ts'
import type { Bytes, BytesPerSecond, Millis } from '@starling/shared/units.ts'
import type { PeerLook, PeerView, ServingAgent, TransferLook } from './ports.ts'

/** `GET /api/v1/delivery-status`: one for each content. */
export interface DeliveryStatus {
  /** The transfer's id. */
  readonly FileId: TransferId
  readonly FileSize: Bytes
  readonly FileSizeInCache: Bytes
  readonly TotalBytesDownloaded: Bytes
  /** Of all that was downloaded, what did not come from the origin: peers and gateway. 0 to 100. */
  readonly PercentPeerCaching: number
  readonly BytesFromPeers: Bytes
  /** Without BytesFromCacheServer: the parts add up to the total. */
  readonly BytesFromHttp: Bytes
  /** From a gateway. */
  readonly BytesFromCacheServer: Bytes
  readonly BytesFromLanPeers: Bytes
  /** From agents of other sites that share a group with this one. */
  readonly BytesFromGroupPeers: Bytes
  readonly BytesToLanPeers: Bytes
  readonly BytesToGroupPeers: Bytes
  /** Caching: complete, and kept for others. Paused: incomplete, and nobody wants it. */
  readonly Status: 'Downloading' | 'Complete' | 'Caching' | 'Paused'
  /** Null: it is not under way. */
  readonly Priority: 'Foreground' | 'Background' | null
  readonly DownloadMode: string
  /** Without its query; null: nobody has asked for it since this agent started. */
  readonly SourceURL: string | null
  readonly HttpConnectionCount: number
  readonly LanConnectionCount: number
  /** Peers that gave something of it. */
  readonly NumPeers: number
  /** Null: as long as there is room. */
  readonly ExpireOn: string | null
  readonly IsPinned: boolean
}

/** `GET /api/v1/perfsnap` */
export interface PerfSnap {
  /** Complete now and begun by this agent since it started. */
  readonly FilesDownloaded: number
  readonly FilesUploaded: number
  readonly Files: number
  readonly TotalBytesDownloaded: Bytes
  readonly TotalBytesUploaded: Bytes
  readonly AverageDownloadSize: Bytes
  readonly AverageUploadSize: Bytes
  readonly DownloadMode: string
  readonly CacheSizeBytes: Bytes
  /** Null: not known. */
  readonly TotalDiskBytes: Bytes | null
  readonly AvailableDiskBytes: Bytes
  readonly MemUsageKB: number
  readonly NumberOfPeers: number
  readonly CacheHostConnections: number
  readonly CdnConnections: number
  readonly LanConnections: number
  readonly GroupConnections: number
  /** Bytes a second over the last 20 s, of Starling alone. */
  readonly DownlinkUsageBps: BytesPerSecond
  readonly UplinkUsageBps: BytesPerSecond
  readonly ForegroundDownloadCount: number
  readonly BackgroundDownloadCount: number
  /** This calendar month, over restarts. */
  readonly ThisMonth: SourceBytes
}

/** A reason out of policy, beside those of the core. `policy` is what to look for in `starling policy show`. */
export type PolicyReason =
  | { readonly code: 'peering-not-allowed'; readonly params: VerdictParams }
  | { readonly code: 'upload-not-allowed'; readonly params: VerdictParams }
  | {
      readonly code: 'peers-within'
      readonly params: { readonly scope: Peers['scope']; readonly within: Peers['within'] }
    }
  | { readonly code: 'nothing-kept'; readonly params: { readonly why: string } }
  /** Of all agents that were met, so many were turned away, by this reason. */
  | { readonly code: 'peers-refused'; readonly params: { readonly reason: string; readonly count: number } }

/** `GET /api/v1/transfers/:id/why` */
export interface WhyView extends TransferLook {
  readonly now: Millis
  readonly policy: readonly PolicyReason[]
}

/** Where a chunk came from. `disk`: it was here when this agent started. */
export type ChunkSource =
  | { readonly kind: 'missing' | 'fetching' | 'disk' | 'origin'; readonly peer: null }
  | { readonly kind: 'peer' | 'gateway'; readonly peer: AgentId }

/** `GET /api/v1/transfers/:id/chunks`, and the event `chunks` of `/api/v1/events?transfer=ID` */
export interface ChunkMap {
  readonly transfer: TransferId
  readonly chunkBytes: Bytes
  readonly chunks: number
  /** The first four are missing, fetching, disk, origin; then peers and gateways in the order in which they came. */
  readonly sources: readonly ChunkSource[]
  /** From chunk 0 on: index in `sources`, and for how many chunks. */
  readonly runs: ReadonlyArray<readonly [source: number, count: number]>
}

/** What came, by source, and what was given. */
export interface SourceBytes {
  readonly lan: Bytes
  readonly gateway: Bytes
  readonly origin: Bytes
  /** Given to clients out of what was already kept. */
  readonly disk: Bytes
  readonly toPeers: Bytes
  /** Contents that became complete. */
  readonly files: number
  /** Of lan and gateway, what came from another site: it has crossed the WAN. */
  readonly far: Bytes
}

/** `GET /api/v1/history`: the agent's own time zone says when a day begins; a week begins on Monday. */
export interface HistoryView {
  readonly now: Millis
  readonly today: SourceBytes
  readonly week: SourceBytes
  readonly month: SourceBytes
  /** Of 31 days, the oldest first; hours in which nothing happened are left out. `at` is when the hour began. */
  readonly hours: ReadonlyArray<SourceBytes & { readonly at: Millis }>
  /** Of a year, likewise. `2026-11-26` */
  readonly days: ReadonlyArray<SourceBytes & { readonly day: string }>
}

export type HealthName =
  | 'coordinator'
  | 'gateway'
  | 'mdns'
  | 'dialable'
  | 'firewall'
  | 'disk'
  | 'clock'
  | 'policy'
  | 'proxy'
  | 'clients'

export interface HealthCheck {
  readonly name: HealthName
  readonly state: 'ok' | 'warn' | 'bad' | 'unknown'
  /** What was found, for a page that has its own words: one of health.ts, with its figures. */
  readonly code: string
  readonly params: Readonly<Record<string, string | number>>
  /** The same as a sentence, and what to do; null: nothing. */
  readonly text: string
  readonly advice: string | null
}

/** `GET /api/v1/health` */
export interface HealthView {
  readonly at: Millis
  /** The worst of all. */
  readonly state: HealthCheck['state']
  readonly checks: readonly HealthCheck[]
}

export interface PeerDetail extends PeerView, Omit<PeerLook, 'peer'> {
  /** Null: it did not answer. */
  readonly roundTripMs: Millis | null
  /** Over the last 20 s. */
  readonly downBytesPerSecond: BytesPerSecond
  readonly upBytesPerSecond: BytesPerSecond
}

/** `GET /api/v1/peer-info` */
export interface PeerInfoView {
  readonly now: Millis
  readonly peers: readonly PeerDetail[]
  readonly banned: ReadonlyArray<{
    readonly peer: AgentId
    readonly until: Millis
    /** Null: of an earlier start, which did not say. */
    readonly reason: string | null
  }>
  /** Contacts that failed, by reason. */
  readonly refusals: Readonly<Record<string, number>>
  /** Of this machine: the way to the LAN goes by Wi-Fi. What others use they do not tell. */
  readonly wifi: boolean
  readonly peering: Verdict
  readonly upload: Verdict
}

/**
 * `GET /api/v1/cache` has one of each content of which a connected peer has told what it has: how many of them have all of it, and
 * how many have told. Peers that are away, and those that never spoke of it, are not counted: nobody here can know.
 */
export interface CopiesView {
  readonly whole: number
  readonly told: number
}

/** `GET /api/v1/log?limit=N` (token): the newest last. `level` as pino has it: 30 info, 40 warn, 50 error. */
export interface LogLine {
  readonly level: number
  readonly time: Millis
  readonly msg: string
  readonly [field: string]: unknown
}

/** What the page asks of the agent beside its status. Each is computed when it is asked for, and not before. */
export interface Insight {
  deliveryStatus(): Promise<readonly DeliveryStatus[]>
  perfSnap(): Promise<PerfSnap>
  /** Null, as for `chunks`: it is no longer here. */
  why(transfer: TransferId): Promise<WhyView | null>
  chunks(transfer: TransferId): ChunkMap | null
  peerInfo(): Promise<PeerInfoView>
  copies(): ReadonlyMap<TransferId, CopiesView>
  history(): HistoryView
  health(): Promise<HealthView>
  /** What clients of this machine are pointed at. */
  serving(): Promise<ServingAgent>
  log(linesMax: number): readonly LogLine[]
  /** A zip for whoever helps. @param withNames host names of content stay in */
  supportBundle(withNames: boolean): Promise<Uint8Array>
}
