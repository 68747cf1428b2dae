/** The world's own counters: peaks, and the hash of a run. */
import type { AgentEvent } from '@starling/agent/core/events.ts'
import { hash32 } from '@starling/shared/prng.ts'
import type { Millis } from '@starling/shared/units.ts'

/** The highest that a count has ever been. */
export class Peak {
  value = 0

  note(count: number): void {
    if (count > this.value) this.value = count
  }
}

/**
 * A hash over every event with its time and its agent. Two lanes of 32 bits: cheap enough to be always on, and two
 * runs that differ anywhere differ in it.
 */
export class RunHash {
  #one = 0x811c9dc5
  #other = 0x9e3779b9
  readonly #words = new Map<string, number>()

  note(agent: number, event: AgentEvent, now: Millis): void {
    this.#mix(agent)
    this.#mix(Math.floor(now * 1000))
    this.#mix(this.#wordOf(event.type))
    switch (event.type) {
      case 'peer-said':
        this.#mix(this.#wordOf(event.message.type))
        this.#mix(this.#wordOf(event.peer))
        break
      case 'chunk-stored':
      case 'chunk-asked':
      case 'chunk-dropped':
        this.#mix(event.chunk)
        break
      case 'flow-progress':
      case 'upload-ended':
        this.#mix(Math.floor(event.bytes))
        break
      default:
    }
  }

  get text(): string {
    return [this.#one, this.#other].map(lane => (lane >>> 0).toString(16).padStart(8, '0')).join('')
  }

  #wordOf(word: string): number {
    let known = this.#words.get(word)
    if (known === undefined) this.#words.set(word, (known = hash32(word)))
    return known
  }

  #mix(value: number): void {
    this.#one = Math.imul(this.#one ^ value, 0x01000193)
    this.#other = (Math.imul(this.#other, 0x5bd1e995) ^ value ^ (this.#other >>> 15)) | 0
  }
}
