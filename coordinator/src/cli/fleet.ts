/** `starling-coordinator fleet|sites|agents|contents`: how the fleet is. */
import * as fleet from '@starling/shared/admin-api/fleet.ts'
import * as view from '@starling/shared/admin-api/fleet-view.ts'
import { adviceOn } from '@starling/shared/fleet-problems.ts'
import type { AgentId, SiteId } from '@starling/shared/ids.ts'
import type { AdminOptions } from './admin.ts'
import { createAdminClient } from './admin-client.ts'
import { print, table, when } from './output.ts'

type Filtered = AdminOptions & {
  readonly site?: string
  readonly group?: string
  readonly state?: 'online' | 'offline' | 'revoked'
  readonly problem?: string
  readonly version?: string
  readonly search?: string
}

export async function showFleet({ data, json, site }: Filtered): Promise<void> {
  const shown = await (await createAdminClient(data)).ask(view.showFleet, { query: { site } })
  if (json) return print(JSON.stringify(shown))
  const { day, week, month } = shown.savings
  const { problems } = shown
  print(
    table(
      ['agents', `${shown.agents}, ${shown.online} online`],
      [
        ['copies over the WAN', copies(shown.amplification)],
        ['saved in a day', `${bytes(day.saved)} of ${bytes(day.clients)}`],
        ['saved in a week', `${bytes(week.saved)} of ${bytes(week.clients)}`],
        ['saved in a month', `${bytes(month.saved)} of ${bytes(month.clients)}`],
        ['versions', counts(shown.versions)],
        ['problems', counts(problems)],
        ['why no peer', counts(shown.noPeer)]
      ]
    )
  )
  printAdvice(Object.keys(problems))
}

export async function listSites({ data, json, site }: Filtered): Promise<void> {
  const { sites } = await (await createAdminClient(data)).ask(view.listSites, { query: { site } })
  if (json) return print(JSON.stringify(sites))
  print(
    table(
      ['SITE', 'AGENTS', 'ONLINE', 'GATEWAYS', 'WAN/DAY', 'COPIES', 'PROBLEMS'],
      sites.map(one => [
        one.site,
        String(one.agents),
        String(one.online),
        String(one.gateways),
        bytes(one.day.wan),
        copies(one.amplification),
        counts(one.problems)
      ])
    )
  )
  printAdvice(sites.flatMap(({ problems }) => Object.keys(problems)))
}

/** All pages, so that a script sees all. */
export async function listAgents({
  data,
  json,
  site,
  group,
  state,
  problem,
  version,
  search
}: Filtered): Promise<void> {
  const client = await createAdminClient(data)
  const agents: view.AgentView[] = []
  for (let after: string | null | undefined; after !== null;) {
    const query = { site, group, state, problem, version, search, after, count: 1000 }
    const page = await client.ask(view.listAgents, { query })
    agents.push(...page.agents)
    after = page.next
  }
  if (json) return print(JSON.stringify(agents))
  print(
    table(
      ['AGENT', 'HOST', 'SITE', 'GROUP', 'ROLE', 'STATE', 'HEARD', 'VERSION', 'PROBLEMS'],
      agents.map(agent => [
        agent.agent,
        agent.hostName,
        agent.site,
        agent.group ?? '-',
        agent.role,
        agent.revokedAt !== null ? 'revoked' : agent.online ? 'online' : 'offline',
        when(agent.lastHeardAt),
        agent.version,
        agent.problems.join(' ')
      ])
    )
  )
}

export async function showAgent({ data, json }: AdminOptions, agent: AgentId): Promise<void> {
  const shown = await (await createAdminClient(data)).ask(view.showAgent, { params: { agent } })
  if (json) return print(JSON.stringify(shown))
  const { host, counters, contents, ...rest } = shown
  print(
    table(
      ['agent', rest.agent],
      [
        ['host', rest.hostName],
        [
          'site',
          `${rest.site} (${rest.placedBy === 'name' ? 'named' : 'not named'})${rest.group === null ? '' : `, group ${rest.group}`}`
        ],
        ['state', `${rest.online ? 'online' : 'offline'}, heard ${when(rest.lastHeardAt)}, ${rest.version}`],
        ['problems', rest.problems.join(' ') || 'none'],
        ...Object.entries(host).map(([name, value]) => [name, String(value)]),
        ...Object.entries(counters).map(([name, value]) => [name, String(value)])
      ]
    )
  )
  printAdvice(rest.problems)
  for (const one of contents) print(`${String(Math.floor(one.share * 100)).padStart(3)} %  ${one.name}`)
}

export async function listContents({ data, json, site }: Filtered): Promise<void> {
  const { contents } = await (await createAdminClient(data)).ask(view.listContents, { query: { site } })
  if (json) return print(JSON.stringify(contents))
  print(
    table(
      ['CONTENT', 'SITE', 'SIZE', 'COMPLETE', 'FETCHING', 'COPIES THERE', 'WAN'],
      contents.map(one => [
        one.name,
        one.site,
        bytes(one.length),
        String(one.complete),
        String(one.fetching),
        one.availability.toFixed(1),
        bytes(one.wanBytes)
      ])
    )
  )
}

export async function moveAgent(
  {
    data,
    json,
    site,
    foundSite,
    group
  }: AdminOptions & { readonly site?: string; readonly foundSite?: boolean; readonly group?: string },
  agent: AgentId
): Promise<void> {
  const body = {
    site: foundSite === true ? null : site,
    ...(group === undefined ? {} : { group: group === '' ? null : group })
  }
  const moved = await (await createAdminClient(data)).ask(fleet.moveAgent, { params: { agent }, body })
  print(
    json
      ? JSON.stringify(moved)
      : `${agent} is of site ${moved.site}${foundSite === true ? ', until siteDefinitions find another' : ''}, ${moved.group === null ? 'no group' : `group ${moved.group}`}.`
  )
}

export async function releaseSite({ data, json }: AdminOptions, site: SiteId): Promise<void> {
  const answer = await (await createAdminClient(data)).ask(fleet.releaseSite, { params: { site } })
  print(
    json
      ? JSON.stringify(answer)
      : `${answer.agents} agent(s) whose site was named ${site} are of it until siteDefinitions find another.`
  )
}

export async function decommission(
  { data, json, reason }: AdminOptions & { readonly reason: string },
  agent: AgentId
): Promise<void> {
  const answer = await (
    await createAdminClient(data)
  ).ask(fleet.decommissionAgent, { params: { agent }, body: { reason } })
  print(
    json ? JSON.stringify(answer) : `${agent} is out of the fleet and of its lists; the audit log keeps it.`
  )
}

/** What to do, for each kind of problem once. */
function printAdvice(problems: readonly string[]): void {
  for (const problem of new Set(problems.toSorted())) {
    const advice = adviceOn(problem)
    if (advice !== null) print(`${problem}: ${advice}`)
  }
}

export function bytes(count: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']
  let [value, unit] = [count, 0]
  for (; value >= 1024 && unit < units.length - 1; unit++) value /= 1024
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]!}`
}

function copies(value: number | null): string {
  return value === null ? '-' : value.toFixed(2)
}

function counts(by: Readonly<Record<string, number>>): string {
  return (
    Object.entries(by)
      .sort(([one, first], [other, second]) => second - first || (one < other ? -1 : 1))
      .map(([name, count]) => `${name} ${count}`)
      .join(', ') || 'none'
  )
}
