/**
 * How many chunk requests are worth having in flight to peers at a time. Where many share one medium (the air of a
 * Wi-Fi floor), each request more only makes all of them late; claims and hedges then take what is slow for dead. So the
 * number goes down while chunks come late, and up again, as far as policy lets it, while they come in time. It begins with few, for all who begin at the same moment.
 */
import type { Millis } from '@starling/shared/units.ts'
import { requestsAtFirst, timelyMs } from './limits.ts'

export class RequestWindow {
  /** Requests in flight, over all transfers. */
  open = 0
  #size = requestsAtFirst

  /** How long a chunk takes: EWMA over all peers of the site; 0: none has come yet. */
  usualMs: Millis = 0

  /** Whether one more may be made, of `slots` at the most. */
  hasRoom(slots: number): boolean {
    this.#size = Math.min(this.#size, Math.max(1, slots))
    return this.open < Math.min(slots, Math.floor(this.#size))
  }

  /** As `hasRoom` would say, without taking the number of slots over. */
  isFull(slots: number): boolean {
    return this.open >= Math.min(slots, Math.floor(this.#size))
  }

  /** A chunk came from a peer of the site. Half a request less for each that is late: twenty late ones, and few are left. */
  delivered(tookMs: Millis): void {
    this.usualMs += Math.ceil((tookMs - this.usualMs) / (this.usualMs === 0 ? 1 : 8))
    if (tookMs > timelyMs) this.#size = Math.max(1, this.#size - 0.5)
    else this.#size += 1 / this.#size
  }
}
