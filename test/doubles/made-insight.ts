/** Made-up answers to what the page and the command line ask beside the status. */
import type { AgentStatus } from '@starling/agent/ports.ts'
import type { ChunkMap, HealthView, Insight, SourceBytes, WhyView } from '@starling/agent/views.ts'
import { MiB, minuteMs } from '@starling/shared/units.ts'

const peer = '12D3KooWPeerPeerPeerPeerPeerPeerPeerPeerPeerPeerPee1'
const noSourceBytes: SourceBytes = { lan: 0, gateway: 0, origin: 0, disk: 0, toPeers: 0, files: 0, far: 0 }

export function makeWhy(given: Partial<WhyView> & Pick<WhyView, 'transfer'>): WhyView {
  return {
    key: 'origin.example/a.msu',
    url: 'http://origin.example/a.msu',
    now: Date.now(),
    background: false,
    flows: 1,
    requests: 2,
    chunks: 16,
    keptChunks: 6,
    missingChunks: 10,
    reasons: [
      { code: 'from-peers', params: { requests: 2, peers: 1 } },
      { code: 'foreground-rate', params: { bytesPerSecond: 1_000_000 } }
    ],
    peers: [
      {
        peer,
        role: 'agent',
        otherSite: false,
        chunks: 16,
        useful: 10,
        reasons: [{ code: 'asked', params: { requests: 2 } }]
      }
    ],
    claims: [
      {
        extent: 2,
        firstChunk: 8,
        endChunk: 12,
        claimant: peer,
        own: false,
        bytesDone: MiB,
        sinceMs: 900,
        silentMs: 200
      }
    ],
    policy: [],
    ...given
  }
}

export function makeHealth(given: Partial<HealthView> = {}): HealthView {
  return {
    at: Date.now(),
    state: 'ok',
    checks: [
      {
        name: 'proxy',
        state: 'ok',
        code: 'proxy-answers',
        params: { ms: 3 },
        text: 'answered a request in 3 ms',
        advice: null
      }
    ],
    ...given
  }
}

export function makeChunkMap(transfer: string): ChunkMap {
  return {
    transfer,
    chunkBytes: MiB,
    chunks: 16,
    sources: [
      { kind: 'missing', peer: null },
      { kind: 'fetching', peer: null },
      { kind: 'disk', peer: null },
      { kind: 'origin', peer: null },
      { kind: 'peer', peer }
    ],
    runs: [
      [2, 2],
      [4, 4],
      [1, 2],
      [0, 8]
    ]
  }
}

/** @param status whose peers it tells of */
export function makeInsight(status: () => AgentStatus): Insight {
  return {
    deliveryStatus: async () => [],
    perfSnap: async () => ({
      FilesDownloaded: 0,
      FilesUploaded: 0,
      Files: 0,
      TotalBytesDownloaded: 0,
      TotalBytesUploaded: 0,
      AverageDownloadSize: 0,
      AverageUploadSize: 0,
      DownloadMode: 'Lan',
      CacheSizeBytes: 0,
      TotalDiskBytes: null,
      AvailableDiskBytes: 0,
      MemUsageKB: 0,
      NumberOfPeers: 0,
      CacheHostConnections: 0,
      CdnConnections: 0,
      LanConnections: 0,
      GroupConnections: 0,
      DownlinkUsageBps: 0,
      UplinkUsageBps: 0,
      ForegroundDownloadCount: 0,
      BackgroundDownloadCount: 0,
      ThisMonth: noSourceBytes
    }),
    why: async transfer => makeWhy({ transfer }),
    chunks: transfer => makeChunkMap(transfer),
    copies: () => new Map(),
    serving: async () => ({
      host: '127.0.0.1',
      port: Number(new URL(status().proxyAddress).port),
      cacheHost: { enabled: false, host: '127.0.0.1', port: 80 },
      wsus: null,
      goMirrors: [],
      upstreamProxies: []
    }),
    peerInfo: async () => ({
      now: Date.now(),
      peers: status().peers.map(one => ({
        ...one,
        otherSite: false,
        requests: 0,
        bytesPerSecond: 1_000_000,
        chunkMs: 80,
        restsMs: 0,
        failures: 0,
        strikes: 0,
        bannedMs: 0,
        isTroubled: false,
        isIdle: false,
        transfers: [],
        roundTripMs: 0.7,
        downBytesPerSecond: 0,
        upBytesPerSecond: 0
      })),
      banned: [{ peer, until: Date.now() + minuteMs, reason: 'sent corrupt chunks' }],
      refusals: {},
      wifi: false,
      peering: { allowed: true, why: '', reason: null },
      upload: { allowed: true, why: '', reason: null }
    }),
    history: () => ({
      now: Date.now(),
      today: noSourceBytes,
      week: noSourceBytes,
      month: noSourceBytes,
      hours: [],
      days: []
    }),
    health: async () => makeHealth(),
    log: () => [{ level: 30, time: Date.now(), msg: 'agent is up' }],
    supportBundle: async () => new Uint8Array([80, 75, 5, 6])
  }
}
