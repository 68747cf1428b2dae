/** Looks once a minute, by the one coordinator that leads, where agents are that nobody has named a site for, and moves them there. */
import { messageOf } from '@starling/shared/errors.ts'
import type { HostFact } from '@starling/shared/heartbeat-report.ts'
import type { AgentId, SiteId } from '@starling/shared/ids.ts'
import { scopesOf, type PolicyScope, type ScopedMember } from '@starling/shared/policy-scope.ts'
import { hostFactsOf } from '@starling/shared/policy/host-told.ts'
import type { SiteDefinition } from '@starling/shared/policy/sites.ts'
import type { PolicyDocument } from '@starling/shared/signed-policy.ts'
import type { Millis } from '@starling/shared/units.ts'
import type { NoticedStore } from '../fleet-ports.ts'
import type { Log } from '../log.ts'
import type { Placeable, Placements } from '../ports.ts'
import { isThere } from './presence.ts'

export function createPlacer({
  store,
  inForce,
  decide,
  place,
  heartbeatMs,
  clock,
  log
}: {
  readonly store: Pick<NoticedStore, 'reported'>
  readonly inForce: () => Promise<ReadonlyMap<PolicyScope, PolicyDocument>>
  readonly decide: Placements
  readonly place: (agent: AgentId, site: SiteId, why: string) => Promise<void>
  readonly heartbeatMs: Millis
  readonly clock: () => Millis
  readonly log: Log
}): () => Promise<void> {
  let before: ReadonlyMap<AgentId, SiteId> = new Map()

  async function placeables(said: ReadonlyMap<PolicyScope, PolicyDocument>): Promise<Placeable[]> {
    const now = Math.floor(clock())
    const agents: Placeable[] = []
    for await (const row of store.reported()) {
      if (row.placedBy !== 'definitions' || row.role !== 'agent') continue
      if (!isThere(row.lastHeardAt, heartbeatMs, now)) continue
      const definitions = definitionsFor(row, said)
      if (definitions.length === 0) continue
      const host = hostFactsOf(JSON.parse(row.host) as Record<string, HostFact>)
      agents.push({ agent: row.agent, site: row.site, definitions, host })
    }
    return agents
  }

  return async () => {
    const said = await inForce()
    if (![...said.values()].some(document => document['siteDefinitions'] !== undefined)) return
    const { sure, found } = decide(await placeables(said), before)
    before = found
    for (const { agent, site, why } of sure) {
      await place(agent, site, why).catch((error: unknown) => {
        log.warn({ agent, site, problem: messageOf(error) }, 'an agent could not be put where it is')
      })
    }
  }
}

/** Not what its site says: a definition that holds at one site only would send its agents away and back. */
function definitionsFor(
  member: ScopedMember,
  said: ReadonlyMap<PolicyScope, PolicyDocument>
): readonly SiteDefinition[] {
  for (const scope of scopesOf(member)) {
    const definitions = scope.startsWith('site:') ? undefined : said.get(scope)?.['siteDefinitions']
    if (definitions !== undefined) return definitions as readonly SiteDefinition[]
  }
  return []
}
