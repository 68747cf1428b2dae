/** What was done, by whom, to what, from where, and how it ended. */
import { z } from 'zod'
import { operation, type Given } from './operation.ts'

const at = z.number().int().nonnegative()
/** In a query everything is text. */
const numberText = z.coerce.number<number>().int().nonnegative()

const entryShape = z.object({
  number: z.number().int().describe('1, 2, 3 ... without gaps'),
  at,
  kind: z.string().describe('local, account, token, agent, coordinator (what it does by itself) or unknown'),
  actor: z.string(),
  role: z.string(),
  action: z.string(),
  target: z.string(),
  outcome: z.string().describe('done, or the code of the refusal or failure'),
  address: z.string(),
  detail: z.string(),
  previous: z.string().describe('hash of the entry before'),
  hash: z.string()
})
export type AuditView = Given<z.output<typeof entryShape>>

export const auditPageEntriesMax = 1000

export const readAudit = operation({
  method: 'GET',
  path: '/api/v1/audit',
  access: 'auditor',
  summary: 'The audit log, the newest first.',
  query: z.strictObject({
    from: numberText.optional().describe('ms since 1970'),
    to: numberText.optional(),
    actor: z.string().max(128).optional(),
    action: z.string().max(64).optional(),
    page: numberText.min(1).optional().describe('entries before this number: `next` of the page before'),
    count: numberText.min(1).max(auditPageEntriesMax).default(100)
  }),
  answer: z.object({
    entries: z.array(entryShape),
    next: z.number().int().nullable().describe('what to give as `page` for older ones')
  })
})

export const verifyAudit = operation({
  method: 'GET',
  path: '/api/v1/audit/verify',
  access: 'auditor',
  summary: 'Whether the chain of the audit log is whole, and if not, where it is broken.',
  answer: z.object({ entries: z.number().int().nonnegative(), problem: z.string().nullable() })
})
