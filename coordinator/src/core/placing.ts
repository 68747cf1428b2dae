/**
 * Where agents belong whose site nobody has named: the first site definition of their policy that fits the machine as it last told of
 * itself. A laptop between two offices, or with a cable and Wi-Fi of two networks, would start anew each minute, so what is found must
 * be found twice in a row.
 */
import type { AgentId, SiteId } from '@starling/shared/ids.ts'
import type { HostFacts } from '@starling/shared/policy/host-facts.ts'
import { siteOf, type SiteDefinition } from '@starling/shared/policy/sites.ts'

export interface Placeable {
  readonly agent: AgentId
  readonly site: SiteId
  readonly definitions: readonly SiteDefinition[]
  readonly host: Pick<HostFacts, 'subnets' | 'adSite' | 'dnsSuffix'>
}

export interface Placement {
  readonly agent: AgentId
  readonly site: SiteId
  readonly why: string
}

/** @param before what was found the last time for those who were elsewhere */
export function placements(
  agents: Iterable<Placeable>,
  before: ReadonlyMap<AgentId, SiteId>
): { readonly sure: readonly Placement[]; readonly found: ReadonlyMap<AgentId, SiteId> } {
  const found = new Map<AgentId, SiteId>()
  const sure: Placement[] = []
  for (const { agent, site, definitions, host } of agents) {
    // Where no definition fits, at home or on the road, it stays what it was: who is nowhere has nobody to share with there.
    const place = siteOf(definitions, host)
    if (place === null || place.id === site) continue
    if (before.get(agent) === place.id) sure.push({ agent, site: place.id, why: place.why })
    else found.set(agent, place.id)
  }
  return { sure, found }
}
