/** Reading the audit log. Nothing here, and nothing elsewhere, changes an entry. */
import { readAudit, verifyAudit } from '@starling/shared/admin-api/audit.ts'
import type { AuditLog } from '../ports.ts'
import type { AddRoute } from './route.ts'

export function addAuditRoutes(route: AddRoute, audit: Pick<AuditLog, 'page' | 'verify'>): void {
  route(readAudit, async ({ query: { page: before, ...query } }) => {
    const entries = await audit.page({ ...query, before })
    const last = entries.at(-1)
    return { entries, next: last !== undefined && entries.length === query.count ? last.number : null }
  })
  route(verifyAudit, async () => await audit.verify())
}
