/**
 * The wires of the virtual world.
 *
 * A LAN port carries chunks one after another: with requests bounded per peer that comes close to fair sharing, and
 * costs one addition a chunk instead of a recalculation of every flow of the site. A WAN line is shared fairly
 * among its flows, because there the order in which chunks arrive is the very thing that is studied.
 */
import type { Bytes, BytesPerSecond, Millis } from '@starling/shared/units.ts'
import { RatePeak } from './counters.ts'
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

/** Flows that may take no more than a rate together: one agent's, of one class, which are within those of all classes. */
export class Throttle {
  rate: BytesPerSecond
  /** Flows under way. */
  flows = 0
  bytes: Bytes = 0
  readonly peak = new RatePeak()
  readonly within: Throttle | null

  constructor(rate: BytesPerSecond = Infinity, within: Throttle | null = null) {
    this.rate = rate
    this.within = within
  }

  /** What one of its flows may take. */
  get part(): BytesPerSecond {
    return Math.min(this.rate / this.flows, this.within?.part ?? Infinity)
  }

  /** A flow more, or one less. */
  count(flows: 1 | -1): void {
    this.flows += flows
    this.within?.count(flows)
  }

  moved(bytes: Bytes, now: Millis): void {
    this.bytes += bytes
    this.peak.note(bytes, now)
    this.within?.moved(bytes, now)
  }
}

interface LineFlow {
  left: Bytes
  /** What it gets now. */
  rate: BytesPerSecond
  readonly throttle: Throttle | null
  readonly done: () => void
}

/** What waits in front of a line at most: routers of branch lines hold some hundred packets, and home routers more. */
const queueMsMax: Millis = 250
/** A flow that nothing holds back sends so many times what the line carries, as TCP does until something is lost. */
const greed = 2

/**
 * A line shared by flows: each gets an equal part, and no more than its throttle or the line's own limit allows; what one
 * leaves goes to the others. What is offered beyond the line's rate waits in front of it, in one queue for all.
 */
export class Line {
  readonly rate: BytesPerSecond
  readonly #timeline: Timeline
  readonly #flows = new Set<LineFlow>()
  /** No flow gets more than this, as with an origin that limits each connection; Infinity: no limit. */
  readonly #perFlow: BytesPerSecond
  #settledAt: Millis = 0
  #offered: BytesPerSecond = 0
  #queueMs: Millis = 0
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

  /** With what has been carried since something happened on the line. Changes nothing: who looks must not alter a run. */
  get bytesNow(): Bytes {
    const ms = this.#timeline.now - this.#settledAt
    return [...this.#flows].reduce(
      (sum, { left, rate }) => sum + Math.min(left, (rate * ms) / 1000),
      this.bytes
    )
  }

  /** How long a packet that comes now waits in front of the line. */
  queueMs(): Millis {
    this.#settle()
    return this.#queueMs
  }

  /** Carries bytes. @returns what takes the load off the line again, and tells how many bytes had been carried. */
  carry(
    bytes: Bytes,
    done: () => void,
    throttle: Throttle | null = null
  ): { cancel(): Bytes; carried(): Bytes } {
    this.#settle()
    const flow: LineFlow = { left: bytes, rate: 0, throttle, done }
    this.#flows.add(flow)
    throttle?.count(1)
    this.#replan()
    return {
      cancel: () => {
        this.#settle()
        const carried = bytes - flow.left
        if (this.#remove(flow)) this.#replan()
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

  /** A throttle of one of its flows has another rate now. */
  throttle(throttle: Throttle, rate: BytesPerSecond): void {
    this.#settle()
    throttle.rate = rate
    this.#replan()
  }

  #remove(flow: LineFlow): boolean {
    if (!this.#flows.delete(flow)) return false
    flow.throttle?.count(-1)
    return true
  }

  /** The most that a flow would take. */
  #capOf({ throttle }: LineFlow): BytesPerSecond {
    return Math.min(this.#perFlow, throttle?.part ?? Infinity)
  }

  #share(): void {
    this.#offered = 0
    const isLimited = [...this.#flows].some(flow => this.#capOf(flow) < Infinity)
    // Who wants little is served first, so that what is left is shared by those who want more.
    const flows = isLimited
      ? [...this.#flows].sort((one, other) => this.#capOf(one) - this.#capOf(other))
      : this.#flows
    let left = this.stalled ? 0 : this.rate
    let open = this.#flows.size
    let equal = left / open
    for (const flow of flows) {
      const cap = this.#capOf(flow)
      this.#offered += Math.min(cap, greed * this.rate)
      flow.rate = Math.min(cap, equal)
      if (cap >= equal) continue
      left -= cap
      open--
      equal = left / open
    }
  }

  #settle(): void {
    const { now } = this.#timeline
    const ms = now - this.#settledAt
    this.#settledAt = now
    if (ms === 0) return
    const grown = this.#queueMs + (this.#offered / this.rate - 1) * ms
    this.#queueMs = Math.max(0, Math.min(queueMsMax, grown))
    for (const flow of this.#flows) {
      const moved = Math.min(flow.left, (flow.rate * ms) / 1000)
      flow.left -= moved
      this.bytes += moved
      flow.throttle?.moved(moved, now)
    }
  }

  #replan(): void {
    this.#plan?.cancel()
    this.#plan = null
    this.#share()
    let soonest = Infinity
    for (const { left, rate } of this.#flows) if (rate > 0) soonest = Math.min(soonest, (left * 1000) / rate)
    if (soonest === Infinity) return
    this.#plan = this.#timeline.after(soonest, () => {
      this.#settle()
      const finished = [...this.#flows].filter(flow => flow.left < 0.5)
      for (const flow of finished) this.#remove(flow)
      this.#replan()
      for (const flow of finished) flow.done()
    })
  }
}
