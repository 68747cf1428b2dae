/** Costly work, a few at a time; who would wait behind too many is sent away at once. */
import { StarlingError } from '@starling/shared/errors.ts'

export type InTurn = <Result>(work: () => Promise<Result>) => Promise<Result>

/** @returns a function that throws StarlingError `too-busy` when `waitingMax` wait already */
export function createTurns(
  limits: { readonly atOnceMax: number; readonly waitingMax: number },
  /** What there are too many of, for who is sent away. */
  what: string
): InTurn {
  let working = 0
  const waiting: Array<() => void> = []
  return async work => {
    if (working >= limits.atOnceMax) {
      if (waiting.length >= limits.waitingMax)
        throw new StarlingError('too-busy', `there are too many ${what} at once: try again in a few seconds`)
      await new Promise<void>(resolve => void waiting.push(resolve))
    } else {
      working++
    }
    try {
      return await work()
    } finally {
      // The turn is handed on, so that nobody new can come between.
      const next = waiting.shift()
      if (next === undefined) working--
      else next()
    }
  }
}
