/** All that can happen to the coordinator's core, and all that it can do. Read this file first. */
import type { SwarmEntry } from '@starling/shared/coordinator-api.ts'
import type { Role } from '@starling/shared/credential.ts'
import type { AgentId, SiteId } from '@starling/shared/ids.ts'

/** Names one heartbeat until it is answered. Given by the shell, unique in the process. */
export type RequestId = number

export type CoordinatorEvent =
  /** A new agent, one loaded at start, or one that has moved to another site or role. */
  | { readonly type: 'agent-enrolled'; readonly agent: AgentId; readonly site: SiteId; readonly role: Role }
  /** The caller has proven to be this agent, which is enrolled and not revoked. */
  | {
      readonly type: 'heartbeat'
      readonly request: RequestId
      readonly agent: AgentId
      readonly addresses: readonly string[]
      readonly swarm: readonly SwarmEntry[]
    }
  | { readonly type: 'agent-revoked'; readonly agent: AgentId }
  | { readonly type: 'woke' }

export type CoordinatorEffect =
  /** Answers a heartbeat, in the same step. */
  | {
      readonly type: 'hand-out'
      readonly request: RequestId
      readonly peers: ReadonlyArray<{ readonly id: AgentId; readonly addresses: readonly string[] }>
    }
  | { readonly type: 'came-online'; readonly agent: AgentId }
  | { readonly type: 'went-offline'; readonly agent: AgentId }
