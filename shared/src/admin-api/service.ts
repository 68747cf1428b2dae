/** What is asked about the service itself. */
import { z } from 'zod'
import { accountRoleShape, operation } from './operation.ts'

export const showHealth = operation({
  method: 'GET',
  path: '/api/v1/health',
  access: 'open',
  summary: 'Whether the coordinator answers; tells nothing else.',
  answer: z.object({ ok: z.literal(true) })
})

export const showOpenApi = operation({
  method: 'GET',
  path: '/api/v1/openapi.json',
  access: 'viewer',
  summary: 'This document.',
  answer: z.looseObject({ openapi: z.string() })
})

export const actorShape = z.object({
  kind: z
    .enum(['local', 'account', 'token'])
    .describe("local: the administrator of the coordinator's machine"),
  name: z.string(),
  role: accountRoleShape,
  site: z.string().nullable().describe('not null: may ask about this site only')
})
/** Who asks. */
export type Actor = Readonly<z.output<typeof actorShape>>

export const showMe = operation({
  method: 'GET',
  path: '/api/v1/me',
  access: 'viewer',
  summary: 'Who is asking.',
  answer: actorShape
})
