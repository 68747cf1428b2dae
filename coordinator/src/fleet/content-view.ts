/** One content as people look at it: who has how much of it now, and how it came to that. */
import type { showContent } from '@starling/shared/admin-api/fleet-view.ts'
import type { Answered } from '@starling/shared/admin-api/operation.ts'
import type { AgentId, SiteId, TransferId } from '@starling/shared/ids.ts'
import type { FleetBook } from '../fleet-ports.ts'

/** More than anybody reads; a page that everybody is on would be a megabyte. */
const agentsShown = 500

type Shown = Answered<typeof showContent>
type Holder = Shown['agents'][number]

/** One that nobody has told of here may be known to another coordinator: it is shown as what nobody has. */
export function contentView(
  transfer: TransferId,
  site: SiteId | null,
  { reports, spread }: Pick<FleetBook, 'reports' | 'spread'>,
  isOnline: (agent: AgentId) => boolean
): Shown {
  const agents: Holder[] = []
  let known = { name: '', length: 0 }
  for (const [agent, report] of reports.all()) {
    const entry = report.swarm.get(transfer)
    if (entry === undefined || (site !== null && report.site !== site)) continue
    const { name = '', length = 0, complete, share = 0, wanBytes = 0 } = entry
    if (known.name === '') known = { name, length }
    agents.push({
      agent,
      hostName: String(report.host.hostName ?? ''),
      site: report.site,
      online: isOnline(agent),
      share: complete ? 1 : share,
      wanBytes
    })
  }
  // Of 20,000 that have it all: no text is made for each comparison.
  agents.sort(
    (one, other) => one.share - other.share || order(one.site, other.site) || order(one.agent, other.agent)
  )
  return {
    transfer,
    ...known,
    sites: sitesOf(agents),
    agents: agents.slice(0, agentsShown),
    agentsMore: Math.max(0, agents.length - agentsShown),
    timeline: ofSite(spread.of(transfer), site)
  }
}

/** Whoever is silent holds nothing that anybody could have. */
function sitesOf(agents: readonly Holder[]): Shown['sites'] {
  const sites = new Map<SiteId, Shown['sites'][number]>()
  for (const { site, share, wanBytes, online } of agents) {
    if (!online) continue
    const sum = sites.get(site) ?? { site, complete: 0, fetching: 0, availability: 0, wanBytes: 0 }
    sites.set(site, {
      site,
      complete: sum.complete + Number(share === 1),
      fetching: sum.fetching + Number(share < 1),
      availability: sum.availability + share,
      wanBytes: sum.wanBytes + wanBytes
    })
  }
  return [...sites.values()].sort((one, other) => (one.site < other.site ? -1 : 1))
}

function ofSite(all: Shown['timeline'], site: SiteId | null): Shown['timeline'] {
  if (site === null) return all
  const index = all.sites.indexOf(site)
  if (index < 0) return { sites: [], points: [] }
  return {
    sites: [site],
    points: all.points.map(({ at, agents, wanBytes }) => ({
      at,
      agents: [agents[index] ?? []],
      wanBytes: [wanBytes[index] ?? 0]
    }))
  }
}

function order(one: string, other: string): number {
  return one === other ? 0 : one < other ? -1 : 1
}
