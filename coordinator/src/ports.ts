/** What the parts of the coordinator are to each other: narrow interfaces, no implementation. */
import type { PurgeNews, SwarmEntry } from '@starling/shared/coordinator-api.ts'
import type { Credential, RevocationList, Role } from '@starling/shared/credential.ts'
import type { AgentId, SiteId } from '@starling/shared/ids.ts'
import type { Purge } from '@starling/shared/purge.ts'
import type { SignedPolicy } from '@starling/shared/signed-policy.ts'
import type { Millis } from '@starling/shared/units.ts'
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

export interface AgentStore {
  agents(): Promise<readonly AgentRecord[]>
  agent(agent: AgentId): Promise<AgentRecord | null>
  putAgent(agent: AgentRecord): Promise<void>
  /** @returns false for an unknown agent */
  setGroup(agent: AgentId, group: string | null): Promise<boolean>
  /** Gathered, and written together with what else is heard within seconds. */
  heard(agent: AgentId, at: Millis, version: string): Promise<void>
  /** @returns false when it was revoked already. */
  revoke(agent: AgentId, at: Millis, reason: string): Promise<boolean>
  /** The version grows by one with each revocation; 0 while there is none. */
  revocations(): Promise<{ readonly version: number; readonly agents: readonly AgentId[] }>
}

export interface TicketStore {
  createTicket(ticket: TicketRecord): Promise<void>
  ticket(id: string): Promise<TicketRecord | null>
  tickets(): Promise<ReadonlyArray<TicketRecord & { readonly uses: number }>>
  /** In one transaction. An agent that uses its ticket again (its answer got lost) is not counted twice. */
  useTicket(id: string, agent: AgentId, at: Millis): Promise<'used' | 'exhausted'>
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
  counts(): { readonly online: number; readonly gatewaysOnline: number }
}

export interface Handout {
  readonly id: AgentId
  readonly addresses: readonly string[]
}

export type { RolloutCore, RolloutEvent, RolloutView }
