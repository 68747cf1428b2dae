/**
 * Which scope's word counts, name by name. What is said more closely counts more (shared/src/policy-scope.ts); for a site or a
 * group it depends on the machine what lies between it and the device, so only what holds for all of its machines is said.
 */
import type { PolicyScope } from '@starling/shared/policy-scope.ts'

export type Document = Readonly<Record<string, unknown>>

/** Those that hold wherever `scope` does and count less, the closest first. */
export function widerScopes(
  scope: PolicyScope,
  device: { readonly site: string; readonly group: string | null } | null
): PolicyScope[] {
  if (scope === 'fleet') return []
  if (!scope.startsWith('device:') || device === null) return ['fleet']
  return [...(device.group === null ? [] : [`group:${device.group}`]), `site:${device.site}`, 'fleet']
}

const closeness = ['fleet', 'site', 'group', 'device']
const closenessOf = (scope: PolicyScope): number => closeness.indexOf(scope.split(':')[0] ?? '')

/** Those among `scopes` that count more than `scope` for some of its machines. */
export function closerScopes(scope: PolicyScope, scopes: readonly PolicyScope[]): PolicyScope[] {
  return scopes.filter(other => closenessOf(other) > closenessOf(scope))
}

export interface Effective {
  readonly value: unknown
  /** Null: nobody says anything, and the default holds. */
  readonly from: PolicyScope | null
}

/** @param layers the closest first */
export function effectiveOf(
  name: string,
  byDefault: unknown,
  layers: ReadonlyArray<readonly [scope: PolicyScope, document: Document]>
): Effective {
  const said = layers.find(([, document]) => document[name] !== undefined)
  return said === undefined ? { value: byDefault, from: null } : { value: said[1][name], from: said[0] }
}

/** What was changed of `before`, upon a newer version: what others said meanwhile of other names stays. */
export function rebased(before: Document, draft: Document, newest: Document): Document {
  const isKept = (name: string): boolean => JSON.stringify(before[name]) === JSON.stringify(draft[name])
  return Object.fromEntries([
    ...Object.entries(newest).filter(([name]) => isKept(name)),
    ...Object.entries(draft).filter(([name]) => !isKept(name))
  ])
}
