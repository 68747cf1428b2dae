/** Role and site of the peers that are there, read off the events that pass by anyway. */
import type { Role } from '@starling/shared/credential.ts'
import type { AgentId, SiteId } from '@starling/shared/ids.ts'
import type { AgentEvent } from './ports.ts'

export interface MetPeers {
  note(event: AgentEvent): void
  /** Of a peer that is not there: that of most. */
  roleOf(peer: AgentId): Role
  /** Null: it is not there. */
  siteOf(peer: AgentId): SiteId | null
}

export function createMetPeers(): MetPeers {
  const met = new Map<AgentId, { readonly role: Role; readonly site: SiteId }>()
  return {
    note(event) {
      if (event.type === 'peer-joined') met.set(event.peer, { role: event.role, site: event.site })
      if (event.type === 'peer-left') met.delete(event.peer)
    },
    roleOf: peer => met.get(peer)?.role ?? 'agent',
    siteOf: peer => met.get(peer)?.site ?? null
  }
}
