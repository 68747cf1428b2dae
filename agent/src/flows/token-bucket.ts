/**
 * So many bytes a second for all who read from it. What has come is paid for after the fact: who has overdrawn waits
 * before the next read, and TCP's own flow control carries the waiting back to the sender. Without a rate it is one
 * comparison a piece.
 */
import { secondMs, type Bytes, type BytesPerSecond, type Millis } from '@starling/shared/units.ts'

export interface TokenBucket {
  /** Null: no limit. Takes hold at once, also for those who wait. */
  readonly setRate: (rate: BytesPerSecond | null) => void
  /** These bytes have come. @returns what resolves when more may be read, or at the signal; null: at once */
  readonly spend: (bytes: Bytes, signal: AbortSignal) => Promise<void> | null
  /** All that was spent since this was asked last. */
  readonly spentSince: () => Bytes
}

/** Timers fire up to 16 ms late on Windows: so much may be caught up, and no more after a pause. */
const savedMs: Millis = 50

/** setTimeout takes 32 bits. */
const timerMsMax: Millis = 2 ** 31 - 1

/** @param now a clock in ms that never goes back */
export function createTokenBucket(now: () => Millis): TokenBucket {
  const waiting = new Set<() => void>()
  let rate: BytesPerSecond | null = null
  /** Below 0: overdrawn. */
  let tokens: Bytes = 0
  let filledAt: Millis = 0
  let spent: Bytes = 0
  let timer: NodeJS.Timeout | undefined

  function fill(): void {
    const at = now()
    if (rate !== null)
      tokens = Math.min((rate * savedMs) / secondMs, tokens + (rate * (at - filledAt)) / secondMs)
    filledAt = at
  }

  function look(): void {
    clearTimeout(timer)
    fill()
    if (rate === null || tokens >= 0) {
      for (const go of waiting) go()
    } else if (waiting.size > 0) {
      timer = setTimeout(look, Math.min(timerMsMax, Math.ceil(((0 - tokens) * secondMs) / rate)))
    }
  }

  return {
    setRate(next) {
      fill()
      if (rate === null) tokens = 0
      rate = next
      look()
    },

    spend(bytes, signal) {
      spent += bytes
      if (rate === null) return null
      fill()
      tokens -= bytes
      if (tokens >= 0 || signal.aborted) return null
      return new Promise(resolve => {
        const go = (): void => {
          waiting.delete(go)
          if (waiting.size === 0) clearTimeout(timer)
          signal.removeEventListener('abort', go)
          resolve()
        }
        waiting.add(go)
        signal.addEventListener('abort', go)
        if (waiting.size === 1) look()
      })
    },

    spentSince() {
      const all = spent
      spent = 0
      return all
    }
  }
}
