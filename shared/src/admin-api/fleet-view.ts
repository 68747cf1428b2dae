/** How the fleet is: its sites, agents, contents and figures over time. */
import { z } from 'zod'
import { figureNames, spans, wholeFleet } from '../fleet-series.ts'
import { isAgentId, isSiteId, isTransferId } from '../ids.ts'
import { isGroupName } from '../policy-scope.ts'
import { orderIdShape, orderKinds, orderStates } from '../orders.ts'
import { operation, type Given } from './operation.ts'

const at = z.number().int().nonnegative()
const count = z.number().int().nonnegative()
const agentId = z.string().refine(isAgentId)
const siteId = z.string().refine(isSiteId)
const transferId = z.string().refine(isTransferId)
const ofSite = z.strictObject({ site: siteId.optional() })
const bytes = z.number().nonnegative()
const figures = z.object(
  Object.fromEntries(figureNames.map(name => [name, bytes])) as Record<
    (typeof figureNames)[number],
    typeof bytes
  >
)
const countBy = z.record(z.string(), count)

const agentShape = z.object({
  agent: agentId,
  site: siteId,
  role: z.enum(['agent', 'gateway']),
  group: z.string().nullable().describe('of policies'),
  version: z.string(),
  hostName: z.string(),
  enrolledAt: at,
  lastHeardAt: at.nullable(),
  online: z.boolean(),
  revokedAt: at.nullable(),
  problems: z.array(z.string())
})
export type AgentView = Given<z.output<typeof agentShape>>

export const listAgents = operation({
  method: 'GET',
  path: '/api/v1/agents',
  access: 'viewer',
  summary: 'The agents of the fleet, or of one site, a page at a time.',
  query: z.strictObject({
    site: siteId.optional(),
    group: z.string().refine(isGroupName).optional(),
    state: z.enum(['online', 'offline', 'revoked']).optional(),
    problem: z.string().max(64).optional(),
    version: z.string().max(64).optional(),
    search: z.string().max(256).optional().describe('part of an id or of a host name'),
    sort: z.enum(['id', 'newest']).default('id').describe('`newest`: who has joined last is first'),
    after: z.string().max(96).optional().describe('`next` of the page before, in the same order'),
    count: z.coerce.number().int().min(1).max(1000).default(200)
  }),
  siteOf: ({ query }) => query.site,
  answer: z.object({ agents: z.array(agentShape), next: z.string().nullable() })
})

export const showAgent = operation({
  method: 'GET',
  path: '/api/v1/agents/{agent}',
  access: 'viewer',
  summary: 'All that is known of one agent.',
  params: z.strictObject({ agent: agentId }),
  answer: agentShape.extend({
    host: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])),
    counters: z.record(z.string(), z.number()),
    contents: z.array(
      z.object({
        transfer: z.string(),
        name: z.string(),
        length: count,
        share: z.number(),
        wanBytes: bytes.describe('fetched from beyond the site by this agent since it started'),
        bytesPerSecond: bytes.nullable().describe('null: it is complete, or nothing is known of it yet')
      })
    ),
    policy: z
      .object({ standing: z.enum(['has', 'awaited', 'refused', 'unaware']), reason: z.string() })
      .nullable()
      .describe('how it stands to the policy that it is to have; null: it has told this coordinator nothing'),
    orders: z.array(
      z.object({
        id: orderIdShape,
        kind: z.enum(orderKinds),
        what: z.string(),
        by: at.nullable(),
        state: z.enum(orderStates),
        reason: z.string(),
        bytes,
        length: bytes.nullable(),
        late: z.boolean(),
        at
      })
    )
  })
})

const siteShape = z.object({
  site: siteId,
  agents: count,
  online: count,
  gateways: count,
  gatewaysOnline: count,
  problems: countBy,
  day: figures.describe('of the last 24 hours'),
  amplification: z.number().nullable().describe('copies over the WAN of what was new to the site')
})

export const listSites = operation({
  method: 'GET',
  path: '/api/v1/sites',
  access: 'viewer',
  summary: 'The sites, with their problems and what the last 24 hours brought.',
  query: ofSite,
  siteOf: ({ query }) => query.site,
  answer: z.object({ sites: z.array(siteShape) })
})

const savings = z.object({ clients: bytes, wan: bytes, saved: bytes })

export const showFleet = operation({
  method: 'GET',
  path: '/api/v1/fleet',
  access: 'viewer',
  summary: 'The fleet, or one site of it, on one page: who is there, what is wrong, what was saved.',
  query: ofSite,
  siteOf: ({ query }) => query.site,
  answer: z.object({
    agents: count,
    online: count,
    problems: countBy,
    versions: countBy,
    noPeer: countBy.describe('why contacts between agents failed, in the last 24 hours or so'),
    amplification: z.number().nullable(),
    savings: z.object({ day: savings, week: savings, month: savings })
  })
})

export const listContents = operation({
  method: 'GET',
  path: '/api/v1/contents',
  access: 'viewer',
  summary: 'What agents that report to this coordinator have and fetch, what is in flight first.',
  query: z.strictObject({
    site: siteId.optional(),
    count: z.coerce.number().int().min(1).max(1000).default(200)
  }),
  siteOf: ({ query }) => query.site,
  answer: z.object({
    contents: z.array(
      z.object({
        transfer: z.string(),
        name: z.string(),
        site: siteId,
        length: count,
        complete: count,
        fetching: count,
        availability: z.number(),
        wanBytes: bytes
      })
    )
  })
})

const spreadOf = z.object({
  sites: z.array(z.string()).describe(`the first that had it; ${wholeFleet}: all others together`),
  points: z.array(
    z.object({
      at,
      agents: z
        .array(z.array(count))
        .describe(
          'of each site, how many agents have less than a quarter, a half, three quarters, not quite all, all'
        ),
      wanBytes: z.array(bytes).describe('of each site')
    })
  )
})
export type SpreadView = Given<z.output<typeof spreadOf>>

export const showContent = operation({
  method: 'GET',
  path: '/api/v1/contents/{transfer}',
  access: 'viewer',
  summary: 'Who has a content, and how it spread over the sites since this coordinator first heard of it.',
  params: z.strictObject({ transfer: transferId }),
  query: ofSite,
  siteOf: ({ query }) => query.site,
  answer: z.object({
    transfer: z.string(),
    name: z.string(),
    length: count,
    sites: z.array(
      z.object({
        site: siteId,
        complete: count,
        fetching: count,
        availability: z.number().describe('copies that could be put together of what those online have'),
        wanBytes: bytes
      })
    ),
    agents: z
      .array(
        z.object({
          agent: agentId,
          hostName: z.string(),
          site: siteId,
          online: z.boolean(),
          share: z.number(),
          wanBytes: bytes
        })
      )
      .describe('at most 500, those who are still fetching first'),
    agentsMore: count.describe('who have some of it and are not listed'),
    timeline: spreadOf
  })
})

export const showSeries = operation({
  method: 'GET',
  path: '/api/v1/series',
  access: 'viewer',
  summary: 'Figures over time: minutes for a day, hours for 90 days, days for two years.',
  query: z.strictObject({
    span: z.enum(spans).default('hour'),
    site: siteId.optional(),
    from: z.coerce.number().int().nonnegative().optional().describe('a day before `to` if left out'),
    to: z.coerce.number().int().nonnegative().optional().describe('now if left out')
  }),
  siteOf: ({ query }) => query.site,
  answer: z.object({
    site: z.string().describe(`${wholeFleet}: all`),
    points: z.array(figures.extend({ at, online: z.number() }))
  })
})
