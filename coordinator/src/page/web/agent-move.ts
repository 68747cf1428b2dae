/**
 * What a move asks for: only what the form changes. What stood there already is left out, for a site that is sent is named for good,
 * and who changes the group alone does not mean that.
 */
import type { AgentView } from '@starling/shared/admin-api/fleet-view.ts'

export interface MoveForm {
  /** Empty: the policy's site definitions find it. */
  readonly site: string
  /** Empty: none. */
  readonly group: string
}

/** What the form begins with. */
export function moveFormOf({
  site,
  placedBy,
  group
}: Pick<AgentView, 'site' | 'placedBy' | 'group'>): MoveForm {
  return { site: placedBy === 'name' ? site : '', group: group ?? '' }
}

export function moveOf(
  before: MoveForm,
  said: Partial<MoveForm>
): { readonly site?: string | null; readonly group?: string | null } {
  const [site, group] = [said.site?.trim() ?? before.site, said.group?.trim() ?? before.group]
  return {
    ...(site === before.site ? {} : { site: site === '' ? null : site }),
    ...(group === before.group ? {} : { group: group === '' ? null : group })
  }
}
