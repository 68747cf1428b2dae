/** Which contents a pin means: those under a URL, under a key, or whose id begins so. All versions, for the order does not say which. */
import type { StoredTransfer } from '../ports.ts'

/** Shorter beginnings of an id would mean too much. */
const idDigitsMin = 8

/** @param keyOf of a URL, by this agent's content classes; null: it is none */
export function isPinned(
  what: string,
  { head }: Pick<StoredTransfer, 'head'>,
  keyOf: (url: string) => string | null
): boolean {
  if (what.length >= idDigitsMin && /^[0-9a-f]+$/.test(what) && head.transfer.startsWith(what)) return true
  return head.head.key === what || (/^https?:/i.test(what) && keyOf(what) === head.head.key)
}
