/** What a checker is: a promise, and how to see from the world's own counters that it was broken. */
import type { Bytes, Millis } from '@starling/shared/units.ts'
import type { Fault, Nature } from '../faults.ts'
import type { Play } from '../play.ts'

/** A run that is over, with what went wrong in it by design. */
export interface Outcome {
  readonly play: Play
  readonly done: boolean
  readonly faults: readonly Fault[]
  readonly natures: readonly Nature[]
}

export interface Checker {
  readonly name: string
  readonly promise: string
  /** @returns what was broken, in sentences; nothing if the promise was kept. */
  readonly check: (outcome: Outcome) => string[]
}

/** What the faults of a run may cost. */
export function allowances({ faults, natures }: Outcome): { bytes: Bytes; ms: Millis } {
  const all = [...faults, ...natures].map(each => each.allows)
  return {
    bytes: all.reduce((sum, { bytes }) => sum + bytes, 0),
    ms: all.reduce((sum, { ms }) => sum + ms, 0)
  }
}

/** Agents that were not made to be liars: only they are owed anything. */
export function honest({ play, natures }: Outcome): Play['agents'] {
  const liars = new Set(natures.filter(({ what }) => isLiar(what)).map(({ agent }) => agent))
  return play.agents.filter((agent, index) => !liars.has(index) && !agent.lies)
}

export function isLiar(what: string): boolean {
  return what.includes('wrong bytes') || what.includes('never answers') || what.includes('fetches nothing')
}
