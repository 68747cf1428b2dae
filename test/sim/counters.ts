/** The world's own counters: peaks, and the hash of a run. */
import type { AgentEvent } from '@starling/agent/core/events.ts'
import type { Bytes, Millis } from '@starling/shared/units.ts'

/** The highest that a count has ever been. */
export class Peak {
  value = 0

  note(count: number): void {
    if (count > this.value) this.value = count
  }
}

/** The most bytes that fell into one stretch of time. */
export class RatePeak {
  static readonly stretchMs: Millis = 5000
  value: Bytes = 0
  #stretch = 0
  #bytes: Bytes = 0

  note(bytes: Bytes, now: Millis): void {
    const stretch = Math.floor(now / RatePeak.stretchMs)
    if (stretch !== this.#stretch) this.#bytes = 0
    this.#stretch = stretch
    this.#bytes += bytes
    this.value = Math.max(this.value, this.#bytes)
  }
}

/**
 * A hash over every event with its time and its agent. Two lanes of 32 bits: cheap enough to be always on, and two
 * runs that differ anywhere differ in it. Of words the length and four letters are taken: no two event types share them.
 */
export class RunHash {
  #one = 0x811c9dc5
  #other = 0x9e3779b9

  note(agent: number, event: AgentEvent, now: Millis): void {
    this.#mix(agent)
    this.#mix(Math.floor(now * 1000))
    this.#mixWord(event.type)
    if (event.type === 'peer-said') {
      this.#mixWord(event.message.type)
      this.#mixWord(event.peer)
    } else if ('chunk' in event) this.#mix(event.chunk)
    else if ('bytes' in event) this.#mix(Math.floor(event.bytes))
  }

  get text(): string {
    return [this.#one, this.#other].map(lane => (lane >>> 0).toString(16).padStart(8, '0')).join('')
  }

  #mixWord(word: string): void {
    const { length } = word
    this.#mix(
      (length << 24) ^
        (word.charCodeAt(0) << 16) ^
        (word.charCodeAt(length - 3) << 10) ^
        (word.charCodeAt(length - 2) << 5) ^
        word.charCodeAt(length - 1)
    )
  }

  #mix(value: number): void {
    this.#one = Math.imul(this.#one ^ value, 0x01000193)
    this.#other = (Math.imul(this.#other, 0x5bd1e995) ^ value ^ (this.#other >>> 15)) | 0
  }
}
