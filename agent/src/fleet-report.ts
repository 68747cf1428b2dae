/** What the coordinator is told of this agent, out of what its parts know. Rounded, so that a heartbeat has little to tell. */
import { clockToleranceMs } from '@starling/shared/credential.ts'
import { swarmNameLengthMax, type SwarmEntry } from '@starling/shared/coordinator-api.ts'
import type { AgentReportNow } from '@starling/shared/heartbeat-report.ts'
import type { HostFacts } from '@starling/shared/policy/host-facts.ts'
import { hostTold, textOf } from '@starling/shared/policy/host-told.ts'
import type { AgentId } from '@starling/shared/ids.ts'
import type { OrderProgress } from '@starling/shared/orders.ts'
import { MiB, secondMs, type Bytes, type BytesPerSecond, type Millis } from '@starling/shared/units.ts'
import type { ByteCounters, ConfigSetting, PeersPort, StoredTransfer, TransferView } from './ports.ts'

/** Free space moves all the time; what matters of it does not. Memory and the size of the disk are told as they are: policies compare them. */
const roundedBytes: Bytes = 256 * MiB
/** There must be room for a large update above what must stay free anyway. */
const lowDiskBytes: Bytes = 1024 * MiB

export interface ReportParts {
  readonly hostName: string
  readonly totals: Readonly<ByteCounters>
  /** Downloads of clients that are over. */
  readonly ended: { readonly all: number; readonly failed: number }
  readonly refusals: ReadonlyMap<string, number>
  readonly signs: ReturnType<PeersPort['signs']>
  /** Whom it has tried to dial for minutes, without success. */
  readonly unreached: readonly AgentId[]
  /** The best that was seen while nothing held it back, null: nothing yet; and what policy says that the line gives. */
  readonly rates: Readonly<Record<'wan' | 'lan' | 'line', BytesPerSecond | null>>
  readonly mdns: boolean
  readonly peers: number
  readonly stored: readonly StoredTransfer[]
  readonly views: readonly TransferView[]
  readonly disk: { readonly freeBytes: Bytes; readonly floorBytes: Bytes } | null
  readonly host: HostFacts
  /** Of its configuration, what takes effect at the next start. */
  readonly waiting: readonly ConfigSetting[]
  readonly platform: string
  readonly clockOffsetMs: Millis
  readonly orders: readonly OrderProgress[]
}

export function fleetReport(parts: ReportParts): AgentReportNow {
  const { totals, refusals, signs, disk, host, clockOffsetMs } = parts
  const noPeer = [...refusals].map(([reason, count]) => [`noPeer.${reason}`.slice(0, 64), count] as const)
  const freeBytes = disk?.freeBytes ?? host.diskFreeBytes
  return {
    counters: {
      ...totals,
      downloads: parts.ended.all,
      downloadErrors: parts.ended.failed,
      ...Object.fromEntries(noPeer.slice(0, 40))
    },
    host: {
      ...hostTold(host),
      diskFreeBytes: freeBytes === null ? null : Math.floor(freeBytes / roundedBytes) * roundedBytes,
      hostName: parts.hostName.slice(0, 256),
      platform: parts.platform,
      clockOffsetMs: Math.round(clockOffsetMs / secondMs) * secondMs,
      waitsForRestart: parts.waiting.length === 0 ? null : textOf(parts.waiting.map(({ path }) => path)),
      peers: parts.peers,
      multicast: parts.mdns ? signs.multicastHeard : null,
      dialled: signs.dialled,
      unreached: parts.unreached.length === 0 ? null : textOf(parts.unreached),
      wanBytesPerSecond: roundedRate(parts.rates.wan),
      lanBytesPerSecond: roundedRate(parts.rates.lan),
      lineBytesPerSecond: parts.rates.line
    },
    swarm: swarmOf(parts.stored, parts.views),
    orders: parts.orders,
    problems: [
      ...(disk !== null && disk.freeBytes < disk.floorBytes + lowDiskBytes ? ['low-disk'] : []),
      ...(Math.abs(clockOffsetMs) > clockToleranceMs ? ['clock-skew'] : [])
    ]
  }
}

/** To two digits: it is compared with what others get, not booked. */
function roundedRate(rate: BytesPerSecond | null): BytesPerSecond | null {
  return rate === null ? null : Number(rate.toPrecision(2))
}

/** What is under way first: there is room for some only. */
function swarmOf(stored: readonly StoredTransfer[], views: readonly TransferView[]): SwarmEntry[] {
  const wan = new Map(views.map(view => [view.transfer, view.bytes.fromUpstream]))
  return stored
    .toSorted(
      (one, other) => Number(one.have.full) - Number(other.have.full) || other.lastUsedAt - one.lastUsedAt
    )
    .map(({ head, have }) => ({
      transfer: head.transfer,
      complete: have.full,
      name: head.head.key.replace(/[?#].*$/s, '').slice(0, swarmNameLengthMax),
      length: head.head.length,
      share: Math.floor((100 * have.count) / Math.max(1, have.size)) / 100,
      wanBytes: wan.get(head.transfer) ?? 0
    }))
}
