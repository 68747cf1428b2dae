/**
 * How many chunk requests are worth having in flight to peers at a time. Where many share one medium (the air of a
 * Wi-Fi floor), each request more only makes all of them late; claims and hedges then take what is slow for dead. So the
 * number goes down while chunks come late, and up again, as far as policy lets it, while they come in time.
 */
import type { Millis } from '@starling/shared/units.ts'
import { requestsAtLeast, timelyMs } from './limits.ts'

export class RequestWindow {
  /** Requests in flight, over all transfers. */
  open = 0
  #size = Infinity

  /** Whether one more may be made, of `slots` at the most. */
  hasRoom(slots: number): boolean {
    this.#size = Math.min(this.#size, slots)
    return this.open < Math.floor(this.#size)
  }

  /** A chunk came from a peer of the site. Half a request less for each that is late: twenty late ones, and few are left. */
  delivered(tookMs: Millis): void {
    if (tookMs > timelyMs) this.#size = Math.max(requestsAtLeast, this.#size - 0.5)
    else this.#size += 1 / this.#size
  }
}
