/**
 * The pages of the agents' list that were scrolled to, and how they stay fresh. A page is what stands between two ids, and the ids
 * do not move, so any of them can be asked for again without the others: with each beat those on the screen are, at most three.
 */
import type { AgentView } from '@starling/shared/admin-api/fleet-view.ts'

export interface AgentsPage {
  /** The id that it begins behind; null: the first page. */
  readonly after: string | null
  readonly agents: readonly AgentView[]
  /** The id that it ends with, where the next one begins; null: there are no more. */
  readonly next: string | null
}

export const pageRows = 200
/** Machines that have joined since stand between the ids, too. */
export const refreshedRows = pageRows + 100
/** A screen shows parts of two pages of 200 rows; a wall of screens, of three. */
const refreshedMax = 3

/** With what was answered to `after`: a new page at the end, or one that was known, as it is now. */
export function withPage(
  pages: readonly AgentsPage[],
  after: string | null,
  answer: { readonly agents: readonly AgentView[]; readonly next: string | null }
): readonly AgentsPage[] {
  const at = pages.findIndex(page => page.after === after)
  const known = pages[at]
  if (known === undefined) {
    // An answer to what is not asked any more has no place.
    if ((pages.at(-1)?.next ?? null) !== after) return pages
    return [...pages, { after, ...answer }]
  }
  const { next } = known
  const fresh: AgentsPage =
    next === null
      ? { after, ...answer }
      : { after, agents: answer.agents.filter(({ agent }) => agent <= next), next }
  return pages.with(at, fresh)
}

/** The pages of which rows `first` to `last` are part. */
export function pagesSeen(
  pages: readonly AgentsPage[],
  first: number,
  last: number
): ReadonlyArray<AgentsPage['after']> {
  const seen: Array<AgentsPage['after']> = []
  let begin = 0
  for (const { after, agents } of pages) {
    // One that has become empty is shown by nothing, and may fill again.
    const isSeen = begin <= last && begin + Math.max(1, agents.length) > first
    if (isSeen && seen.length < refreshedMax) seen.push(after)
    begin += agents.length
  }
  return seen
}
