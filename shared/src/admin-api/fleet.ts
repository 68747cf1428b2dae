/** What is asked about the fleet: how it is, who is in it, how machines get in and out, what they are to forget. */
import { z } from 'zod'
import { isAgentId, isKeyHash, isSiteId } from '../ids.ts'
import { isGroupName } from '../policy-scope.ts'
import { purgeRequestShape } from '../purge.ts'
import { operation, type Given } from './operation.ts'

const at = z.number().int().nonnegative()
const count = z.number().int().nonnegative()
const agentId = z.string().refine(isAgentId)
const siteId = z.string().refine(isSiteId)
const agentRole = z.enum(['agent', 'gateway'])
const reason = z.string().max(256).default('')

const statusShape = z.object({
  coordinator: agentId,
  fleet: agentId,
  site: siteId,
  addresses: z.array(z.string()),
  startedAt: at,
  agents: count,
  online: count,
  gatewaysOnline: count,
  revoked: count,
  gateway: z
    .object({ id: agentId, site: siteId, proxy: z.string(), page: z.string() })
    .nullable()
    .describe('the gateway in the same process'),
  events: z.array(z.object({ at, kind: z.string(), agent: agentId.nullable(), detail: z.string() }))
})
export type StatusView = Given<z.output<typeof statusShape>>

/** A ticket as it is listed: never with its secret. */
const ticketShape = z.object({
  id: z.string(),
  site: siteId,
  role: agentRole,
  group: z.string().nullable().describe('of policies; that of its machines'),
  uses: count,
  usesMax: count,
  createdAt: at,
  expiresAt: at
})
export type TicketView = Given<z.output<typeof ticketShape>>

const ticketRequestShape = z.strictObject({
  site: siteId.optional(),
  group: z.string().refine(isGroupName).optional(),
  role: agentRole.default('agent'),
  uses: z.number().int().min(1).max(1_000_000).default(1),
  expiresInMs: z
    .number()
    .int()
    .min(1000)
    .max(366 * 24 * 3_600_000)
})
export type TicketRequest = z.output<typeof ticketRequestShape>

const ofSite = z.strictObject({ site: siteId.optional() })

export const showStatus = operation({
  method: 'GET',
  path: '/api/v1/status',
  access: 'viewer',
  summary: 'How the fleet is, and what happened lately.',
  answer: statusShape
})

export const listTickets = operation({
  method: 'GET',
  path: '/api/v1/tickets',
  access: 'viewer',
  summary: 'Tickets, of one site if it is named, without their secrets.',
  query: ofSite,
  siteOf: ({ query }) => query.site,
  answer: z.object({ tickets: z.array(ticketShape) })
})

export const createTicket = operation({
  method: 'POST',
  path: '/api/v1/tickets',
  access: 'operator',
  summary: 'A new ticket: whoever has it may join the fleet.',
  action: 'ticket.create',
  body: ticketRequestShape,
  // What a gateway signs counts at all sites: who is trusted with one site only cannot make one.
  siteOf: ({ body }) => (body.role === 'gateway' ? undefined : body.site),
  answer: ticketShape.extend({ ticket: z.string() })
})

export const revokeTicket = operation({
  method: 'DELETE',
  path: '/api/v1/tickets/{id}',
  access: 'operator',
  summary: 'Lets nobody join with a ticket any more; who has joined stays.',
  action: 'ticket.revoke',
  params: z.strictObject({ id: z.string().regex(/^[0-9a-f]{16}$/) }),
  answer: z.object({ id: z.string() })
})

export const revokeAgent = operation({
  method: 'POST',
  path: '/api/v1/agents/{agent}/revoke',
  access: 'admin',
  summary: 'Puts an agent out of the fleet, for good.',
  action: 'agent.revoke',
  params: z.strictObject({ agent: agentId }),
  body: z.strictObject({ reason }),
  answer: z.object({ agent: agentId, alreadyRevoked: z.boolean() })
})

export const moveAgent = operation({
  method: 'POST',
  path: '/api/v1/agents/{agent}/move',
  access: 'admin',
  summary:
    'Puts an agent into another site or group; with a site of null, into the one that the policy finds for it (siteDefinitions).',
  action: 'agent.move',
  params: z.strictObject({ agent: agentId }),
  body: z.strictObject({
    site: siteId.nullable().optional(),
    group: z.string().refine(isGroupName).nullable().optional()
  }),
  answer: z.object({ agent: agentId, site: siteId, group: z.string().nullable() })
})

export const decommissionAgent = operation({
  method: 'POST',
  path: '/api/v1/agents/{agent}/decommission',
  access: 'admin',
  summary: 'Puts an agent out of the fleet and off its lists: a machine that is no more.',
  action: 'agent.decommission',
  params: z.strictObject({ agent: agentId }),
  body: z.strictObject({ reason }),
  answer: z.object({ agent: agentId })
})

export const purgeContent = operation({
  method: 'POST',
  path: '/api/v1/purges',
  access: 'operator',
  summary: 'Makes all agents forget a content, or a class of contents.',
  action: 'content.purge',
  body: z.strictObject({ purge: purgeRequestShape, reason }),
  answer: z.object({
    number: count,
    target: z.discriminatedUnion('kind', [
      z.object({ kind: z.literal('key'), key: z.string().refine(isKeyHash) }),
      z.object({ kind: z.literal('class'), id: z.string() })
    ]),
    purgedAt: at
  })
})
