/** All that people are shown of this agent, asked of its parts. */
import type { Role } from '@starling/shared/credential.ts'
import type { AgentId, SiteId } from '@starling/shared/ids.ts'
import type { Millis } from '@starling/shared/units.ts'
import type { AccessLog } from '../access-log/access-log.ts'
import type { BulkTls } from '../bulk/bulk-tls.ts'
import type { LiveConfig } from '../config-reload.ts'
import type { CorePolicy } from '../core/events.ts'
import type { Flows } from '../flows/flows.ts'
import type { Intercept } from '../intercept/intercept.ts'
import type { Orders } from '../orders/orders.ts'
import type { PeerBytes } from '../peer-bytes.ts'
import type {
  AgentAbout,
  AgentScreen,
  AgentStatus,
  CoordinatorLinkPort,
  PeersPort,
  StorePort
} from '../ports.ts'
import type { HttpCache } from '../proxy/http-cache/http-cache.ts'
import type { Proxy } from '../proxy/http-proxy.ts'
import type { Reporter } from '../report.ts'
import type { Upstream } from '../upstream/upstream.ts'

/** What does not change while an agent runs. */
export interface Standing {
  readonly id: AgentId
  readonly site: SiteId
  readonly role: Role
  readonly version: string
  readonly startedAt: Millis
  readonly proxyAddress: string
}

export interface ShownParts {
  readonly link: Pick<CoordinatorLinkPort, 'state'> | null
  readonly network: PeersPort
  readonly peerBytes: PeerBytes
  readonly bulk: Pick<BulkTls, 'cuts'>
  readonly flows: Pick<Flows, 'views' | 'busiest' | 'totals'>
  readonly store: Pick<StorePort, 'usage'>
  readonly proxy: Pick<Proxy, 'tally'>
  readonly smallCache: Pick<HttpCache, 'usage'>
  readonly accessLog: Pick<AccessLog, 'lost'>
  readonly upstream: Pick<Upstream, 'upstreams'>
  readonly intercept: Pick<Intercept, 'view'> | null
  readonly reporter: Pick<Reporter, 'problems' | 'purgesDropped'>
  readonly orders: Pick<Orders, 'view'>
  readonly corePolicy: () => CorePolicy
  readonly live: Pick<LiveConfig, 'now' | 'problems'>
}

export interface Shown {
  about(): Promise<AgentAbout>
  status(): Promise<AgentStatus>
  screen(transfersMax: number): Promise<AgentScreen>
}

export function showing(standing: Standing, pageAddress: () => string, parts: ShownParts): Shown {
  const about = () => aboutOf(standing, pageAddress(), parts)
  return {
    about,
    status: async () => ({ ...(await about()), transfers: parts.flows.views() }),
    screen: async transfersMax => ({ ...(await about()), ...parts.flows.busiest(transfersMax) })
  }
}

async function aboutOf(standing: Standing, pageAddress: string, parts: ShownParts): Promise<AgentAbout> {
  const { network, peerBytes, bulk, flows, reporter, live } = parts
  const dropped = reporter.purgesDropped()
  return {
    ...standing,
    pid: process.pid,
    now: Date.now(),
    coordinator: parts.link?.state() ?? { kind: 'none', since: standing.startedAt, problem: null },
    pageAddress,
    addresses: network.addresses(),
    peers: network.list().map(peer => ({ ...peer, ...peerBytes.of(peer.id) })),
    totals: flows.totals(),
    store: await parts.store.usage(),
    proxy: parts.proxy.tally(),
    smallCache: parts.smallCache.usage(),
    logLinesLost: parts.accessLog.lost(),
    upstreams: parts.upstream.upstreams(),
    intercept: parts.intercept?.view() ?? null,
    refusals: Object.fromEntries([
      ...network.refusals(),
      ...(dropped > 0 ? [['purge-flood', dropped] as const] : []),
      ...[...bulk.cuts()].map(([reason, count]) => [`bulk-${reason}`, count] as const)
    ]),
    orders: parts.orders.view(),
    policy: parts.corePolicy(),
    contentClasses: live.now().contentClasses,
    problems: [...live.problems(), ...reporter.problems()]
  }
}
