/** The commands that ask a running coordinator: each one request, shown as a table or as JSON. */
import * as fleet from '@starling/shared/admin-api/fleet.ts'
import type { AgentId } from '@starling/shared/ids.ts'
import type { Role } from '@starling/shared/credential.ts'
import { requestOf } from '@starling/shared/purge.ts'
import { parseDuration } from '../config.ts'
import { createAdminClient } from './admin-client.ts'
import { print, table, when } from './output.ts'

export interface AdminOptions {
  readonly data: string
  readonly json: boolean
}

export async function showStatus({ data, json }: AdminOptions): Promise<void> {
  const status = await (await createAdminClient(data)).ask(fleet.showStatus, {})
  if (json) return print(JSON.stringify(status))
  print(
    table(
      ['coordinator', status.coordinator],
      [
        ['fleet', status.fleet],
        ['site', status.site],
        ['addresses', status.addresses.join(', ')],
        ['running since', when(status.startedAt)],
        ['agents', `${status.agents}, ${status.online} online, ${status.revoked} revoked`],
        ['gateways online', String(status.gatewaysOnline)]
      ]
    )
  )
  if (status.events.length > 0) print('')
  for (const { at, kind, agent, detail } of status.events)
    print([when(at), kind, agent ?? '', detail].filter(Boolean).join('  '))
}

export async function createTicket(
  options: AdminOptions & {
    readonly site?: string
    readonly group?: string
    readonly role: Role
    readonly uses: number
    readonly expires: string
  }
): Promise<void> {
  const { data, json, site, group, role, uses, expires } = options
  const client = await createAdminClient(data)
  const created = await client.ask(fleet.createTicket, {
    body: { group, role, uses, expiresInMs: parseDuration(expires), ...(site === undefined ? {} : { site }) }
  })
  if (json) return print(JSON.stringify(created))
  // The ticket alone on stdout, so that `TICKET=$(starling-coordinator ticket create)` works.
  print(created.ticket)
  process.stderr.write(
    `For ${uses === 1 ? 'one' : uses} ${role}(s) ${siteOf(created)} until ${when(created.expiresAt)}. ` +
      'Whoever has it may join: treat it like a password.\n'
  )
}

function siteOf({ site, placedBy }: Pick<fleet.TicketView, 'site' | 'placedBy'>): string {
  return placedBy === 'name'
    ? `of site "${site}"`
    : `that begin at site "${site}", until siteDefinitions of the policy find theirs,`
}

export async function listTickets({ data, json }: AdminOptions): Promise<void> {
  const { tickets } = await (await createAdminClient(data)).ask(fleet.listTickets, {})
  if (json) return print(JSON.stringify(tickets))
  print(
    table(
      ['TICKET', 'SITE', 'ROLE', 'USED', 'EXPIRES'],
      tickets.map(ticket => [
        ticket.id,
        ticket.placedBy === 'name' ? ticket.site : `found, from ${ticket.site}`,
        ticket.role,
        `${ticket.uses}/${ticket.usesMax}`,
        when(ticket.expiresAt)
      ])
    )
  )
}

export async function revokeTicket({ data, json }: AdminOptions, id: string): Promise<void> {
  const answer = await (await createAdminClient(data)).ask(fleet.revokeTicket, { params: { id } })
  if (json) return print(JSON.stringify(answer))
  print(
    `Nobody can join with ${id} any more. Who has joined with it stays: see the audit log for who that is.`
  )
}

export async function revoke(
  { data, json, reason }: AdminOptions & { readonly reason: string },
  agent: AgentId
): Promise<void> {
  const client = await createAdminClient(data)
  const answer = await client.ask(fleet.revokeAgent, { params: { agent }, body: { reason } })
  if (json) return print(JSON.stringify(answer))
  print(
    answer.alreadyRevoked
      ? `${agent} was revoked already.`
      : `${agent} is revoked. Agents that are connected hear of it at once, the others with their next heartbeat.`
  )
}

export async function purge(
  { data, json, reason }: AdminOptions & { readonly reason: string },
  what: string
): Promise<void> {
  const body = { purge: requestOf(what), reason }
  const answer = await (await createAdminClient(data)).ask(fleet.purgeContent, { body })
  if (json) return print(JSON.stringify(answer))
  print(
    `${what} is purged. Agents that are connected forget it at once, the others with their next heartbeat.`
  )
}
