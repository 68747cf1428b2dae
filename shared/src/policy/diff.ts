/** What changes between two policy documents, in words: for the admin who is asked "sure?", and for the version that is kept. */
import { policyField, policyFields, type PolicyDocument, type PolicyName } from './policy.ts'

/** A line for each name that changes, in the order of docs/POLICY.md; none: nothing does. */
export function diffOf(before: PolicyDocument, after: PolicyDocument): string[] {
  return policyFields.flatMap(({ name }) => {
    const [was, is] = [before[name], after[name]]
    if (JSON.stringify(was) === JSON.stringify(is)) return []
    return [`${name}: ${changeOf(name, was, is)}`]
  })
}

function changeOf(name: PolicyName, was: unknown, is: unknown): string {
  if (is === undefined) return `no longer set (was ${inWords(name, was)})`
  // Null is a word, too: it beats what other layers say.
  if (is === null)
    return was === undefined ? 'not set, whatever else says' : `${inWords(name, was)} is taken back`
  if (was === undefined) return `set to ${inWords(name, is)}`
  if (Array.isArray(was) && Array.isArray(is)) return listChange(was, is)
  return `${inWords(name, was)} becomes ${inWords(name, is)}`
}

/** `500 KB/s`, `1 (LAN)`, `10GiB`, `north, south`. */
function inWords(name: PolicyName, value: unknown): string {
  const field = policyField(name)!
  const { unit, codes } = field
  const write = (one: unknown) => field.write(one)
  if (value === null) return 'not set'
  if (Array.isArray(value)) return value.length === 0 ? 'none' : value.map(nameOfItem).join(', ')
  const word = codes?.[Number(value)]
  if (word !== undefined) return `${write(value)} (${word})`
  return unit === undefined ? write(value) : `${write(value)} ${unit}`
}

function listChange(was: readonly unknown[], is: readonly unknown[]): string {
  const byName = (items: readonly unknown[]) =>
    new Map(items.map(item => [nameOfItem(item), JSON.stringify(item)] as const))
  const [old, now] = [byName(was), byName(is)]
  const added = [...now.keys()].filter(item => !old.has(item))
  const gone = [...old.keys()].filter(item => !now.has(item))
  const changed = [...now].filter(([item, text]) => old.has(item) && old.get(item) !== text)
  const parts = [
    ...(added.length === 0 ? [] : [`adds ${added.join(', ')}`]),
    ...(gone.length === 0 ? [] : [`takes out ${gone.join(', ')}`]),
    ...(changed.length === 0 ? [] : [`changes ${changed.map(([item]) => item).join(', ')}`])
  ]
  return parts.length === 0 ? 'the same in another order' : parts.join('; ')
}

/** What an admin calls an entry. */
function nameOfItem(item: unknown): string {
  if (typeof item !== 'object' || item === null) return String(item)
  const { id, name } = item as { readonly id?: unknown; readonly name?: unknown }
  const called = id ?? name
  return typeof called === 'string' ? called : JSON.stringify(item)
}
