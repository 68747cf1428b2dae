/**
 * The policy's own description as a form needs it: the page makes a field of each, so that a name that is added to the schema
 * is in the editor without a line there.
 */
import type { PolicyFieldView } from '@starling/shared/admin-api/policy.ts'
import { categoryOf, policyCategories } from '@starling/shared/policy/categories.ts'
import { policyFields, type PolicyField } from '@starling/shared/policy/policy.ts'

/** By category, and within one in the order of docs/POLICY.md. */
export function policyForm(): readonly PolicyFieldView[] {
  return policyCategories.flatMap(category =>
    policyFields.filter(({ name }) => categoryOf[name] === category).map(fieldView)
  )
}

function fieldView(field: PolicyField): PolicyFieldView {
  const { name, from, what, why, form, limits, unit, byDefault, insteadUse } = field
  return {
    name,
    category: categoryOf[name],
    from,
    what,
    why,
    kind: kindOf(field),
    form,
    limits: limits ?? null,
    unit: unit ?? null,
    choices: choicesOf(field),
    byDefault,
    insteadUse: insteadUse ?? null
  }
}

function kindOf(field: PolicyField): PolicyFieldView['kind'] {
  const { word, byDefault, isStructured } = field
  if (isStructured === true) return 'objects'
  if (Array.isArray(byDefault)) return 'list'
  if (typeof byDefault === 'boolean') return 'switch'
  if (choicesOf(field).length > 0) return 'choice'
  return word === 'size' || word === 'rate' || word === 'time' || word === 'number' ? word : 'text'
}

/** Numbers with what they stand for; words that stand for themselves are in the word for the value (`auto|on|off`). */
function choicesOf({ word, codes, byDefault }: PolicyField): PolicyFieldView['choices'] {
  if (codes !== undefined)
    return Object.entries(codes).map(([code, label]) => ({ value: Number(code), label }))
  if (typeof byDefault !== 'string' || !word.includes('|')) return []
  return word.split('|').map(value => ({ value, label: value }))
}
