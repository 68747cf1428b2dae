import { accountRoles } from '@starling/shared/admin-api/roles.ts'
import { useText } from './words.ts'

/** The roles to choose from, each with what it may. */
export function useRoleOptions(): ReadonlyArray<readonly [value: string, label: string]> {
  const { t } = useText()
  return accountRoles.map(role => [role, `${t(`role.${role}`)} – ${t(`accounts.may.${role}`)}`])
}
