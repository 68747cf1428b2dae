/**
 * A policy out of the registry, as values by the names of the policy schema. Three writers leave three shapes: Group Policy (a value a
 * policy; a list is a key of its own with numbered values), MDM (the same, with notes on who set it beside each, and texts of XML for
 * what ADMX has several parts of), and people with regedit (quotes, other capitals).
 */
import type { RegistryData, RegistryKey } from '../registry.ts'

export interface NamedValue {
  /** As the schema has it where it is known, else as it was written. */
  readonly name: string
  readonly value: unknown
  /** `HKEY_LOCAL_MACHINE\SOFTWARE\Policies\Starling\DOMaxCacheSize` */
  readonly place: string
}

/** What MDM writes beside each value (PolicyManager\current\device\...). */
const mdmNote = /_(ProviderSet|WinningProvider|LastWrite|ADMXInstanceData)$/i

/** @param keys the policy's key first, as `reg query /s` tells them @param known names of the schema */
export function valuesFrom(keys: readonly RegistryKey[], known: readonly string[]): readonly NamedValue[] {
  const byLower = new Map(known.map(name => [name.toLowerCase(), name]))
  // The elements of a time window have no DO before them in Microsoft's ADMX.
  const nameOf = (name: string): string =>
    byLower.get(name.toLowerCase()) ?? byLower.get(`do${name.toLowerCase()}`) ?? name
  const [root, ...below] = keys
  if (root === undefined) return []
  const values = root.values
    // `(Default)` in whatever language: nothing is called so here.
    .filter(({ name }) => !mdmNote.test(name) && !/^\(.*\)$/.test(name))
    .flatMap(({ name, data }) => {
      const place = `${root.path}\\${name}`
      const parts = typeof data === 'string' ? admxParts(name, data) : null
      return parts === null
        ? [{ name: nameOf(name), value: plain(data), place }]
        : parts.map(part => ({ name: nameOf(part.id), value: part.value, place }))
    })
  const lists = below.flatMap(({ path, values: items }) => {
    const name = path.slice(root.path.length + 1)
    if (name.includes('\\') || mdmNote.test(name)) return []
    const sorted = items.toSorted((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }))
    return [{ name: nameOf(name), value: sorted.map(({ data }) => plain(data)), place: path }]
  })
  return [...values, ...lists]
}

function plain(data: RegistryData): unknown {
  if (typeof data !== 'string') return data
  const text = data.trim()
  return /^".*"$/s.test(text) ? text.slice(1, -1) : text
}

/**
 * `<enabled/><data id="SetHoursToLimitBackgroundDownloadBandwidthFrom" value="8"/>`: what MDM has of a policy with several parts
 * (learn.microsoft.com, "Understanding ADMX policies"); that it is enabled is what its own name is 1 for. @returns null for another text
 */
function admxParts(
  name: string,
  text: string
): ReadonlyArray<{ readonly id: string; readonly value: string }> | null {
  const [, word] = /^\s*<(enabled|disabled)\s*\/>/i.exec(text) ?? []
  if (word === undefined) return null
  if (word.toLowerCase() === 'disabled') return [{ id: name, value: '0' }]
  const parts = [...text.matchAll(/<data\s+id="([^"]*)"\s+value="([^"]*)"\s*\/>/gi)]
  return [{ id: name, value: '1' }, ...parts.map(([, id, value]) => ({ id: id!, value: value! }))]
}
