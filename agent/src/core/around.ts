/** What a swarm and the resolver see of the agent that they are part of. */
import type { Role } from '@starling/shared/credential.ts'
import type { AgentId } from '@starling/shared/ids.ts'
import type { Prng } from '@starling/shared/prng.ts'
import type { Millis } from '@starling/shared/units.ts'
import type { Budget } from './budget.ts'
import type { AgentEffect, CorePolicy } from './events.ts'
import { fullMeshMax } from './limits.ts'
import type { PeerScores } from './peer-score.ts'
import type { RequestWindow } from './request-window.ts'

export interface PeerKind {
  readonly role: Role
  /** Of another site: what travels between us goes over the WAN. */
  readonly far: boolean
}

/** Not everybody hears everybody. */
export function isLargeSite({ site, peers }: Pick<Around, 'site' | 'peers'>): boolean {
  return site.others.length >= fullMeshMax && site.others.length > peers.size
}

export interface Around {
  readonly self: AgentId
  /** `seedOf(self)`. */
  readonly selfSeed: number
  readonly role: Role
  readonly prng: Prng
  readonly scores: PeerScores
  /** Connected peers: those of the site, and gateways beyond it (to a gateway: agents beyond it). */
  readonly peers: ReadonlyMap<AgentId, PeerKind>
  /** The others of the site as far as they are known; with more than are connected it is no full mesh. */
  readonly site: {
    others: readonly AgentId[]
    /** Since when nobody is connected any more; null: somebody is, or nobody ever was. */
    aloneSince: Millis | null
  }
  /**
   * What is turned now is a `woke`, before which all that others said has been heard. Only then is silence held against
   * anybody: an agent that is late finds its deadlines passed and its mail unread.
   */
  isAwake: boolean
  policy(): CorePolicy
  /** Whether the peer gets chunks from us, and so should know which we have. */
  givesTo(peer: AgentId): boolean
  /** How willing this agent is to fetch for its site: not at all while it gives nothing. */
  willingness(): number
  /** Chunk requests to peers over all swarms; counted by those who begin and end them. */
  readonly requests: RequestWindow
  /** What may come from peers, over all transfers. */
  readonly lanDown: Budget
  /** A fresh name for a fetch or a flow. */
  nextId(): number
  effect(effect: AgentEffect): void
}
