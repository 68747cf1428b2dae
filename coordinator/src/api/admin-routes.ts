/** What people and their programs ask about the fleet. */
import {
  createTicket,
  decommissionAgent,
  listTickets,
  moveAgent,
  purgeContent,
  releaseSite,
  revokeAgent,
  revokeTicket,
  showStatus
} from '@starling/shared/admin-api/fleet.ts'
import { showHealth, showMe } from '@starling/shared/admin-api/service.ts'
import type { SiteId } from '@starling/shared/ids.ts'
import type { AddRoute } from './route.ts'
import type { ApiParts } from './server.ts'

export function addAdminRoutes(
  route: AddRoute,
  { enrolment, purges, status, log }: Pick<ApiParts, 'enrolment' | 'purges' | 'status' | 'log'>
): void {
  route(showHealth, async () => ({ ok: true as const }))
  route(showMe, async ({ actor }) => actor)
  route(showStatus, async () => await status())
  route(listTickets, async ({ query }) => ({ tickets: ofSite(query.site, await enrolment.tickets()) }))

  route(createTicket, async ({ body, by }) => {
    const { ticket, view } = await enrolment.createTicket(body, by)
    const { id, site, role, usesMax } = view
    log.info({ id, site, role, usesMax, by: by.actor }, 'ticket created')
    return { ticket, ...view }
  })

  route(revokeTicket, async ({ params: { id }, by }) => {
    await enrolment.revokeTicket(id, by)
    return { id }
  })

  route(revokeAgent, async ({ params: { agent }, body: { reason }, by }) => {
    const revoked = await enrolment.revoke(agent, reason, by)
    log.info({ agent, reason, by: by.actor }, revoked ? 'revoked' : 'was revoked already')
    return { agent, alreadyRevoked: !revoked }
  })

  route(moveAgent, async ({ params: { agent }, body, by }) => {
    const { site, group } = await enrolment.move(agent, body, by)
    return { agent, site, group }
  })

  route(releaseSite, async ({ params: { site }, by }) => ({
    site,
    agents: await enrolment.release(site, by)
  }))

  route(decommissionAgent, async ({ params: { agent }, body: { reason }, by }) => {
    await enrolment.decommission(agent, reason, by)
    return { agent }
  })

  route(purgeContent, async ({ body: { purge, reason }, by }) => {
    const purged = await purges.purge(purge, reason, by)
    log.info({ ...purged, reason, by: by.actor }, 'purged')
    return purged
  })
}

function ofSite<Item extends { readonly site: SiteId }>(
  site: SiteId | undefined,
  items: readonly Item[]
): readonly Item[] {
  return site === undefined ? items : items.filter(item => item.site === site)
}
