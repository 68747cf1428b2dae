/** A value of a policy as it is shown, and as it is typed. What was typed the coordinator reads; here nothing is judged. */
import type { PolicyFieldView } from '@starling/shared/admin-api/policy.ts'
import { bytesToText, millisToText } from '@starling/shared/policy/quantities.ts'

type Kind = Pick<PolicyFieldView, 'kind' | 'unit' | 'choices'>

/** For people: `1 (LAN)`, `500 KB/s`, `20GiB`; null when it is nothing, which each language says in its way. */
export function valueText(field: Kind, value: unknown): string | null {
  if (value === null || value === undefined || value === '') return null
  if (Array.isArray(value)) return value.length === 0 ? null : value.map(itemName).join(', ')
  const chosen = field.choices.find(choice => choice.value === value)
  if (chosen !== undefined)
    return String(chosen.value) === chosen.label ? chosen.label : `${chosen.value} (${chosen.label})`
  const text = typedText(field, value)
  if (field.kind === 'rate' && typeof value === 'number') return `${text}/s`
  return field.unit === null ? text : `${text} ${field.unit}`
}

/** As it stands in its input. */
export function typedText({ kind }: Pick<Kind, 'kind'>, value: unknown): string {
  if (value === undefined) return ''
  if (kind === 'objects') return typeof value === 'string' ? value : JSON.stringify(value, null, 2)
  if (Array.isArray(value)) return value.join('\n')
  if (typeof value === 'boolean') return value ? 'on' : 'off'
  if (typeof value === 'number' && (kind === 'size' || kind === 'rate')) return bytesToText(value)
  if (typeof value === 'number' && kind === 'time') return millisToText(value)
  return typeof value === 'string' ? value : JSON.stringify(value)
}

/** What was typed, as it goes into a document. @returns undefined: not set */
export function typedValue({ kind, choices }: Kind, text: string): unknown {
  if (text.trim() === '') return undefined
  const chosen = choices.find(choice => String(choice.value) === text)
  if (chosen !== undefined) return chosen.value
  if (text === 'null') return null
  if (kind === 'switch') return text === 'on'
  if (kind === 'number' && /^\s*\d+\s*$/.test(text)) return Number(text)
  if (kind === 'list')
    return text
      .split('\n')
      .map(line => line.trim())
      .filter(line => line !== '')
  // Until it is whole it is text, and the coordinator says what is missing.
  if (kind === 'objects') return jsonOr(text)
  return text
}

function jsonOr(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

function itemName(item: unknown): string {
  if (typeof item !== 'object' || item === null) return String(item)
  const { id, name } = item as { readonly id?: unknown; readonly name?: unknown }
  const called = id ?? name
  return typeof called === 'string' ? called : JSON.stringify(item)
}
