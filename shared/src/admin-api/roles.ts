/** What people and their programs may do; without zod, so that a page can ask. */

/**
 * - `viewer` reads how the fleet is
 * - `auditor` reads that and the audit log
 * - `operator` reads how the fleet is and runs it: tickets, purges, pins, pre-staging, alerts
 * - `admin` may do everything: policy, accounts, tokens, revocation, backup
 */
export const accountRoles = ['viewer', 'auditor', 'operator', 'admin'] as const
export type AccountRole = (typeof accountRoles)[number]

const enough: Readonly<Record<AccountRole, readonly AccountRole[]>> = {
  viewer: accountRoles,
  auditor: ['auditor', 'admin'],
  operator: ['operator', 'admin'],
  admin: ['admin']
}

/** Whether who has the role `has` may do what asks for the role `wanted`. */
export function roleAllows(has: AccountRole, wanted: AccountRole): boolean {
  return enough[wanted].includes(has)
}
