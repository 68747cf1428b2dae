/** Which known name was meant by one that nobody knows, for "did you mean". */

/** One slip in three letters may still be a typing error; more is another word. */
const lettersPerSlip = 3

/**
 * The nearest of the known names, by slips of typing (a letter more, less, other, or two swapped), whatever the case. A name that is
 * only in the wrong place (`quotaBytes` instead of `cache.quotaBytes`) is as near as can be. Null: nothing is like it.
 */
export function nearestName(name: string, known: readonly string[]): string | null {
  const last = lastPart(name)
  let best: { readonly name: string; readonly slips: number } | null = null
  for (const candidate of known) {
    const misplaced = lastPart(candidate) === last ? 1 : Infinity
    const slips = Math.min(misplaced, slipsBetween(name.toLowerCase(), candidate.toLowerCase()))
    if (slips <= name.length / lettersPerSlip && slips < (best?.slips ?? Infinity))
      best = { name: candidate, slips }
  }
  return best?.name ?? null
}

const lastPart = (name: string) => name.slice(name.lastIndexOf('.') + 1).toLowerCase()

/** The optimal string alignment distance, row by row. */
function slipsBetween(a: string, b: string): number {
  let before: number[] = []
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const other = a[i - 1] === b[j - 1] ? 0 : 1
      let slips = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + other)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        slips = Math.min(slips, before[j - 2]! + 1)
      next.push(slips)
    }
    before = row
    row = next
  }
  return row[b.length]!
}
