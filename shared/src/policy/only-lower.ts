/**
 * What users may do with a policy: allow less than the machine does. Each field says which way is less (`stricter`); where values cannot be
 * compared so, the machine's word stands.
 */
import type { FieldFacts, Stricter } from './fields.ts'

/** The value that holds, and why the user's does not if it does not. */
export interface Lowered {
  readonly value: unknown
  readonly refused: string | null
}

export function onlyLower(
  field: Pick<FieldFacts, 'stricter' | 'write'>,
  allowed: unknown,
  wished: unknown
): Lowered {
  const { stricter } = field
  if (stricter === undefined) return { value: allowed, refused: 'only the machine may say this' }
  if (isWithin[stricter](wished, allowed)) return { value: wished, refused: null }
  return {
    value: allowed,
    refused: `a user may allow less, not more: the machine has ${field.write(allowed)}`
  }
}

type Within = (wished: unknown, allowed: unknown) => boolean

/** With a number in which what is unlimited, or never, lies at the end where it belongs. */
const byNumber =
  (isLess: (wished: number, allowed: number) => boolean, zero: number): Within =>
  (wished, allowed) => {
    if (typeof wished !== 'number' || typeof allowed !== 'number') return false
    return isLess(wished === 0 ? zero : wished, allowed === 0 ? zero : allowed)
  }

const isOn = (value: unknown) => value === true || value === 1

const isWithin: Readonly<Record<Stricter, Within>> = {
  lower: byNumber((wished, allowed) => wished <= allowed, 0),
  'lower-not-0': byNumber((wished, allowed) => wished <= allowed, Infinity),
  higher: byNumber((wished, allowed) => wished >= allowed, 0),
  'higher-or-0': byNumber((wished, allowed) => wished >= allowed, Infinity),
  off: (wished, allowed) => isOn(allowed) || !isOn(wished),
  on: (wished, allowed) => isOn(wished) || !isOn(allowed),
  fewer: (wished, allowed) =>
    Array.isArray(wished) && Array.isArray(allowed) && wished.every(item => allowed.includes(item))
}
