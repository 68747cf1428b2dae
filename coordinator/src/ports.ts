/** What the parts of the coordinator are to each other: narrow interfaces, no implementation. */
import type { AuditView } from '@starling/shared/admin-api/audit.ts'
import type { PlacedBy } from '@starling/shared/admin-api/placed-by.ts'
import type { AccountRole } from '@starling/shared/admin-api/roles.ts'
import type { CoordinatorAddress, PurgeNews, SwarmEntry } from '@starling/shared/coordinator-api.ts'
import type { Credential, RevocationList, Role } from '@starling/shared/credential.ts'
import type { Figures } from '@starling/shared/fleet-series.ts'
import type { AgentId, SiteId } from '@starling/shared/ids.ts'
import type {
  OrderKind,
  OrderList,
  OrderProgress,
  OrderState,
  OrdersReport
} from '@starling/shared/orders.ts'
import type { Purge } from '@starling/shared/purge.ts'
import type { PolicyScope, ScopedMember } from '@starling/shared/policy-scope.ts'
import type { PolicyVersion, Rollout, ScopePolicy, Standing } from '@starling/shared/rollout-plan.ts'
import type { PolicyDocument, PolicyReport, SignedPolicy } from '@starling/shared/signed-policy.ts'
import type { Bytes, BytesPerSecond, Millis } from '@starling/shared/units.ts'
import type { alertRulesWith, changedRule } from './core/alert-rules.ts'
import type { Alert, Measurement, stepAlerts } from './core/alerts.ts'
import type { noticedOf, Seen, stillSuspected, suspected } from './core/noticing.ts'
import type { placementOf } from './core/placing.ts'
import type { AlertRuleStore, AlertStore } from './fleet-ports.ts'
import type { ReportBook, TakenReport } from './core/report-book.ts'
import type { PaceBook } from './core/pace-book.ts'
import type { SpreadBook } from './core/spread-book.ts'
import type { RolloutCore, RolloutView } from './core/rollout.ts'
import type { RolloutEvent } from './core/rollout-events.ts'

// ------------------------------------------------------------------------------------------------- store

export interface AgentRecord {
  readonly agent: AgentId
  readonly site: SiteId
  readonly role: Role
  /** Of policies; null: in none. */
  readonly group: string | null
  readonly version: string
  readonly enrolledAt: Millis
  readonly lastHeardAt: Millis | null
  readonly revokedAt: Millis | null
}

export interface TicketRecord {
  /** First 16 hex digits of the hash: names the ticket in lists without giving it away. */
  readonly id: string
  /** SHA-256 of the secret. The secret itself is nowhere: who reads the database cannot join with it. */
  readonly secretHash: Uint8Array
  readonly site: SiteId
  readonly role: Role
  /** That machines which join with it are put into; null: none. */
  readonly group: string | null
  /** Whether `site` counts, or is where it begins. */
  readonly placedBy: PlacedBy
  readonly usesMax: number
  readonly createdAt: Millis
  readonly expiresAt: Millis
}

export interface EventRecord {
  readonly at: Millis
  readonly kind: string
  readonly agent: AgentId | null
  readonly detail: string
}

export interface Superseded {
  readonly agent: AgentId
  /** Who its machine is now. */
  readonly by: AgentId
}

export interface AgentStore {
  agents(): Promise<readonly AgentRecord[]>
  agent(agent: AgentId): Promise<AgentRecord | null>
  putAgent(agent: AgentRecord): Promise<void>
  /** @returns false for an unknown agent */
  setGroup(agent: AgentId, group: string | null): Promise<boolean>
  setPlacedBy(agent: AgentId, placedBy: PlacedBy): Promise<void>
  /** From now on the definitions find the agents of that site; where they are stays the same. @returns how many somebody had named it for */
  release(site: SiteId): Promise<number>
  /** @returns false: it belongs no more, or somebody has named a site for it */
  place(agent: AgentId, site: SiteId): Promise<boolean>
  /**
   * Notes which machine an agent runs on, and gives it what its old self had: the group, and the site with how that came about.
   * @param takes what of it; nothing if an admin or a ticket has said it
   * @returns others of that machine that are not revoked
   */
  joinedAs(
    agent: AgentId,
    machine: string,
    takes: { readonly group: boolean; readonly site: boolean }
  ): Promise<readonly AgentId[]>
  /** Agents whose machine has joined anew later, and which were not heard since, nor after `silentSince`; of all machines, or one. */
  outdated(silentSince: Millis, machine?: string): Promise<readonly Superseded[]>
  /** Revokes them and takes them off all lists. */
  supersede(outdated: readonly Superseded[], at: Millis): Promise<void>
  /** Takes it off all lists. */
  decommission(agent: AgentId, at: Millis): Promise<void>
  /** Gathered, and written together with what else is heard within seconds. */
  heard(agent: AgentId, at: Millis, version: string): Promise<void>
  /** @returns false when it was revoked already. */
  revoke(agent: AgentId, at: Millis, reason: string): Promise<boolean>
  /**
   * Takes those off the list of revocations whose revocation and credentials are all older than that: nobody believes
   * them any more. They stay revoked. @returns how many
   */
  unlist(expiredBefore: Millis, at: Millis): Promise<number>
  /** The version grows with each change of the list, and is the time at least; 0 while there is none. */
  revocations(): Promise<{ readonly version: number; readonly agents: readonly AgentId[] }>
}

export interface TicketStore {
  createTicket(ticket: TicketRecord): Promise<void>
  ticket(id: string): Promise<TicketRecord | null>
  tickets(): Promise<ReadonlyArray<TicketRecord & { readonly uses: number }>>
  /** In one transaction. An agent that uses its ticket again (its answer got lost) is not counted twice. */
  useTicket(id: string, agent: AgentId, at: Millis): Promise<'used' | 'exhausted' | 'expired'>
  /** It expires now. @returns false for an unknown ticket, and for one that has expired */
  endTicket(id: string, at: Millis): Promise<boolean>
  /** Forgets tickets that expired before `at`. */
  pruneTickets(at: Millis): Promise<void>
  /** Takes the next serial and notes for what. */
  issueSerial(issued: {
    readonly agent: AgentId
    readonly at: Millis
    readonly notAfter: Millis
  }): Promise<number>
}

export interface PurgeStore {
  /** Those that are too old to matter, or too many, are forgotten. @returns its number, which grows */
  purge(purge: Purge, reason: string): Promise<number>
  /** Those with a higher number, the oldest first, at most so many; and the highest number there is, or 0. */
  purgesAfter(number: number, countMax: number): Promise<PurgeNews>
}

export interface EventStore {
  note(event: EventRecord): Promise<void>
  events(countMax: number): Promise<readonly EventRecord[]>
}

/** What must outlive a restart. Promises, because the database may be elsewhere. */
export interface CoordinatorStore extends AgentStore, TicketStore, PurgeStore, EventStore {
  /** Writes down who was heard. */
  flush(): Promise<void>
  close(): Promise<void>
}

/**
 * Calls `handler` with what was notified on the channel, and with null when it hears from now on and may have missed
 * some: at first, and whenever the database was away. @returns how to stop listening
 */
export type Listen = (channel: string, handler: (payload: string | null) => void) => () => void

// ------------------------------------------------------------------------------------------------- authority

/** The keys at work: the only part that signs. */
export interface Authority {
  readonly fleet: AgentId
  readonly coordinator: AgentId
  credential(
    body: {
      readonly agentId: AgentId
      readonly site: SiteId
      readonly role: Role
      readonly serial: number
      readonly notBefore: Millis
      readonly notAfter: Millis
    },
    now: Millis
  ): Credential
  revocationList(
    body: { readonly version: number; readonly agents: readonly AgentId[] },
    now: Millis
  ): RevocationList
  policy(body: Pick<SignedPolicy, 'number' | 'scopes'>, now: Millis): SignedPolicy
}

// ------------------------------------------------------------------------------------------------- decisions

/** The running core as the API sees it. */
export interface FleetPort {
  enrolled(agent: AgentId, site: SiteId, role: Role): void
  heartbeat(heard: {
    readonly agent: AgentId
    readonly addresses: readonly string[]
    readonly swarm: readonly SwarmEntry[]
  }): readonly Handout[]
  revoked(agent: AgentId): void
  online(agent: AgentId): boolean
  present(): Iterable<{
    readonly agent: AgentId
    readonly site: SiteId
    readonly role: Role
    readonly heardAt: Millis
  }>
  hasGateway(site: SiteId): boolean
  counts(): { readonly online: number; readonly gatewaysOnline: number }
}

export interface Handout {
  readonly id: AgentId
  readonly addresses: readonly string[]
}

export interface CoordinatorsStore {
  /** That it is there, for itself to say; those that have not said so since are forgotten. Told on channel `coordinators`. */
  sawCoordinator(coordinator: CoordinatorAddress, at: Millis, forgetBefore: Millis): Promise<void>
  /** Who was there last is first. */
  coordinators(): Promise<readonly CoordinatorAddress[]>
}
/** What the core finds when it sees agents beside each other. */
export interface Noticing {
  readonly suspected: typeof suspected
  readonly stillSuspected: typeof stillSuspected
  readonly noticedOf: typeof noticedOf
}
export interface SaidPolicies {
  /** What some agent is told. */
  readonly documents: readonly PolicyDocument[]
  to(scope: PolicyScope, member: ScopedMember): PolicyDocument | null
}

/** What the core finds of where agents belong. */
export type PlacementOf = typeof placementOf
/** What the core decides of alerts. */
export interface AlertDecisions {
  readonly alertRulesWith: typeof alertRulesWith
  readonly changedRule: typeof changedRule
  readonly stepAlerts: typeof stepAlerts
}
export type {
  Alert,
  Measurement,
  Seen,
  PaceBook,
  ReportBook,
  RolloutCore,
  RolloutEvent,
  RolloutView,
  SpreadBook,
  TakenReport
}

// ------------------------------------------------------------------------------------------------- policies

export interface PolicyChange {
  readonly name: string
  /** Left out: it was not set. */
  readonly before?: unknown
  /** Left out: it is not set any more. */
  readonly after?: unknown
}

/** Never changed once it is written. */
export interface PolicyRecord {
  readonly scope: PolicyScope
  readonly version: PolicyVersion
  readonly document: PolicyDocument
  readonly author: string
  readonly reason: string
  readonly createdAt: Millis
  /** Against the version before it. */
  readonly changes: readonly PolicyChange[]
}

/** What a rollout watches of an agent, as it was heard by any coordinator. */
export interface HeardRecord {
  readonly agent: AgentId
  readonly heardAt: Millis
  readonly standing: Standing
  /** Since the agent's program started. */
  readonly downloads: number
  readonly errors: number
}

export interface StoredPolicies {
  /** Grows with each change of any scope, and is never less than the time of the last one. */
  readonly number: number
  readonly scopes: ReadonlyArray<{
    readonly policy: ScopePolicy
    readonly revision: number
    /** Null: it has no version. */
    readonly newest: PolicyVersion | null
  }>
}

export interface PolicyStore {
  /** The number of the version is the next of its scope. */
  addVersion(record: Omit<PolicyRecord, 'version'>): Promise<PolicyVersion>
  version(scope: PolicyScope, version: PolicyVersion): Promise<PolicyRecord | null>
  /** The newest first. */
  versions(scope: PolicyScope, countMax: number): Promise<readonly PolicyRecord[]>
  policies(): Promise<StoredPolicies>
  /**
   * Tells all coordinators. @param revision what the change was made from; 0: the scope had no policy yet
   * @returns false when somebody else has changed the scope meanwhile, and nothing was done
   */
  change(after: ScopePolicy, revision: number, at: Millis): Promise<boolean>
  /** The number is that moment at least: of a database that was set back agents have seen higher ones. */
  renumber(at: Millis): Promise<void>
  noteHeard(records: readonly HeardRecord[], notedAt: Millis): Promise<void>
  /** What was noted at or after that moment by any coordinator, of agents that belong. */
  heardSince(notedAt: Millis): Promise<ReadonlyArray<HeardRecord & ScopedMember>>
}

/** What agents are told; answers from memory. */
export interface PolicyDesk {
  /** Null: the agent has what it is to have, has refused just that, or did not say what it has. */
  newsFor(member: ScopedMember, report: PolicyReport | undefined): SignedPolicy | null
  standingOf(member: ScopedMember, report: PolicyReport | undefined): Standing
}

// ------------------------------------------------------------------------------------------------- figures

export interface SiteFigures {
  readonly agents: number
  readonly online: number
  readonly gatewaysOnline: number
  /** Of a day; null: nothing was new. */
  readonly amplification: number | null
}

/** The fleet as all coordinators know it, at one moment. */
export interface FleetFigures {
  readonly at: Millis
  readonly agents: number
  readonly online: number
  readonly revoked: number
  readonly versions: ReadonlyMap<string, number>
  readonly problems: ReadonlyMap<string, number>
  readonly sites: ReadonlyMap<SiteId, SiteFigures>
  /** Of the last 24 h. */
  readonly day: Figures
  readonly amplification: number | null
  readonly saved: Readonly<Record<'day' | 'week' | 'month', Bytes>>
  readonly alerts: ReadonlyArray<Pick<Alert, 'rule' | 'state'>>
  /** The last one of each scope. */
  readonly rollouts: ReadonlyArray<Rollout['phase']['kind']>
  readonly auditEntries: number
  readonly databaseBytes: Bytes
}

// ------------------------------------------------------------------------------------------------- orders

/** Never changed once it is given, but for its end. */
export interface OrderRecord {
  readonly id: string
  readonly kind: OrderKind
  readonly what: string
  readonly scopes: readonly PolicyScope[]
  /** Null: it holds until it is withdrawn. */
  readonly by: Millis | null
  readonly bytesPerSecond: BytesPerSecond | null
  readonly author: string
  readonly reason: string
  readonly createdAt: Millis
  readonly withdrawnAt: Millis | null
  readonly withdrawnBy: string | null
}

export type NotedProgress = OrderProgress & { readonly agent: AgentId; readonly at: Millis }

/** Agents of one site that are alike. */
export interface ProgressCount {
  readonly order: string
  readonly site: SiteId
  readonly state: OrderState
  readonly reason: string
  readonly late: boolean
  readonly agents: number
  readonly bytes: Bytes
  /** The most that any of them knows; null: none knows. */
  readonly length: Bytes | null
}

export interface OrderStore {
  /** Tells all coordinators (channel `orders`), and forgets what ended before. */
  give(order: OrderRecord, forgetEndedBefore: Millis): Promise<void>
  /** Tells all coordinators. @returns false when there is none, or it was withdrawn already */
  withdraw(id: string, at: Millis, by: string): Promise<boolean>
  /** The newest first. */
  orders(): Promise<readonly OrderRecord[]>
  /** What is told of orders that are forgotten is forgotten, too. */
  noteProgress(progress: readonly NotedProgress[]): Promise<void>
  /** Of agents that belong; of one order, or all. */
  progress(order?: string): Promise<readonly ProgressCount[]>
}

/** What agents are told, from memory, and what is heard of them. */
export interface OrderDesk {
  load(): Promise<void>
  /** Null: the agent has just these, or did not say what it has. */
  newsFor(member: ScopedMember, digest: string | undefined): OrderList | null
  heard(member: ScopedMember, report: OrdersReport): void
}

// ------------------------------------------------------------------------------------------------- audit

/** Who does what, and from where. One is made for each request; `AuditLog.wrote` knows it again. */
export interface By {
  readonly kind: 'local' | 'account' | 'token' | 'agent' | 'coordinator' | 'unknown'
  readonly actor: string
  readonly role: string
  /** `ticket.create` */
  readonly action: string
  readonly address: string
}

export interface Deed {
  readonly by: By
  /** What was changed, or was to be. Never a secret. */
  readonly target: string
  readonly detail?: string
  /** `done` when left out, else the code of the failure. */
  readonly outcome?: string
}

export interface AuditQuery {
  readonly from?: Millis | undefined
  readonly to?: Millis | undefined
  readonly actor?: string | undefined
  readonly action?: string | undefined
  /** Entries with lower numbers only: the next page. */
  readonly before?: number | undefined
  readonly count: number
}

export interface AuditVerdict {
  readonly entries: number
  /** What is wrong, and where; null when the chain is whole. */
  readonly problem: string | null
}

export interface AuditLog {
  /** For what changes nothing in the database: refusals, failures. */
  write(deed: Deed): Promise<void>
  /** Whether something was written for this one. */
  wrote(by: By): boolean
  /** The newest first. */
  page(query: AuditQuery): Promise<readonly AuditView[]>
  /** All, the oldest first. */
  entries(): AsyncIterable<AuditView>
  verify(): Promise<AuditVerdict>
  /** Forgets what is older, and says so. @returns how many entries */
  prune(before: Millis): Promise<number>
}

/**
 * A change and its audit entry, both or neither: what is asked of `store` in `work` is one transaction, which may be run
 * again, so `work` does nothing else.
 */
export type Change = <Result>(
  by: By,
  work: (
    store: ChangeStore
  ) => Promise<{ readonly result: Result; readonly target: string; readonly detail?: string }>
) => Promise<Result>

/** Who belongs, as far as a change may touch it. */
export type MembershipStore = Pick<
  AgentStore,
  | 'agent'
  | 'putAgent'
  | 'setGroup'
  | 'setPlacedBy'
  | 'release'
  | 'place'
  | 'joinedAs'
  | 'outdated'
  | 'supersede'
  | 'revoke'
  | 'decommission'
>

export type ChangeStore = TicketStore &
  PurgeStore &
  EventStore &
  MembershipStore & {
    readonly policies: Pick<PolicyStore, 'addVersion' | 'versions' | 'policies' | 'change'>
    readonly orders: Pick<OrderStore, 'give' | 'withdraw' | 'orders'>
    readonly alerts: Pick<AlertStore, 'acknowledge'>
    readonly alertRules: AlertRuleStore
    readonly secrets: {
      write(name: string, plain: Uint8Array): Promise<void>
      remove(name: string): Promise<void>
    }
  }

// ------------------------------------------------------------------------------------------------- accounts

export interface AccountRecord {
  readonly name: string
  readonly role: AccountRole
  readonly disabled: boolean
  readonly createdAt: Millis
  readonly signedInAt: Millis | null
}

export interface TokenRecord {
  readonly id: string
  readonly name: string
  readonly role: AccountRole
  /** Not null: for what concerns this site only. */
  readonly site: SiteId | null
  readonly createdAt: Millis
  readonly createdBy: string
  readonly expiresAt: Millis
  readonly usedAt: Millis | null
  readonly revokedAt: Millis | null
}

/** Hashes are SHA-256 in hex of 256 random bits; what they are of is nowhere. */
export interface AccountStore {
  accounts(): Promise<readonly AccountRecord[]>
  /** @returns null when there is no such account, or it is disabled */
  passwordHash(name: string): Promise<string | null>
  /** @throws StarlingError `account-exists` */
  createAccount(by: By, account: AccountRecord & { readonly passwordHash: string }): Promise<void>
  /**
   * Whatever changes, its sessions end, but for one.
   * @throws StarlingError `unknown-account`, `last-admin`
   */
  changeAccount(
    by: By,
    name: string,
    change: {
      readonly role?: AccountRole | undefined
      readonly disabled?: boolean | undefined
      readonly passwordHash?: string | undefined
    },
    sessionKept?: string
  ): Promise<void>
  /** @throws StarlingError `unknown-account`, `last-admin` */
  removeAccount(by: By, name: string): Promise<void>

  /** Of the code that makes the first admin; null while there is none. */
  firstAdminCode(): Promise<{ readonly hash: string; readonly expiresAt: Millis } | null>
  /** @returns false, with nothing changed, when there is an account already */
  offerFirstAdmin(by: By, code: { readonly hash: string; readonly expiresAt: Millis }): Promise<boolean>
  /** Takes the code and makes the account, or neither. @throws StarlingError `code-wrong` */
  takeFirstAdmin(
    by: By,
    codeHash: string,
    account: AccountRecord & { readonly passwordHash: string }
  ): Promise<void>

  createSession(
    by: By,
    session: {
      readonly hash: string
      readonly account: string
      readonly at: Millis
      readonly expiresAt: Millis
    }
  ): Promise<void>
  /** @returns null when it is unknown or over, or its account disabled */
  session(
    hash: string,
    now: Millis
  ): Promise<{ readonly account: string; readonly role: AccountRole; readonly expiresAt: Millis } | null>
  prolongSession(hash: string, expiresAt: Millis): Promise<void>
  endSession(by: By, hash: string): Promise<void>

  tokens(): Promise<readonly TokenRecord[]>
  createToken(by: By, token: TokenRecord & { readonly hash: string }): Promise<void>
  /** @returns null when it is unknown, expired or revoked, or the account that made it is disabled or gone */
  token(hash: string, now: Millis): Promise<TokenRecord | null>
  tokenUsed(id: string, at: Millis): Promise<void>
  /** @throws StarlingError `unknown-token` */
  revokeToken(by: By, id: string, at: Millis): Promise<void>
}

// ------------------------------------------------------------------------------------------------- upkeep

export interface Upkeep {
  readonly kind: 'sqlite' | 'postgres'
  /** @returns how many secrets were sealed anew */
  rotateSecrets(by: By): Promise<number>
  /**
   * As `rotateSecrets`, and wraps the new data key with a new master key, which takes the place of the old one.
   * @param from a file that holds the new one; null: makes one
   * @throws StarlingError `master-key-elsewhere`, `master-key-wrong`, `master-key-missing`, `master-key-damaged`
   */
  changeMasterKey(from: string | null, by: By): Promise<number>
  /** @returns the name of a consistent copy in the data folder; null where the database has tools of its own */
  copyDatabase(): Promise<string | null>
}
