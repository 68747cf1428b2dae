/**
 * The wires of the virtual world.
 *
 * A LAN port carries chunks one after another: with requests bounded per peer that comes close to fair sharing, and
 * costs one addition a chunk instead of a recalculation of every flow of the site. A WAN line is shared fairly
 * among its flows, because there the order in which chunks arrive is the very thing that is studied.
 */
import type { Bytes, BytesPerSecond, Millis } from '@starling/shared/units.ts'
import type { Plan, Timeline } from './heap.ts'

/** One direction of a network port. */
export class Port {
  readonly rate: BytesPerSecond
  #freeAt: Millis = 0
  bytes: Bytes = 0

  constructor(rate: BytesPerSecond) {
    this.rate = rate
  }

  /** When a load that may start at `from` is through, with the port kept busy until then. */
  carry(bytes: Bytes, from: Millis): Millis {
    const start = Math.max(from, this.#freeAt)
    this.#freeAt = start + (bytes * 1000) / this.rate
    this.bytes += bytes
    return this.#freeAt
  }
}

interface LineFlow {
  left: Bytes
  readonly done: () => void
}

/** A line shared by flows: each gets an equal part, and a part of its own at most if it is limited. */
export class Line {
  readonly rate: BytesPerSecond
  readonly #timeline: Timeline
  readonly #flows = new Set<LineFlow>()
  /** No flow gets more than this, as with an origin that limits each connection; Infinity: no limit. */
  readonly #perFlow: BytesPerSecond
  #settledAt: Millis = 0
  #plan: Plan | null = null
  /** Delivered bytes. */
  bytes: Bytes = 0
  stalled = false

  constructor(timeline: Timeline, rate: BytesPerSecond, perFlow: BytesPerSecond = Infinity) {
    this.#timeline = timeline
    this.rate = rate
    this.#perFlow = perFlow
  }

  get flows(): number {
    return this.#flows.size
  }

  /** Carries bytes. @returns what takes the load off the line again, and tells how many bytes had been carried. */
  carry(bytes: Bytes, done: () => void): { cancel(): Bytes; carried(): Bytes } {
    this.#settle()
    const flow: LineFlow = { left: bytes, done }
    this.#flows.add(flow)
    this.#replan()
    return {
      cancel: () => {
        this.#settle()
        const carried = bytes - flow.left
        if (this.#flows.delete(flow)) this.#replan()
        return carried
      },
      carried: () => {
        this.#settle()
        return bytes - flow.left
      }
    }
  }

  stall(stalled: boolean): void {
    this.#settle()
    this.stalled = stalled
    this.#replan()
  }

  #share(): BytesPerSecond {
    return this.stalled || this.#flows.size === 0 ? 0 : Math.min(this.#perFlow, this.rate / this.#flows.size)
  }

  #settle(): void {
    const { now } = this.#timeline
    const carried = (this.#share() * (now - this.#settledAt)) / 1000
    this.#settledAt = now
    if (carried <= 0) return
    for (const flow of this.#flows) {
      const moved = Math.min(flow.left, carried)
      flow.left -= moved
      this.bytes += moved
    }
  }

  #replan(): void {
    this.#plan?.cancel()
    this.#plan = null
    const share = this.#share()
    if (share === 0) return
    let least = Infinity
    for (const flow of this.#flows) if (flow.left < least) least = flow.left
    this.#plan = this.#timeline.after((least * 1000) / share, () => {
      this.#settle()
      const finished = [...this.#flows].filter(flow => flow.left < 0.5)
      for (const flow of finished) this.#flows.delete(flow)
      this.#replan()
      for (const flow of finished) flow.done()
    })
  }
}
