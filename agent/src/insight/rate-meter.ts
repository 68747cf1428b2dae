/** What came in the last 20 seconds, as Get-DeliveryOptimizationStatus -PeerInfo has its rates. Costs nothing while nothing comes. */
import { secondMs, type Bytes, type BytesPerSecond, type Millis } from '@starling/shared/units.ts'

const spanSeconds = 20

export class RateMeter {
  /** Bytes of a second each, at the second's place in a ring. */
  readonly #bytes = new Float64Array(spanSeconds)
  /** The latest second that was written. */
  #second = -Infinity

  add(bytes: Bytes, now: Millis): void {
    const second = Math.floor(now / secondMs)
    this.#clear(second)
    this.#bytes[second % spanSeconds]! += bytes
  }

  rate(now: Millis): BytesPerSecond {
    this.#clear(Math.floor(now / secondMs))
    return Math.round(this.#bytes.reduce((sum, bytes) => sum + bytes, 0) / spanSeconds)
  }

  #clear(second: number): void {
    // A clock that was set back: what is in the ring is of a time that is still to come, and would never go.
    if (second < this.#second - spanSeconds) {
      this.#bytes.fill(0)
      this.#second = second
      return
    }
    if (second <= this.#second) return
    const first = Math.max(this.#second + 1, second - spanSeconds + 1)
    for (let old = first; old <= second; old++) this.#bytes[old % spanSeconds] = 0
    this.#second = second
  }
}
