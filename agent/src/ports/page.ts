/** The agent as its page, its API and its command line see it: what they show and what they may change. */
import type { ContentClass } from '@starling/shared/content-classes/content-class.ts'
import type { Role } from '@starling/shared/credential.ts'
import type { AgentId, SiteId, TransferId } from '@starling/shared/ids.ts'
import type { OrderProgress, ToldOrder } from '@starling/shared/orders.ts'
import type { PurgeRequest } from '@starling/shared/purge.ts'
import type { Millis } from '@starling/shared/units.ts'
import type { CorePolicy } from '../core/events.ts'
import type { AccessLogPort, RequestPage, RequestQuery } from './access-log.ts'
import type { ConfigReload, ConfigSetting } from './config.ts'
import type { CoordinatorLinkPort } from './coordinator.ts'
import type { ByteCounters, TransferView } from './flows.ts'
import type { InterceptView, TunnelledRequest } from './interception.ts'
import type { PeerView } from './peers.ts'
import type { PolicyView } from './policy.ts'
import type { ProxyTally, SmallCacheUsage } from './proxy.ts'
import type { StoreUsage, VerifyResult } from './store.ts'
import type { UpstreamView } from './upstream.ts'

/** An order of the coordinator, and how far this agent is with it. */
export type OrderView = ToldOrder & Omit<OrderProgress, 'order'>

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
  readonly orders: readonly OrderView[]
  readonly policy: Readonly<CorePolicy>
  /** Content classes of its configuration, beside those that it knows by itself. */
  readonly contentClasses: readonly ContentClass[]
  /** What people should look at now, newest first; empty when all is well. */
  readonly problems: readonly string[]
}

/** The same without what is kept, which may be thousands of contents: for whoever asks often and shows none of them. */
export type AgentAbout = Omit<AgentStatus, 'transfers'>

/** The same with as many contents as fit a screen, busiest and newest first. */
export interface AgentScreen extends AgentStatus {
  readonly transfersTotal: number
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
