/**
 * Whom a version of the coordinator's policy is for: the whole fleet, a site, a group, one device. What is said more
 * closely counts more, name by name.
 */
import { isAgentId, isSiteId, type AgentId, type SiteId } from './ids.ts'

/** `fleet`, `site:<SiteId>`, `group:<name>` or `device:<AgentId>`. */
export type PolicyScope = string

/** What decides which scopes concern an agent. */
export interface ScopedMember {
  readonly agent: AgentId
  readonly site: SiteId
  /** At most one: two groups would need an order between them that nobody remembers. */
  readonly group: string | null
}

/** Device, group, site, fleet. */
export const scopesPerAgentMax = 4

/** In the manner of sites: it stands in tickets, URLs and on command lines. */
const groupName = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/

export function isGroupName(text: string): boolean {
  return groupName.test(text)
}

export function isPolicyScope(text: string): boolean {
  if (text === 'fleet') return true
  const [, kind = '', name = ''] = /^(site|group|device):(.*)$/s.exec(text) ?? []
  switch (kind) {
    case 'site':
      return isSiteId(name)
    case 'group':
      return isGroupName(name)
    case 'device':
      return isAgentId(name)
    default:
      return false
  }
}

/** The first counts most. */
export function scopesOf({ agent, site, group }: ScopedMember): PolicyScope[] {
  return [`device:${agent}`, ...(group === null ? [] : [`group:${group}`]), `site:${site}`, 'fleet']
}

export function concerns(scope: PolicyScope, member: ScopedMember): boolean {
  return (
    scope === 'fleet' ||
    scope === `site:${member.site}` ||
    scope === `device:${member.agent}` ||
    (member.group !== null && scope === `group:${member.group}`)
  )
}
