/**
 * How those fare who have the new version, against those who have not. What makes a Monday morning bad makes it bad
 * for both: only the difference is the policy's. So each figure has a bar that it must cross, a count below which it
 * says nothing, and must be worse than the others' by more than chance explains.
 *
 * When everybody has it there is nobody to compare with: then the others' last figures count. Where there never were
 * others, the rollout is paused for a person to look, except for what is beyond doubt.
 */
import { minuteMs, secondMs, type Millis } from '@starling/shared/units.ts'

export interface Figures {
  /** Heard of lately. */
  readonly present: number
  /** Fell silent within the window and have not come back. */
  readonly lost: number
  /** Within the window. */
  readonly downloads: number
  readonly errors: number
}

export interface Reached extends Figures {
  readonly applied: number
  readonly refused: number
  /** One of the reasons, for people. */
  readonly refusal: string
}

export type Verdict =
  | { readonly kind: 'well' }
  /** Not to go on, not yet to go back. */
  | { readonly kind: 'unclear'; readonly why: string }
  /** A person must look. */
  | { readonly kind: 'stop'; readonly why: string }
  | { readonly kind: 'worse'; readonly why: string }

export const windowMs: Millis = 5 * minuteMs
/** Buckets of the window: it slides by a tenth of itself. */
const bucketMs: Millis = windowMs / 10
/** Two heartbeats and two polls for news have not come: the same as two in a row that got lost. */
export const lostAfterMs: Millis = 60 * secondMs

export const errorShareMax = 0.15
/** Under 20 downloads, 15 % is a matter of three files. */
const downloadsMin = 20
const lostShareMax = 0.1
/** Two laptops may be closed at the same time. */
const lostMin = 3
/** Half of them gone at once is no evening; with nobody to compare with, this is beyond doubt. */
const lostShareBeyondDoubt = 0.5
const refusedShareMax = 0.1
/** One in thirty thousand: a rollout is judged thousands of times, and chance must not win any of them. */
const zMin = 4

export const noFigures: Figures = { present: 0, lost: 0, downloads: 0, errors: 0 }

/** The silence of all is ours: no policy takes those with it who do not have it. */
export const nobodyHeard: Verdict = { kind: 'unclear', why: 'no agent is heard of at all' }

/** @param others of those whom the rollout has not reached; null: there never were enough. */
export function judge(reached: Reached, others: Figures | null): Verdict {
  const answered = reached.applied + reached.refused
  if (reached.refused > 0 && reached.refused / answered > refusedShareMax) {
    return {
      kind: 'worse',
      why: `${reached.refused} of ${answered} agents refused it, for example: ${reached.refusal}`
    }
  }
  if (reached.present + (others?.present ?? 0) === 0) return nobodyHeard
  return worst([judgeLost(reached, others), judgeErrors(reached, others)])
}

function judgeLost(reached: Reached, others: Figures | null): Verdict {
  const all = reached.present + reached.lost
  const share = reached.lost / Math.max(1, all)
  if (share <= lostShareMax) return { kind: 'well' }
  const why = `${reached.lost} of ${all} agents that have it fell silent`
  if (reached.lost < lostMin) return { kind: 'unclear', why }
  const othersAll = others === null ? 0 : others.present + others.lost
  if (othersAll === 0)
    return { kind: share > lostShareBeyondDoubt ? 'worse' : 'stop', why: `${why}, and nobody is without it` }
  if (!isWorse(reached.lost, all, others!.lost, othersAll))
    return { kind: 'unclear', why: `${why}, like the others` }
  return { kind: 'worse', why: `${why}; of the others ${others!.lost} of ${othersAll}` }
}

function judgeErrors(reached: Reached, others: Figures | null): Verdict {
  const share = reached.errors / Math.max(1, reached.downloads)
  if (reached.downloads < downloadsMin || share <= errorShareMax) return { kind: 'well' }
  const why = `${percent(share)} of their ${reached.downloads} downloads failed`
  if (others === null || others.downloads < downloadsMin)
    return { kind: 'stop', why: `${why}, and there are no others to compare with` }
  const othersShare = percent(others.errors / others.downloads)
  if (!isWorse(reached.errors, reached.downloads, others.errors, others.downloads))
    return { kind: 'unclear', why: `${why}, and of the others' ${othersShare}` }
  return { kind: 'worse', why: `${why}; of the others' ${othersShare}` }
}

/** Whether these others say something about what is usual. */
export function isEnough(others: Figures): boolean {
  return others.present + others.lost >= lostMin
}

const severity = { well: 0, unclear: 1, stop: 2, worse: 3 } as const

function worst(verdicts: readonly Verdict[]): Verdict {
  return verdicts.reduce((one, other) => (severity[other.kind] > severity[one.kind] ? other : one))
}

/** Two shares, compared as they would differ by chance if both were the same. */
function isWorse(bad: number, all: number, othersBad: number, othersAll: number): boolean {
  const common = (bad + othersBad) / (all + othersAll)
  const spread = Math.sqrt(common * (1 - common) * (1 / all + 1 / othersAll))
  const difference = bad / all - othersBad / othersAll
  return difference > 0 && (spread === 0 || difference / spread >= zMin)
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`
}

/** Downloads and errors of the last five minutes, a bucket for each half minute. */
export class DownloadWindow {
  #buckets: Array<{ since: Millis; downloads: number; errors: number }> = []

  add(downloads: number, errors: number, now: Millis): void {
    const last = this.#buckets.at(-1)
    if (last !== undefined && now < last.since + bucketMs) {
      last.downloads += downloads
      last.errors += errors
      return
    }
    this.#buckets.push({ since: now, downloads, errors })
  }

  sum(now: Millis): { readonly downloads: number; readonly errors: number } {
    this.#buckets = this.#buckets.filter(({ since }) => since + windowMs > now)
    let [downloads, errors] = [0, 0]
    for (const bucket of this.#buckets) {
      downloads += bucket.downloads
      errors += bucket.errors
    }
    return { downloads, errors }
  }
}
