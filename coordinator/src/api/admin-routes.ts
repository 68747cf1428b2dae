/** What the administrator of this machine asks, in JSON. */
import {
  apiPaths,
  purgeOrderShape,
  revokeRequestShape,
  ticketRequestShape
} from '@starling/shared/coordinator-api.ts'
import { StarlingError } from '@starling/shared/errors.ts'
import type { FastifyInstance } from 'fastify'
import type { z } from 'zod'
import type { ApiParts } from './server.ts'

const admin = { config: { access: 'admin' as const } }

export function addAdminRoutes(
  server: FastifyInstance,
  { enrolment, purges, status, agents, log }: ApiParts
): void {
  server.get(apiPaths.status, admin, async () => await status())
  server.get(apiPaths.agents, admin, async () => ({ agents: await agents() }))
  server.get(apiPaths.tickets, admin, async () => ({ tickets: await enrolment.tickets() }))

  server.post(apiPaths.tickets, admin, async request => {
    const { ticket, view } = await enrolment.createTicket(parse(ticketRequestShape, request.body))
    log.info({ id: view.id, site: view.site, role: view.role, usesMax: view.usesMax }, 'ticket created')
    return { ticket, ...view }
  })

  server.post(apiPaths.revoke, admin, async request => {
    const { agent, reason } = parse(revokeRequestShape, request.body)
    const revoked = await enrolment.revoke(agent, reason)
    log.info({ agent, reason }, revoked ? 'revoked' : 'was revoked already')
    return { agent, alreadyRevoked: !revoked }
  })

  server.post(apiPaths.purge, admin, async request => {
    const { purge, reason } = parse(purgeOrderShape, request.body)
    const purged = await purges.purge(purge, reason)
    log.info({ ...purged, reason }, 'purged')
    return purged
  })
}

function parse<Shape extends z.ZodType>(shape: Shape, body: unknown): z.infer<Shape> {
  const parsed = shape.safeParse(body)
  if (parsed.success) return parsed.data
  const first = parsed.error.issues[0]
  throw new StarlingError(
    'bad-body',
    `the request is malformed at ${first?.path.join('.') || 'its root'}: ${first?.message ?? ''}`
  )
}
