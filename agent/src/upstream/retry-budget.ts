/**
 * How much may be asked twice. Retries help against one bad server; when all are bad they would double the load just when
 * it hurts. So each request earns a fifth of a retry, and a few a second are free. Pure but for its own count.
 */
import type { Millis } from '@starling/shared/units.ts'
import { retriesAtOnce, retriesPerSecond, retryShare } from './limits.ts'

export interface RetryBudget {
  /** A request of a client, the first time. */
  asked(): void
  /** @returns false: it is not to be asked again */
  readonly take: () => boolean
}

export function createRetryBudget(now: () => Millis): RetryBudget {
  let left = retriesAtOnce
  let countedAt = now()
  const add = (more: number): void => {
    left = Math.min(retriesAtOnce, left + more)
  }
  return {
    asked: () => add(retryShare),
    take: () => {
      const passedMs = Math.max(0, now() - countedAt)
      countedAt = now()
      add((passedMs / 1000) * retriesPerSecond)
      if (left < 1) return false
      left--
      return true
    }
  }
}
