/**
 * Where an agent belongs whose site nobody has named: the first site definition of its policy that fits the machine as it last told of
 * itself. A laptop between two offices, or with a cable and Wi-Fi of two networks, would start anew each minute, so what is found must
 * be found twice in a row; but one that has just joined has nothing to lose yet.
 */
import type { SiteId } from '@starling/shared/ids.ts'
import type { HostFacts } from '@starling/shared/policy/host-facts.ts'
import { siteOf, type SiteDefinition } from '@starling/shared/policy/sites.ts'
import { minuteMs, type Millis } from '@starling/shared/units.ts'

/** An agent that is there and may be placed. */
export interface Placeable {
  readonly site: SiteId
  readonly definitions: readonly SiteDefinition[]
  readonly host: Pick<HostFacts, 'subnets' | 'adSite' | 'dnsSuffix'>
  readonly enrolledForMs: Millis
  /** What was found the last time, when that was elsewhere. */
  readonly before: SiteId | null
}

/** Elsewhere, for sure or for the first time; null: it stays. */
export type Placement = { readonly site: SiteId; readonly why: string; readonly sure: boolean } | null

const newForMs: Millis = 10 * minuteMs

export function placementOf({ site, definitions, host, enrolledForMs, before }: Placeable): Placement {
  // Where no definition fits, at home or on the road, it stays what it was: who is nowhere has nobody to share with there.
  const found = siteOf(definitions, host)
  if (found === null || found.id === site) return null
  return { site: found.id, why: found.why, sure: before === found.id || enrolledForMs < newForMs }
}
