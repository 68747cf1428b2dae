/** The first few of very many: what is surely not among them is let go as it comes, so the many are never sorted. */

/** Sorted only so often: at the worst, with the last to come the first of all, each sort lets go of all but the best. */
const slack = 4

/** @returns sorted by `compare`; ties as they came */
export function topmost<Item>(
  items: Iterable<Item>,
  countMax: number,
  compare: (one: Item, other: Item) => number
): Item[] {
  let best: Item[] = []
  /** The last of the best so far, once there are enough. */
  let bar: Item | undefined
  const cut = () => {
    best = best.toSorted(compare).slice(0, countMax)
    if (best.length === countMax) bar = best.at(-1)
  }
  for (const item of items) {
    if (bar !== undefined && compare(item, bar) >= 0) continue
    best.push(item)
    if (best.length >= slack * countMax) cut()
  }
  cut()
  return best
}
