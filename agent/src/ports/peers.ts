/** Other agents: who they are, and words to them. */
import type { Role } from '@starling/shared/credential.ts'
import type { AgentId, SiteId } from '@starling/shared/ids.ts'
import type { Bytes, Millis } from '@starling/shared/units.ts'
import type { SwarmMessage } from '@starling/shared/wire.ts'
import type { Emit } from './events.ts'

export interface PeerInfo {
  readonly id: AgentId
  readonly site: SiteId
  readonly role: Role
  readonly address: string
  readonly capabilities: readonly string[]
  /** What it calls its machine, and its way to the LAN, by its own word when it connected. Null: it did not say. */
  readonly name: string | null
  readonly network: 'wired' | 'wifi' | null
  readonly connectedAt: Millis
}

export interface PeersPort {
  readonly self: AgentId
  /** Begins to listen, to discover and to dial. Peers show up as `peer-joined` once `hello` went well both ways. */
  start(emit: Emit): Promise<void>
  say(to: readonly AgentId[], message: SwarmMessage): void
  /** Connects with an agent whose address is known, whether or not it was chosen as a neighbour. */
  dial(peer: AgentId): void
  hangUp(peer: AgentId, reason: string): void
  /** Addresses from the coordinator or from config: dialled when not yet connected. */
  hint(peers: ReadonlyArray<{ readonly id: AgentId | null; readonly addresses: readonly string[] }>): void
  /** Whom we share with has changed: everybody is greeted anew, those turned away before as well. */
  regroup(reason: string): void
  /** Peers that must not be spoken with from now on: hung up and not accepted again. */
  forbid(peers: readonly AgentId[], reason: string): void
  /** Whether the peer's `hello` was accepted and still counts. */
  linked(peer: AgentId): boolean
  /** Where a linked peer serves chunks: the address we know it by, and the port it told; null when it does not. */
  bulkAt(peer: AgentId): { readonly host: string; readonly port: number } | null
  list(): readonly PeerInfo[]
  /** Measured now. Null: it is not linked, or did not answer. */
  roundTripMs(peer: AgentId): Promise<Millis | null>
  /** Multiaddrs others can dial, LAN addresses first. */
  addresses(): readonly string[]
  /** Reasons why contacts failed, counted: 'no-credential', 'other-fleet', 'other-site', 'unreachable', ... */
  refusals(): ReadonlyMap<string, number>
  /** Whether another agent was heard by multicast since the start, and whether any has dialled this one lately. */
  signs(): { readonly multicastHeard: boolean; readonly dialled: boolean }
  stop(): Promise<void>
}

export interface PeerView extends PeerInfo {
  readonly bytesFrom: Bytes
  readonly bytesTo: Bytes
}
