/**
 * What will happen, in order of time: a binary heap of callbacks. Equal times go in the order in which they were
 * planned, so that a run repeats to the letter.
 */
import type { Millis } from '@starling/shared/units.ts'

interface Planned {
  readonly at: Millis
  readonly order: number
  action: (() => void) | null
}

/** Something planned that may still be called off. */
export interface Plan {
  cancel(): void
}

export class Timeline {
  readonly #heap: Planned[] = []
  #order = 0
  #now: Millis = 0
  #happened = 0

  get now(): Millis {
    return this.#now
  }
  get happened(): number {
    return this.#happened
  }
  get idle(): boolean {
    return this.#heap.length === 0
  }

  at(time: Millis, action: () => void): Plan {
    const planned: Planned = { at: Math.max(time, this.#now), order: this.#order++, action }
    this.#push(planned)
    return {
      cancel: () => {
        planned.action = null
      }
    }
  }

  after(ms: Millis, action: () => void): Plan {
    return this.at(this.#now + ms, action)
  }

  /** Lets one thing happen. @returns false when nothing is planned. */
  next(): boolean {
    for (;;) {
      const planned = this.#pop()
      if (planned === null) return false
      if (planned.action === null) continue
      this.#now = planned.at
      this.#happened++
      planned.action()
      return true
    }
  }

  /** The time of what comes next; null: nothing. */
  peek(): Millis | null {
    while (this.#heap.length > 0 && this.#heap[0]!.action === null) this.#pop()
    return this.#heap[0]?.at ?? null
  }

  #push(planned: Planned): void {
    const heap = this.#heap
    let place = heap.length
    heap.push(planned)
    while (place > 0) {
      const above = (place - 1) >> 1
      if (!comesBefore(planned, heap[above]!)) break
      heap[place] = heap[above]!
      place = above
    }
    heap[place] = planned
  }

  #pop(): Planned | null {
    const heap = this.#heap
    const first = heap[0]
    if (first === undefined) return null
    const last = heap.pop()!
    if (heap.length === 0) return first
    let place = 0
    for (;;) {
      let below = place * 2 + 1
      if (below >= heap.length) break
      if (below + 1 < heap.length && comesBefore(heap[below + 1]!, heap[below]!)) below++
      if (!comesBefore(heap[below]!, last)) break
      heap[place] = heap[below]!
      place = below
    }
    heap[place] = last
    return first
  }
}

function comesBefore(one: Planned, other: Planned): boolean {
  return one.at < other.at || (one.at === other.at && one.order < other.order)
}
