/** How long something takes, many times over, as a histogram that costs two additions each. */
import type { Millis } from '@starling/shared/units.ts'
import type { HistogramRow } from './exposition.ts'

/** From what memory answers to what somebody gives up on. */
const usual: readonly Millis[] = [1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000]

export class Spread {
  readonly #upToMs: readonly Millis[]
  /** How many took no longer than that, but longer than the one before; the last: longer than all. */
  readonly #counts: number[]
  #count = 0
  #sumMs: Millis = 0

  constructor(upToMs: readonly Millis[] = usual) {
    this.#upToMs = upToMs
    this.#counts = Array.from({ length: upToMs.length + 1 }, () => 0)
  }

  add(tookMs: Millis): void {
    const place = this.#upToMs.findIndex(bound => tookMs <= bound)
    this.#counts[place < 0 ? this.#upToMs.length : place]!++
    this.#count++
    this.#sumMs += tookMs
  }

  row(labels: Readonly<Record<string, string>>): HistogramRow {
    let upTo = 0
    const buckets = this.#upToMs.map(
      (bound, index) => [bound / 1000, (upTo += this.#counts[index]!)] as const
    )
    return { labels, buckets, count: this.#count, sumSeconds: this.#sumMs / 1000 }
  }
}
