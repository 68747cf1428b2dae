/**
 * So many bytes a second, handed out in whole chunks: whoever takes one may overdraw, and the next waits until that is
 * made good. Chunks between peers are granted this way before they are asked for or served, so that neither side holds
 * memory, a slot or the other's patience while it waits for its turn.
 */
import { secondMs, type Bytes, type BytesPerSecond, type Millis } from '@starling/shared/units.ts'

/** What was not used is kept for so long at most: a pause must not be followed by a burst. */
const savedMs: Millis = 250

export class Budget {
  readonly #rate: () => BytesPerSecond
  /** Until when all that was taken is paid for. */
  #paidAt: Millis = 0

  /** @param rate 0: no limit */
  constructor(rate: () => BytesPerSecond) {
    this.#rate = rate
  }

  /** When the next chunk may be taken; not after `now`: at once. */
  freeAt(): Millis {
    return this.#rate() === 0 ? 0 : this.#paidAt
  }

  take(bytes: Bytes, now: Millis): void {
    const rate = this.#rate()
    if (rate !== 0) this.#paidAt = Math.max(this.#paidAt, now - savedMs) + (bytes * secondMs) / rate
  }
}
