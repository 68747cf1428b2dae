/** Orders to agents: have this by then, do not let go of that; and how far they are. */
import { z } from 'zod'
import { isSiteId } from '../ids.ts'
import { orderIdShape, orderKinds, orderWhatLengthMax } from '../orders.ts'
import { isPolicyScope } from '../policy-scope.ts'
import { operation, type Given } from './operation.ts'

const at = z.number().int().nonnegative()
const count = z.number().int().nonnegative()
const siteId = z.string().refine(isSiteId)
const scopes = z
  .array(z.string().refine(isPolicyScope))
  .min(1)
  .max(64)
  .describe('whom it is for: fleet, site:<name>, group:<name>, device:<agent>; any of them')
const reason = z.string().max(256).default('')
const rate = z.number().int().min(1024).max(Number.MAX_SAFE_INTEGER)

const counts = {
  agents: count.describe('that it concerns'),
  unheard: count.describe('of these, how many have told nothing of it yet'),
  waiting: count,
  running: count,
  late: count.describe('of those running, how many will not be done in time at their pace'),
  done: count,
  failed: count,
  bytes: z.number().nonnegative().describe('kept, by all of them together')
}

const orderShape = z.object({
  id: orderIdShape,
  kind: z.enum(orderKinds),
  what: z.string(),
  scopes: z.array(z.string()),
  by: at.nullable().describe('until when it counts; null: until it is withdrawn'),
  bytesPerSecond: z.number().nullable(),
  author: z.string(),
  reason: z.string(),
  createdAt: at,
  withdrawnAt: at.nullable(),
  withdrawnBy: z.string().nullable(),
  state: z.enum(['active', 'over', 'withdrawn']),
  length: z.number().nullable().describe('of the content, as far as any agent knows'),
  ...counts
})
export type OrderView = Given<z.output<typeof orderShape>>

export const listOrders = operation({
  method: 'GET',
  path: '/api/v1/orders',
  access: 'viewer',
  summary: 'Orders to agents and how far they are, or those that concern one site; the newest first.',
  query: z.strictObject({ site: siteId.optional(), kind: z.enum(orderKinds).optional() }),
  siteOf: ({ query }) => query.site,
  answer: z.object({ orders: z.array(orderShape) })
})

export const showOrder = operation({
  method: 'GET',
  path: '/api/v1/orders/{id}',
  access: 'viewer',
  summary: 'One order, and how far each site is with it.',
  params: z.strictObject({ id: orderIdShape }),
  answer: orderShape.extend({
    sites: z.array(
      z.object({
        site: siteId,
        ...counts,
        reasons: z.record(z.string(), count).describe('why agents wait or have failed')
      })
    )
  })
})

const what = z.string().min(1).max(orderWhatLengthMax)

const orderRequestShape = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('prestage'),
    what: what.describe('a URL'),
    scopes,
    by: at.describe('when it is to be there'),
    bytesPerSecond: rate.nullable().default(null).describe('at most, on each agent and so on each site'),
    reason
  }),
  z.strictObject({
    kind: z.literal('pin'),
    what: what.describe('a URL, a key, or the beginning of a transfer id of 8 digits or more'),
    scopes,
    reason
  })
])
export type OrderRequest = z.output<typeof orderRequestShape>

export const giveOrder = operation({
  method: 'POST',
  path: '/api/v1/orders',
  access: 'operator',
  summary: 'Has agents fetch something in the background by a time, or keep what they have of it.',
  action: 'order.give',
  body: orderRequestShape,
  answer: orderShape
})

export const withdrawOrder = operation({
  method: 'POST',
  path: '/api/v1/orders/{id}/withdraw',
  access: 'operator',
  summary: 'Ends an order: what was not fetched yet is not, and what was pinned by it may go.',
  action: 'order.withdraw',
  params: z.strictObject({ id: orderIdShape }),
  body: z.strictObject({ reason }),
  answer: z.object({ id: orderIdShape })
})
