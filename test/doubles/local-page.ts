/**
 * A real local page over a made-up agent: for the tests of the page itself, of the command line, and for looking at it.
 * What the agent says is a plain value that the test changes; what it is asked to do is noted.
 */
import type { PageCollaborators } from '@starling/agent/page/page.ts'
import { createPage, type Page } from '@starling/agent/page/page.ts'
import { topmost } from '@starling/agent/flows/topmost.ts'
import { busiestFirst } from '@starling/agent/flows/views.ts'
import { isUnderWay } from '@starling/agent/page/routes.ts'
import { createLog } from '@starling/agent/log.ts'
import type {
  AgentStatus,
  AuditLine,
  ByteCounters,
  ConfigReload,
  ConfigSetting,
  PageActions,
  PeerView,
  PurgeResult,
  RequestPage,
  TimeSpread,
  TransferView,
  VerifyResult
} from '@starling/agent/ports.ts'
import type { Insight } from '@starling/agent/views.ts'
import { corePolicyDefaults, effectivePolicy } from '@starling/shared/policy/effective.ts'
import { nothingMeasured, unknownHost } from '@starling/shared/policy/host-facts.ts'
import { policyDefaults } from '@starling/shared/policy/policy.ts'
import { GiB, MiB, hourMs, minuteMs } from '@starling/shared/units.ts'
import { makeInsight } from './made-insight.ts'

export const selfId = '12D3KooWGnUXVRBBVuPVnGpqvjWUB5dTyRhcLVzMUWNfFkXNsm3v'
export const noBytes: ByteCounters = {
  fromPeers: 0,
  fromGateway: 0,
  fromUpstream: 0,
  fromCache: 0,
  toPeers: 0,
  toClients: 0,
  wasted: 0
}

const noTimes: TimeSpread = { upToMs: [], counts: [0], sumMs: 0 }

export function makeTransfer(
  given: Partial<TransferView> & Pick<TransferView, 'transfer' | 'key'>
): TransferView {
  const length = given.length ?? 256 * MiB
  return {
    validator: '"v1"',
    completedAt: null,
    length,
    keptBytes: length,
    complete: (given.keptBytes ?? length) === length,
    pinned: false,
    lastUsedAt: Date.now(),
    readers: 0,
    peers: 0,
    bytes: noBytes,
    passesThrough: false,
    problems: [],
    ...given
  }
}

export function makePeer(given: Partial<PeerView> & Pick<PeerView, 'id'>): PeerView {
  return {
    site: 'north',
    role: 'agent',
    address: '/ip4/192.0.2.7/tcp/17830',
    capabilities: [],
    name: null,
    network: null,
    bytesFrom: 0,
    bytesTo: 0,
    connectedAt: Date.now() - 5 * minuteMs,
    ...given
  }
}

export function makeStatus(given: Partial<AgentStatus> = {}): AgentStatus {
  const now = Date.now()
  return {
    id: selfId,
    site: 'north',
    role: 'agent',
    version: '0.1.0',
    pid: process.pid,
    startedAt: now - 3 * hourMs,
    now,
    coordinator: { kind: 'connected', since: now - hourMs, problem: null },
    proxyAddress: 'http://127.0.0.1:17831',
    pageAddress: 'http://127.0.0.1:17832',
    addresses: [`/ip4/192.0.2.4/tcp/17830/p2p/${selfId}`],
    peers: [],
    transfers: [],
    totals: noBytes,
    store: { usedBytes: 0, quotaBytes: 20 * GiB, freeBytes: 180 * GiB, floorBytes: 2 * GiB },
    proxy: {
      bytes: { swarm: 0, cache: 0, pass: 0 },
      answers: { swarm: 0, cache: 0, pass: 0 },
      refused: {},
      firstByte: { swarm: noTimes, cache: noTimes, pass: noTimes },
      total: { swarm: noTimes, cache: noTimes, pass: noTimes },
      ended: { all: 0, failed: 0 },
      wsusCalls: { scan: 0, sync: 0, report: 0, other: 0 }
    },
    logLinesLost: 0,
    orders: [],
    intercept: null,
    smallCache: { entries: 0, memoryBytes: 0, diskBytes: 0 },
    upstreams: [],
    refusals: {},
    policy: corePolicyDefaults,
    contentClasses: [],
    problems: [],
    ...given
  }
}

export interface LocalPage extends Page {
  status: AgentStatus
  insight: Insight
  /** While it is a promise, the status is not answered before it resolves. */
  held: Promise<void> | null
  /** Tells the page that something changed. */
  changed(): void
  /** How many are subscribed to changes. */
  readonly subscribers: number
  /** What the API asked for, as `pin <id> true`. */
  readonly asked: readonly string[]
  verifyResults: VerifyResult[]
  purgeResult: PurgeResult
  configSettings: ConfigSetting[]
  configReload: ConfigReload
  requestPage: RequestPage
  /** What the page had written down. */
  audited: Array<Omit<AuditLine, 'time'>>
  /** How often the status was asked for. */
  readonly looks: number
}

export async function startLocalPage(
  dataFolder: string,
  status = makeStatus(),
  port = 0
): Promise<LocalPage> {
  const listeners = new Set<() => void>()
  const asked: string[] = []
  const actions: PageActions = {
    showPolicy: () => ({
      values: [],
      host: unknownHost,
      measured: nothingMeasured,
      effective: effectivePolicy({
        policy: policyDefaults,
        host: unknownHost,
        time: null,
        measured: nothingMeasured
      })
    }),
    async *verify() {
      yield* local.verifyResults
    },
    async pin(transfer, pinned) {
      asked.push(`pin ${transfer} ${pinned}`)
    },
    async remove(transfer) {
      asked.push(`remove ${transfer}`)
    },
    async purge(request) {
      asked.push(`purge ${JSON.stringify(request)}`)
      return local.purgeResult
    },
    showConfig: () => local.configSettings,
    async reloadConfig() {
      asked.push('reload')
      return local.configReload
    },
    async requests(query) {
      asked.push(`requests ${JSON.stringify(query)}`)
      return local.requestPage
    },
    retryTunnelled(which) {
      asked.push(`retry ${JSON.stringify(which)}`)
      return 2
    },
    audit(line) {
      local.audited.push(line)
    }
  }
  let looks = 0
  const look = async (): Promise<AgentStatus> => {
    looks++
    // What is true when it is asked for, not when it is answered.
    const { status } = local
    await local.held
    return status
  }
  const collaborators: PageCollaborators = {
    status: look,
    screen: async transfersMax => {
      const status = await look()
      const ranked = status.transfers.map(view => ({ ...view, underWay: isUnderWay(view) }))
      const transfers = topmost(ranked, transfersMax, busiestFirst)
      return { ...status, transfers, transfersTotal: status.transfers.length }
    },
    knows: transfer => local.status.transfers.some(one => one.transfer === transfer),
    onChange: listener => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    actions,
    insight: {
      deliveryStatus: () => local.insight.deliveryStatus(),
      perfSnap: () => local.insight.perfSnap(),
      why: transfer => local.insight.why(transfer),
      chunks: transfer => local.insight.chunks(transfer),
      peerInfo: () => local.insight.peerInfo(),
      copies: () => local.insight.copies(),
      history: () => local.insight.history(),
      health: () => local.insight.health(),
      serving: () => local.insight.serving(),
      log: linesMax => local.insight.log(linesMax),
      supportBundle: withNames => local.insight.supportBundle(withNames)
    },
    log: createLog('silent', 'test')
  }
  const local = {
    status,
    insight: makeInsight((): AgentStatus => local.status),
    held: null as Promise<void> | null,
    verifyResults: [] as VerifyResult[],
    purgeResult: { forgotten: 1, told: 3, notTold: null } as PurgeResult,
    configSettings: [] as ConfigSetting[],
    configReload: { problems: [], taken: [], waiting: [] } as ConfigReload,
    requestPage: { requests: [], cursor: null } as RequestPage,
    audited: [] as Array<Omit<AuditLine, 'time'>>,
    asked,
    changed: () => {
      for (const listener of listeners) listener()
    },
    get subscribers() {
      return listeners.size
    },
    get looks() {
      return looks
    }
  }
  const page = await createPage(collaborators, { host: '127.0.0.1', port, dataFolder })
  local.status = { ...local.status, pageAddress: page.address }
  return Object.assign(local, page)
}
