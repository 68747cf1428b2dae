/**
 * What people may see of a running agent beside its status: delivery figures by Windows' names, why a download goes as it goes, where its
 * chunks came from, what was saved over time, and whether all is well. Two of its methods are called as things happen (`note`, `gave`)
 * and cost an addition each; everything else is made when somebody asks.
 */
import { chunkCount, chunkLength } from '@starling/shared/chunking.ts'
import { messageOf } from '@starling/shared/errors.ts'
import type { AgentId, TransferId } from '@starling/shared/ids.ts'
import type { Effective } from '@starling/shared/policy/effective.ts'
import type { HostFacts } from '@starling/shared/policy/host-facts.ts'
import { paramsOf } from '@starling/shared/policy/peering.ts'
import { secondMs, type Bytes, type Millis } from '@starling/shared/units.ts'
import { lastLines, withoutQuery, type Log } from '../log.ts'
import type {
  AgentAbout,
  AgentEvent,
  AgentStatus,
  ByteCounters,
  ConfigSetting,
  PeerLook,
  PeersPort,
  PolicyView,
  StorePort,
  TransferLook
} from '../ports.ts'
import { servingAgentOf } from '../serving.ts'
import type {
  CopiesView,
  DeliveryStatus,
  HealthView,
  Insight,
  LogLine,
  PeerInfoView,
  PolicyReason
} from '../views.ts'
import { ChunkSources } from './chunk-sources.ts'
import { deliveryStatusOf, GroupBook, perfSnapOf } from './delivery.ts'
import { healthOf, type HealthFacts } from './health.ts'
import { createHistory } from './history.ts'
import { RateMeter } from './rate-meter.ts'
import { createRedactor } from './redact.ts'
import { testProxy } from './self-test.ts'
import { makeBundle } from './support-bundle.ts'

export interface InsightParts {
  about(): Promise<AgentAbout>
  status(): Promise<AgentStatus>
  readonly core: {
    lookAt(transfer: TransferId, now: Millis): TransferLook | null
    moving(transfer: TransferId): ReadonlyArray<{ readonly chunk: number }>
    lookAtPeers(now: Millis): readonly PeerLook[]
    lookAtCopies(): ReadonlyMap<TransferId, CopiesView>
  }
  readonly store: Pick<StorePort, 'find' | 'outlines' | 'outline'>
  totals(): Readonly<ByteCounters>
  readonly peers: () => Pick<PeersPort, 'signs' | 'roundTripMs'>
  /** Of a peer that is connected. */
  kindOf(peer: AgentId): { readonly isGateway: boolean; readonly isOfOtherSite: boolean }
  bans(): PeerInfoBans
  effective(): Effective
  /** DODownloadMode. */
  mode(): number
  host(): HostFacts
  showConfig(): readonly ConfigSetting[]
  showPolicy(): PolicyView
  configProblems(): readonly string[]
  waiting(): readonly ConfigSetting[]
  /** The coordinator's clock less this machine's. */
  clockOffsetMs(): Millis
  /** @param proxyPort where this agent's proxy listens */
  strayClients(proxyPort: number): Promise<HealthFacts['strayClients']>
  readonly mdns: boolean
  readonly bulkPort: () => number
  /** What `remember` was given in an earlier life. */
  readonly kept: unknown
  remember(history: unknown): Promise<void>
  readonly log: Log
}

type PeerInfoBans = ReadonlyArray<{
  readonly peer: AgentId
  readonly until: Millis
  readonly reason?: string
}>

export interface RunningInsight extends Insight {
  note(event: AgentEvent): void
  /** Bytes were given to a peer. */
  gave(given: { readonly peer: AgentId; readonly transfer: TransferId; readonly bytes: Bytes }): void
  /** Once a minute, and at the end: what came since is entered, and kept if there was anything. */
  keep(): Promise<void>
}

/** A page that is open asks often, and any program on this machine may: what makes requests or pings is not made anew each time. */
const answersLiveMs: Millis = secondMs
const bundleLogLines = 1000

interface Meters {
  readonly down: RateMeter
  readonly up: RateMeter
}
const newMeters = (): Meters => ({ down: new RateMeter(), up: new RateMeter() })

export function createInsight(parts: InsightParts): RunningInsight {
  const { core, store, log } = parts
  const startedAt = Date.now()
  const all = newMeters()
  const byPeer = new Map<AgentId, Meters>()
  const groups = new GroupBook()
  const history = createHistory(parts.kept)
  let completedFiles = 0
  let farBytes: Bytes = 0
  let completedUpTo = startedAt
  let isHistoryNew = false

  const sources = new ChunkSources({
    chunksOf(transfer) {
      const { length, chunkBytes } = store.outline(transfer)?.head.head ?? {}
      return length === undefined || chunkBytes === undefined ? null : chunkCount(length, chunkBytes)
    },
    isGateway: peer => parts.kindOf(peer).isGateway
  })

  function metersOf(peer: AgentId): Meters {
    let meters = byPeer.get(peer)
    if (meters === undefined) byPeer.set(peer, (meters = newMeters()))
    return meters
  }

  function bytesOf(transfer: TransferId, chunk: number): Bytes {
    const head = store.outline(transfer)?.head.head
    return head === undefined ? 0 : chunkLength(chunk, head.length, head.chunkBytes)
  }

  function noteHistory(): void {
    const now = Date.now()
    for (const { completedAt } of store.outlines())
      if (completedAt !== null && completedAt > completedUpTo && completedAt <= now) completedFiles++
    completedUpTo = now
    if (history.note(parts.totals(), completedFiles, farBytes)) isHistoryNew = true
  }

  function pinnedBytes(): Bytes {
    let bytes: Bytes = 0
    for (const { pinned, keptBytes } of store.outlines()) if (pinned) bytes += keptBytes
    return bytes
  }

  function urlOf(look: TransferLook | null): string | null {
    return look?.url == null ? null : withoutQuery(look.url)
  }

  async function deliveryStatus(given?: AgentStatus): Promise<DeliveryStatus[]> {
    const { transfers, now } = given ?? (await parts.status())
    const { ageMsMax } = parts.effective().cache
    return transfers.map(view => {
      const look = core.lookAt(view.transfer, now)
      return deliveryStatusOf(view, {
        mode: parts.mode(),
        look,
        group: groups.of(view.transfer),
        ageMsMax,
        url: urlOf(look)
      })
    })
  }

  async function peerInfo(): Promise<PeerInfoView> {
    const { peers, refusals, now } = await parts.about()
    const looks = new Map(core.lookAtPeers(now).map(look => [look.peer, look]))
    const met = peers.flatMap(view => {
      const look = looks.get(view.id)
      return look === undefined ? [] : [{ view, look }]
    })
    const details = met.map(async ({ view, look: { peer, ...look } }) => {
      const meters = byPeer.get(peer)
      return {
        ...view,
        ...look,
        roundTripMs: tenths(await parts.peers().roundTripMs(peer)),
        downBytesPerSecond: meters?.down.rate(now) ?? 0,
        upBytesPerSecond: meters?.up.rate(now) ?? 0
      }
    })
    const { peering, upload } = parts.effective()
    return {
      now,
      peers: await Promise.all(details),
      banned: parts.bans().map(({ peer, until, reason }) => ({ peer, until, reason: reason ?? null })),
      refusals,
      wifi: parts.host().wifi,
      peering,
      upload
    }
  }

  async function checkHealth(): Promise<HealthView> {
    const status = await parts.about()
    const { multicastHeard, dialled } = parts.peers().signs()
    return healthOf({
      now: status.now,
      startedAt: status.startedAt,
      coordinator: status.coordinator,
      gatewaysLinked: status.peers.filter(({ role }) => role === 'gateway').length,
      peersLinked: status.peers.length,
      upstreams: status.upstreams,
      mdns: parts.mdns,
      multicastHeard,
      dialled,
      addresses: status.addresses,
      bulkPort: parts.bulkPort(),
      platform: process.platform,
      disk: status.store,
      pinnedBytes: pinnedBytes(),
      mode: parts.mode(),
      clockOffsetMs: parts.clockOffsetMs(),
      policyProblems: parts.configProblems(),
      policyWaiting: parts.waiting().map(({ path }) => path),
      peering: parts.effective().peering,
      proxy: await testProxy(status.proxyAddress),
      proxyAddress: status.proxyAddress,
      strayClients: await parts.strayClients(Number(new URL(status.proxyAddress).port || '80'))
    })
  }

  const recentHealth = recently(checkHealth)
  const recentPeerInfo = recently(peerInfo)

  function logLines(linesMax: number): LogLine[] {
    return lastLines(log, linesMax).flatMap(line => {
      try {
        return [JSON.parse(line) as LogLine]
      } catch {
        return []
      }
    })
  }

  function policyReasons(refusals: Readonly<Record<string, number>>): PolicyReason[] {
    const { peering, upload, peers, keeps } = parts.effective()
    return [
      ...(peering.allowed ? [] : [{ code: 'peering-not-allowed', params: paramsOf(peering) } as const]),
      ...(upload.allowed ? [] : [{ code: 'upload-not-allowed', params: paramsOf(upload) } as const]),
      ...(peers.scope === 'site' && peers.within === 'all'
        ? []
        : [{ code: 'peers-within', params: { scope: peers.scope, within: peers.within } } as const]),
      ...(keeps ? [] : [{ code: 'nothing-kept', params: { why: 'DODownloadMode is 100' } } as const]),
      ...Object.entries(refusals)
        .filter(([, count]) => count > 0)
        .map(([reason, count]) => ({ code: 'peers-refused', params: { reason, count } }) as const)
    ]
  }

  return {
    note(event) {
      sources.note(event)
      if (event.type === 'peer-left') byPeer.delete(event.peer)
      else if (event.type === 'transfer-forgotten') groups.forget(event.transfer)
      else if (event.type === 'chunk-stored') {
        const bytes = bytesOf(event.transfer, event.chunk)
        const now = Date.now()
        all.down.add(bytes, now)
        if (event.source.kind === 'upstream') return
        const { peer } = event.source
        metersOf(peer).down.add(bytes, now)
        const { isGateway, isOfOtherSite } = parts.kindOf(peer)
        if (isOfOtherSite) farBytes += bytes
        if (isOfOtherSite && !isGateway) groups.add(event.transfer, 'from', bytes)
      }
    },
    gave({ peer, transfer, bytes }) {
      const now = Date.now()
      all.up.add(bytes, now)
      metersOf(peer).up.add(bytes, now)
      if (parts.kindOf(peer).isOfOtherSite) groups.add(transfer, 'to', bytes)
    },
    async keep() {
      noteHistory()
      if (!isHistoryNew) return
      isHistoryNew = false
      await parts.remember(history.snapshot())
    },
    deliveryStatus: () => deliveryStatus(),
    async perfSnap() {
      const status = await parts.status()
      noteHistory()
      return perfSnapOf({
        mode: parts.mode(),
        statuses: await deliveryStatus(status),
        totals: status.totals,
        store: status.store,
        totalDiskBytes: parts.host().diskBytes,
        memoryBytes: process.memoryUsage.rss(),
        peers: status.peers,
        isOfOtherSite: peer => parts.kindOf(peer).isOfOtherSite,
        down: all.down.rate(status.now),
        up: all.up.rate(status.now),
        month: history.view().month
      })
    },
    async why(transfer) {
      const { refusals, now } = await parts.about()
      const look = core.lookAt(transfer, now)
      return look === null ? null : { ...look, url: urlOf(look), now, policy: policyReasons(refusals) }
    },
    chunks(transfer) {
      const stored = store.find(transfer)
      if (stored === null) return null
      const moving = new Set(core.moving(transfer).map(({ chunk }) => chunk))
      return sources.map({ transfer, chunkBytes: stored.head.head.chunkBytes, have: stored.have, moving })
    },
    peerInfo: recentPeerInfo,
    copies: () => core.lookAtCopies(),
    history() {
      noteHistory()
      return history.view()
    },
    health: recentHealth,
    serving: async () => servingAgentOf(parts.showConfig(), (await parts.about()).proxyAddress),
    log: logLines,
    async supportBundle(withNames) {
      const status = await parts.status()
      const attempt = async (make: () => unknown): Promise<unknown> => {
        try {
          return await make()
        } catch (error) {
          return new Error(messageOf(error))
        }
      }
      const redactor = createRedactor(
        status.transfers.map(({ key }) => key),
        withNames
      )
      return makeBundle(
        {
          'about.json': {
            madeAt: new Date(status.now).toISOString(),
            starling: status.version,
            node: process.versions.node,
            platform: process.platform,
            architecture: process.arch,
            namesKept: withNames
          },
          'status.json': status,
          'health.json': await attempt(recentHealth),
          'delivery-status.json': await attempt(() => deliveryStatus(status)),
          'peers.json': await attempt(recentPeerInfo),
          'history.json': await attempt(() => history.view()),
          'config.json': await attempt(() => parts.showConfig()),
          'policy.json': await attempt(() => parts.showPolicy()),
          'log.ndjson': logLines(bundleLogLines)
        },
        redactor
      )
    }
  }
}

/** The same answer for all who ask within a moment. */
function recently<Answer>(make: () => Promise<Answer>): () => Promise<Answer> {
  let last: { readonly at: number; readonly answer: Promise<Answer> } | null = null
  return () => {
    const now = performance.now()
    if (last === null || now - last.at > answersLiveMs) last = { at: now, answer: make() }
    return last.answer
  }
}

/** More digits than that a measurement between two busy programs does not have. */
function tenths(ms: Millis | null): Millis | null {
  return ms === null ? null : Math.round(ms * 10) / 10
}
