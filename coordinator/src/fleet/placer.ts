/** Looks once a minute, by the one coordinator that leads, where agents are that nobody has named a site for, and moves them there. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { messageOf } from '@starling/shared/errors.ts'
import type { HostFact } from '@starling/shared/heartbeat-report.ts'
import type { AgentId, SiteId } from '@starling/shared/ids.ts'
import { scopesOf, type ScopedMember } from '@starling/shared/policy-scope.ts'
import type { HostFacts } from '@starling/shared/policy/host-facts.ts'
import { hostFactsOf } from '@starling/shared/policy/host-told.ts'
import type { SiteDefinition } from '@starling/shared/policy/sites.ts'
import type { Millis } from '@starling/shared/units.ts'
import type { NoticedStore, ReportedAgent } from '../fleet-ports.ts'
import type { Log } from '../log.ts'
import type { PlacementOf, SaidPolicies } from '../ports.ts'
import { isThere } from './presence.ts'

/** Each is told by a new credential and starts anew: a site definition for all must not have a whole fleet do so within a minute. */
const placedAtOnceMax = 300
/** What a heartbeat may come to wait for this. */
const sliceMs: Millis = 5

/** That an agent was looked at and belongs where it is. */
interface Seen {
  readonly definitions: readonly SiteDefinition[]
  readonly where: string
}

export function createPlacer({
  store,
  said,
  decide,
  place,
  heartbeatMs,
  clock,
  log
}: {
  readonly store: Pick<NoticedStore, 'reported'>
  readonly said: () => Promise<SaidPolicies>
  readonly decide: PlacementOf
  readonly place: (agent: AgentId, site: SiteId, why: string) => Promise<void>
  readonly heartbeatMs: Millis
  readonly clock: () => Millis
  readonly log: Log
}): () => Promise<void> {
  let found = new Map<AgentId, SiteId>()
  let settled = new Map<AgentId, Seen>()
  let isLooking = false

  async function look(policies: SaidPolicies): Promise<void> {
    const now = Math.floor(clock())
    const [before, seenBefore] = [found, settled]
    found = new Map()
    settled = new Map()
    let placed = 0
    let since = performance.now()
    for await (const row of store.reported()) {
      if (performance.now() - since > sliceMs) {
        await nextTurn()
        since = performance.now()
      }
      if (row.placedBy !== 'definitions' || row.role !== 'agent') continue
      if (!isThere(row.lastHeardAt, heartbeatMs, now)) continue
      const definitions = definitionsFor(row, policies)
      if (definitions.length === 0) continue
      const host = hostFactsOf(JSON.parse(row.host) as Record<string, HostFact>)
      const where = whereIs(row, host)
      const seen = seenBefore.get(row.agent)
      if (seen?.definitions === definitions && seen.where === where) {
        settled.set(row.agent, seen)
        continue
      }
      const placement = decide({
        site: row.site,
        definitions,
        host,
        enrolledForMs: now - row.enrolledAt,
        before: before.get(row.agent) ?? null
      })
      if (placement === null) settled.set(row.agent, { definitions, where })
      else if (!placement.sure || placed >= placedAtOnceMax) found.set(row.agent, placement.site)
      else {
        placed++
        await place(row.agent, placement.site, placement.why).catch((error: unknown) => {
          const { agent, site } = row
          log.warn({ agent, site, problem: messageOf(error) }, 'an agent could not be put where it is')
        })
      }
    }
  }

  return async () => {
    if (isLooking) return
    isLooking = true
    try {
      const policies = await said()
      if (policies.documents.some(document => document['siteDefinitions'] !== undefined)) await look(policies)
    } finally {
      isLooking = false
    }
  }
}

/** All that decides where an agent is. */
const whereIs = (
  { site, group }: Pick<ReportedAgent, 'site' | 'group'>,
  { subnets, adSite, dnsSuffix }: HostFacts
): string => JSON.stringify([site, group, subnets, adSite, dnsSuffix])

/** Not what its site says: a definition that holds at one site only would send its agents away and back. */
function definitionsFor(member: ScopedMember, policies: SaidPolicies): readonly SiteDefinition[] {
  for (const scope of scopesOf(member)) {
    const definitions = scope.startsWith('site:')
      ? undefined
      : policies.to(scope, member)?.['siteDefinitions']
    if (definitions !== undefined) return definitions as readonly SiteDefinition[]
  }
  return []
}
