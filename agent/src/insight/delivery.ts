/** The agent's figures under the names that Windows' own tools have for them. Pure: what is known in, what an admin reads out. */
import type { AgentId, TransferId } from '@starling/shared/ids.ts'
import { modes } from '@starling/shared/policy/peering.ts'
import type { Bytes, BytesPerSecond, Millis } from '@starling/shared/units.ts'
import type { ByteCounters, PeerInfo, StoreUsage, TransferLook, TransferView } from '../ports.ts'
import type { DeliveryStatus, PerfSnap, SourceBytes } from '../views.ts'

/** As Get-DeliveryOptimizationStatus spells DODownloadMode. */
const modeNames: Readonly<Record<number, string>> = {
  [modes.httpOnly]: 'CdnOnly',
  [modes.lan]: 'Lan',
  [modes.group]: 'Group',
  [modes.internet]: 'Internet',
  [modes.simple]: 'Simple',
  [modes.bypass]: 'Bypass'
}

export function downloadModeOf(mode: number): string {
  return modeNames[mode] ?? String(mode)
}

/** What went between this agent and agents of other sites. */
export interface GroupBytes {
  from: Bytes
  to: Bytes
}

export interface DeliveryFacts {
  readonly mode: number
  /** Null: the core does not know it (any more). */
  readonly look: TransferLook | null
  readonly group: GroupBytes
  /** Null: it is kept as long as there is room. */
  readonly ageMsMax: Millis | null
  /** Without query. */
  readonly url: string | null
}

export function deliveryStatusOf(view: TransferView, facts: DeliveryFacts): DeliveryStatus {
  const { bytes } = view
  const { look, group, ageMsMax } = facts
  const { completedAt } = view
  const downloaded = downloadedOf(bytes)
  const isUnderWay = look !== null && (look.flows > 0 || look.requests > 0 || view.readers > 0)
  return {
    FileId: view.transfer,
    FileSize: view.length,
    FileSizeInCache: view.keptBytes,
    TotalBytesDownloaded: downloaded,
    PercentPeerCaching:
      downloaded === 0 ? 0 : Math.round((100 * (downloaded - bytes.fromUpstream)) / downloaded),
    BytesFromPeers: bytes.fromPeers,
    BytesFromHttp: bytes.fromUpstream,
    BytesFromCacheServer: bytes.fromGateway,
    BytesFromLanPeers: Math.max(0, bytes.fromPeers - group.from),
    BytesFromGroupPeers: group.from,
    BytesToLanPeers: Math.max(0, bytes.toPeers - group.to),
    BytesToGroupPeers: group.to,
    Status: view.complete
      ? view.readers > 0
        ? 'Complete'
        : 'Caching'
      : isUnderWay
        ? 'Downloading'
        : 'Paused',
    Priority: !isUnderWay || view.complete ? null : look.background ? 'Background' : 'Foreground',
    DownloadMode: downloadModeOf(facts.mode),
    SourceURL: facts.url,
    HttpConnectionCount: look?.flows ?? 0,
    LanConnectionCount:
      look?.peers.filter(({ reasons }) => reasons.some(({ code }) => code === 'asked')).length ?? 0,
    NumPeers: view.peers,
    ExpireOn:
      completedAt === null || ageMsMax === null || view.pinned
        ? null
        : new Date(completedAt + ageMsMax).toISOString(),
    IsPinned: view.pinned
  }
}

export interface SnapFacts {
  readonly mode: number
  readonly statuses: readonly DeliveryStatus[]
  readonly totals: Readonly<ByteCounters>
  readonly store: StoreUsage
  readonly totalDiskBytes: Bytes | null
  readonly memoryBytes: Bytes
  readonly peers: readonly PeerInfo[]
  readonly isOfOtherSite: (peer: AgentId) => boolean
  readonly down: BytesPerSecond
  readonly up: BytesPerSecond
  readonly month: SourceBytes
}

export function perfSnapOf(facts: SnapFacts): PerfSnap {
  const { statuses, totals, store, peers } = facts
  const complete = (one: DeliveryStatus): boolean => one.Status === 'Caching' || one.Status === 'Complete'
  const downloaded = statuses.filter(one => complete(one) && one.TotalBytesDownloaded > 0).length
  const uploaded = statuses.filter(one => one.BytesToLanPeers + one.BytesToGroupPeers > 0).length
  const agents = peers.filter(({ role }) => role === 'agent')
  const group = agents.filter(({ id }) => facts.isOfOtherSite(id)).length
  const total = downloadedOf(totals)
  return {
    FilesDownloaded: downloaded,
    FilesUploaded: uploaded,
    Files: statuses.length,
    TotalBytesDownloaded: total,
    TotalBytesUploaded: totals.toPeers,
    AverageDownloadSize: averageOf(statuses, one => one.TotalBytesDownloaded),
    AverageUploadSize: averageOf(statuses, one => one.BytesToLanPeers + one.BytesToGroupPeers),
    DownloadMode: downloadModeOf(facts.mode),
    CacheSizeBytes: store.usedBytes,
    TotalDiskBytes: facts.totalDiskBytes,
    AvailableDiskBytes: store.freeBytes,
    MemUsageKB: Math.round(facts.memoryBytes / 1024),
    NumberOfPeers: agents.length,
    CacheHostConnections: peers.length - agents.length,
    CdnConnections: statuses.reduce((sum, one) => sum + one.HttpConnectionCount, 0),
    LanConnections: agents.length - group,
    GroupConnections: group,
    DownlinkUsageBps: facts.down,
    UplinkUsageBps: facts.up,
    ForegroundDownloadCount: statuses.filter(one => one.Priority === 'Foreground').length,
    BackgroundDownloadCount: statuses.filter(one => one.Priority === 'Background').length,
    ThisMonth: facts.month
  }
}

function downloadedOf(bytes: Readonly<ByteCounters>): Bytes {
  return bytes.fromPeers + bytes.fromGateway + bytes.fromUpstream
}

/** Of those that have any. */
function averageOf(statuses: readonly DeliveryStatus[], size: (one: DeliveryStatus) => Bytes): Bytes {
  const sizes = statuses.map(one => size(one)).filter(bytes => bytes > 0)
  return sizes.length === 0 ? 0 : Math.round(sizes.reduce((sum, bytes) => sum + bytes, 0) / sizes.length)
}

/** Bytes of one transfer that crossed to or from other sites. */
export class GroupBook {
  readonly #byTransfer = new Map<TransferId, GroupBytes>()

  of(transfer: TransferId): GroupBytes {
    return this.#byTransfer.get(transfer) ?? { from: 0, to: 0 }
  }

  add(transfer: TransferId, way: keyof GroupBytes, bytes: Bytes): void {
    const sum = this.of(transfer)
    sum[way] += bytes
    this.#byTransfer.set(transfer, sum)
  }

  forget(transfer: TransferId): void {
    this.#byTransfer.delete(transfer)
  }
}
