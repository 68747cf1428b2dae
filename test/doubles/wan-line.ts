/**
 * The line between the site and the origin: so many bytes a second over all connections together. Whoever wants
 * to send asks for its bytes and is let go when the line has carried what was asked before, so connections
 * share it piece by piece in the order in which they ask.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Bytes, BytesPerSecond, Millis } from '@starling/shared/units.ts'

export interface WanLine {
  /** Resolves when so many more bytes may be sent. */
  carry(bytes: Bytes): Promise<void>
  /** Null: as fast as it goes. */
  setRate(rate: BytesPerSecond | null): void
}

/** Timers fire a millisecond or more late; so much may be caught up in one go, and no more after a pause. */
const burstMs: Millis = 20

export function createWanLine(initialRate: BytesPerSecond | null): WanLine {
  let rate = initialRate
  /** When the line will have carried all that was asked for. */
  let freeAt: Millis = 0
  return {
    async carry(bytes) {
      if (rate === null) return
      const now = performance.now()
      freeAt = Math.max(freeAt, now - burstMs) + (bytes / rate) * 1000
      if (freeAt > now) await sleep(freeAt - now)
    },
    setRate(next) {
      rate = next
      freeAt = 0
    }
  }
}
