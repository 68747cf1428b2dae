/** What the parts that see to the fleet are to each other: its store, its figures, its alerts. */
import type * as view from '@starling/shared/admin-api/fleet-view.ts'
import type { Answered } from '@starling/shared/admin-api/operation.ts'
import type { AlertRule, AlertRuleChange, AlertRuleSetting } from '@starling/shared/alert-rule.ts'
import type { HeartbeatRequest } from '@starling/shared/coordinator-api.ts'
import type { Figures, Rollup, Span } from '@starling/shared/fleet-series.ts'
import type { HostFact } from '@starling/shared/heartbeat-report.ts'
import type { Role } from '@starling/shared/credential.ts'
import type { AgentId, SiteId, TransferId } from '@starling/shared/ids.ts'
import type { ScopedMember } from '@starling/shared/policy-scope.ts'
import type { Bytes, Millis } from '@starling/shared/units.ts'
import type { AgentRecord, Alert, By, PaceBook, PlacedBy, ReportBook, SpreadBook } from './ports.ts'

export const webhookShapes = ['json', 'slack', 'teams', 'wecom'] as const
export type WebhookShape = (typeof webhookShapes)[number]

type AlertState = Alert['state']

export interface ToldReport {
  readonly agent: AgentId
  readonly site: SiteId
  readonly hasGateway: boolean
  readonly at: Millis
  readonly runs: ReadonlyArray<{ readonly run: number; readonly counters: Readonly<Record<string, number>> }>
  readonly host: Readonly<Record<string, HostFact>>
  readonly problems: readonly string[]
}

export type SeriesPoint = Figures & { readonly at: Millis; readonly online: number }

export interface SeriesStore {
  /** @param fresh bytes new to each site since the last time */
  takeReports(reports: readonly ToldReport[], fresh: ReadonlyMap<SiteId, Bytes>, now: Millis): Promise<void>
  /** What all reports since the start have added, each counted once. */
  taken(): Figures
  /** Adds this coordinator's part of a minute. */
  noteOnline(at: Millis, online: ReadonlyMap<SiteId, number>): Promise<void>
  rollUp(rollups: readonly Rollup[]): Promise<void>
  /** Forgets what is too old. */
  prune(now: Millis): Promise<void>
  series(span: Span, site: SiteId, from: Millis, to: Millis): Promise<SeriesPoint[]>
  /** Of each site, and of all. */
  totals(span: Span, from: Millis): Promise<ReadonlyMap<SiteId, Figures>>
  noPeer(
    from: Millis,
    site?: SiteId
  ): Promise<ReadonlyArray<{ readonly reason: string; readonly count: number }>>
}

export type StoredAlert = Alert & {
  readonly told: AlertState
  readonly attempts: number
  readonly nextAt: Millis
}

export interface AlertStore {
  alerts(): Promise<StoredAlert[]>
  put(alert: Alert): Promise<void>
  remove(id: string): Promise<void>
  /** @returns false when there is no such alert that fires */
  acknowledge(id: string, by: string, at: Millis): Promise<boolean>
  told(id: string, state: AlertState): Promise<void>
  tellLater(id: string, attempts: number, nextAt: Millis): Promise<void>
  /** Forgets what was over before. */
  pruneAlerts(before: Millis): Promise<void>
}

export interface AlertRuleStore {
  /** What an admin has changed. */
  set(): Promise<readonly AlertRuleSetting[]>
  put(setting: AlertRuleSetting): Promise<void>
  /** As it was at first. */
  reset(rule: string): Promise<void>
}

export interface AgentFilter {
  readonly site?: SiteId | undefined
  readonly group?: string | undefined
  readonly state?: 'online' | 'offline' | 'revoked' | undefined
  readonly problem?: string | undefined
  readonly version?: string | undefined
  readonly search?: string | undefined
  readonly sort?: 'id' | 'newest' | undefined
  /** The last one of the page before. */
  readonly after?: Pick<AgentRecord, 'agent' | 'enrolledAt'> | undefined
  readonly count: number
  /** Who was heard after this is online. */
  readonly onlineSince: Millis
}

export type FoundAgent = AgentRecord & {
  readonly hostName: string
  readonly problems: readonly string[]
  /** JSON. */
  readonly host: string
  readonly counters: string
}

export interface AgentCount {
  readonly site: SiteId
  readonly role: string
  readonly version: string
  readonly problems: string
  readonly online: number
  readonly count: number
}

export interface FleetQueries {
  find(filter: AgentFilter): Promise<FoundAgent[]>
  one(agent: AgentId): Promise<FoundAgent | null>
  /** How far an agent is with the orders that it has told of, the newest first. */
  orders(agent: AgentId): Promise<Answered<typeof view.showAgent>['orders']>
  counts(onlineSince: Millis, site?: SiteId): Promise<AgentCount[]>
}

/** JSON where texts are. */
export interface ReportedAgent extends ScopedMember {
  readonly role: Role
  readonly placedBy: PlacedBy
  readonly version: string
  readonly lastHeardAt: Millis | null
  readonly host: string
  readonly counters: string
  readonly suspicions: string
  readonly noticed: string
}

export type NoticedRow = Pick<ReportedAgent, 'agent' | 'suspicions' | 'noticed'>

export interface NoticedStore {
  /** What all that belong told last, to whichever coordinator. */
  reported(): AsyncIterable<ReportedAgent>
  note(rows: readonly NoticedRow[]): Promise<void>
}

export interface FleetBook {
  /** @returns the heartbeat as if it had told all; null: it has to */
  heard(member: AgentRecord, body: HeartbeatRequest): HeartbeatRequest | null
  readonly reports: Pick<ReportBook, 'of' | 'all' | 'contents'>
  readonly spread: Pick<SpreadBook, 'of'>
  readonly paces: Pick<PaceBook, 'of'>
  flush(): Promise<void>
  /** One minute's end: what the timers do. */
  everyMinute(): Promise<void>
  stop(): Promise<void>
}

export interface FleetView {
  agents(
    filter: Omit<AgentFilter, 'onlineSince' | 'after'> & { readonly after?: string | undefined }
  ): Promise<Answered<typeof view.listAgents>>
  /** @throws StarlingError `unknown-agent` */
  agent(agent: AgentId): Promise<Answered<typeof view.showAgent>>
  sites(site?: SiteId): Promise<Answered<typeof view.listSites>>
  fleet(site?: SiteId): Promise<Answered<typeof view.showFleet>>
  contents(site: SiteId | undefined, count: number): Answered<typeof view.listContents>
  content(transfer: TransferId, site: SiteId | undefined): Answered<typeof view.showContent>
  /** @throws StarlingError `too-many-points` */
  series(
    span: Span,
    site: SiteId | undefined,
    from: Millis | undefined,
    to: Millis | undefined
  ): Promise<Answered<typeof view.showSeries>>
}

export interface Alerting {
  list(): Promise<readonly Alert[]>
  /** @throws StarlingError `unknown-alert` */
  acknowledge(id: string, by: By): Promise<void>
  rules(): Promise<readonly AlertRule[]>
  /** Null: as it was at first. @throws StarlingError `unknown-rule`, `bad-rule` */
  setRule(id: string, change: AlertRuleChange | null, by: By): Promise<AlertRule>
  /** What the leader does once a minute. */
  work(): Promise<void>
}

export interface Webhook {
  readonly url: string
  readonly shape: WebhookShape
}

export interface AlertWord {
  readonly id: string
  readonly rule: string
  readonly site: string
  readonly state: 'firing' | 'resolved'
  readonly value: number
  readonly summary: string
  readonly at: Millis
}

export interface WebhookBook {
  read(): Promise<Webhook | null>
  write(webhook: Webhook | null, by: By): Promise<void>
  /** @throws StarlingError `no-webhook`, `webhook-failed` */
  test(): Promise<void>
}
