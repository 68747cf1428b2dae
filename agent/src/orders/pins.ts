/** Which contents a pin means: those under a URL, under a key, or whose id begins so. All versions, for the order does not say which. */
import type { StoredTransfer } from '../ports.ts'

/** Shorter beginnings of an id would mean too much. */
const idDigitsMin = 8

/** @param keyOf of a URL, by this agent's content classes; null: it is none. Asked once, not for each content. */
export function meantBy(
  what: string,
  keyOf: (url: string) => string | null
): (one: Pick<StoredTransfer, 'head'>) => boolean {
  const id = what.length >= idDigitsMin && /^[0-9a-f]+$/.test(what) ? what : null
  const key = /^https?:/i.test(what) ? keyOf(what) : null
  return ({ head }) =>
    (id !== null && head.transfer.startsWith(id)) || head.head.key === what || head.head.key === key
}
