/**
 * How fast downloads in the background may go without being in anybody's way: after LEDBAT++ (RFC 6817,
 * draft-irtf-iccrg-ledbat-plus-plus), but for a rate, because what we can hold back is how fast we read, not how much is
 * in flight.
 *
 * What a round trip takes longer than at its best is the queue in front of the line. Each measurement moves the rate: with
 * no queue it grows, beyond a quarter of what policy allows it shrinks, the longer the queue the more. A queue that we made
 * drains then; one that others make stays, and the rate falls on, down to next to nothing. Once their queue is gone, the
 * rate comes back to where it was in doubling steps. Because an own queue drains each time, the best round trip is seen
 * again and again; there is no need for the pauses in which LEDBAT++ measures it.
 */
import {
  KiB,
  minuteMs,
  secondMs,
  type Bytes,
  type BytesPerSecond,
  type Millis
} from '@starling/shared/units.ts'
import type { RoundTrip } from './events.ts'

/** Where it begins when nothing is known: a flow's first few round trips would bring no less. */
export const startBytesPerSecond: BytesPerSecond = 256 * KiB
/** It never falls below: six of them are a tenth of a line of 8 Mbit/s, and no server takes that for dead. */
export const floorBytesPerSecond: BytesPerSecond = 16 * KiB
/** A quarter of what may be reached is aimed at: between measurements the queue goes on growing. */
const aimShare = 1 / 4
/** Before anything is known of the line it grows by half: what doubles may overshoot by as much again. */
const firstSteps = 1.5
/**
 * Near the rate at which there was a queue it grows by so much with the first measurement that finds none, by twice as
 * much with the second, and so on: slowly past that rate, and soon beyond it where the line has become free (as CUBIC).
 */
const growth = 0.01
/** With twice the queue that is aimed at it is cut in half, and so on down to a quarter: an own queue is gone by then. */
const keptLeast = 1 / 4
/** After a queue, the way back in doubling steps ends so far below the rate that had led to it. */
const recoveredShare = 0.9
/** ... and with each queue of others it ends so much lower: they may have come to stay. */
const rememberedShare = 0.7
/** A queue of our own is gone so many round trips after a cut: one until the senders notice, one for what they have sent. */
const drainRoundTrips = 2
/** The first windows of new flows come as fast as they can, and for so long make a queue that tells nothing. */
const firstWindowsMs: Millis = secondMs
/** What comes is less than was allowed when the origin is slow: the rate must not grow away from it. */
const aheadOfReality = 2
/** Bytes come in pieces of 64 KiB: over less than a second they are no rate. */
const averageMs: Millis = secondMs
/** The best round trip of the last ten minutes counts (RFC 6817): routes change. */
const baseMinutes = 10
/** A queue grows by as much as we overshoot: a quarter of a second late it is long enough to be seen, and not yet felt. */
const usualMs: Millis = 250
/** A handshake without an answer counts as a queue so long: that is how long it is waited for. */
const unansweredMs: Millis = secondMs
/** One queue may be an accident: looked at again at once. */
const suspectMs: Millis = 100
/** When there is nothing left to give, there is no hurry. */
const stoppedMs: Millis = 500
/** So long after the last measurement nothing is known about the line any more. */
const forgottenMs: Millis = minuteMs

export class Yielding {
  #rate: BytesPerSecond = startBytesPerSecond
  /** Up to there the line was free the last time; below it the rate doubles. */
  #known: BytesPerSecond | null = null
  #bases: ReadonlyArray<{ readonly minute: number; readonly ms: Millis }> = []
  #lastQueue: Millis = 0
  #sampledAt: Millis | null = null
  /** What came of late. */
  #received: BytesPerSecond = 0
  #isCutting = false
  /** The queue that was cut for is still on its way out. */
  #drainsUntil: Millis = 0
  #growths = 0
  #isSuspecting = false

  get rate(): BytesPerSecond {
    return this.#rate
  }
  /** How soon the next measurement should come. */
  get measureAgainMs(): Millis {
    if (!this.#isSuspecting) return usualMs
    return this.#rate > floorBytesPerSecond ? suspectMs : stoppedMs
  }

  /**
   * @param roundTrip null: it could not be measured
   * @param bytes what came in the background since the measurement before
   */
  sample(roundTrip: RoundTrip | null, bytes: Bytes, queueMsMax: Millis, now: Millis): void {
    this.#noteReceived(bytes, now)
    if (roundTrip === null) {
      // Where nothing can ever be measured there is nothing to go by.
      if (this.#bases.length === 0) return this.#grow(0)
      // One lost packet may be an accident; two in a row are a line that is full (RFC 6817, 3.4.2).
      const certain = Math.min(unansweredMs, this.#lastQueue)
      const aim = queueMsMax * aimShare
      this.#lastQueue = unansweredMs
      this.#isSuspecting = true
      if (certain > aim) this.#cut(aim / certain, unansweredMs, now)
      return
    }
    this.#noteBase(roundTrip.ms, now)
    const aim = queueMsMax * aimShare
    const queueMost = roundTrip.ms - Math.min(...this.#bases.map(({ ms }) => ms))
    const queue = queueMost - roundTrip.lateMs
    // One longer round trip may be a busy radio; two in a row are a queue, and so is one beyond all that is allowed.
    const certain = queue > queueMsMax ? queue : Math.min(queue, this.#lastQueue)
    this.#lastQueue = queue
    this.#isSuspecting = queueMost > aim
    if (certain > aim) this.#cut(aim / certain, roundTrip.ms, now)
    else if (!this.#isSuspecting) this.#grow(queueMost / aim)
  }

  #cut(kept: number, roundTripMs: Millis, now: Millis): void {
    if (now < this.#drainsUntil) return
    if (!this.#isCutting) this.#rememberRate()
    this.#drainsUntil = now + drainRoundTrips * roundTripMs
    this.#isCutting = true
    this.#growths = 0
    this.#rate = Math.max(floorBytesPerSecond, this.#rate * Math.max(keptLeast, kept))
  }

  /** The rate at which there was a queue, for the way back. */
  #rememberRate(): void {
    const real = Math.min(this.#rate, this.#received) * recoveredShare
    if (this.#known === null) this.#known = this.#rate * recoveredShare
    else if (this.#rate >= this.#known) this.#known = real
    // It was still on its way back: others filled the line, and may be gone again.
    else this.#known = Math.max(real, this.#known * rememberedShare)
  }

  #grow(fullness: number): void {
    this.#isCutting = false
    let grown: BytesPerSecond
    if (this.#known === null) grown = this.#rate * firstSteps
    else if (this.#rate < this.#known) grown = Math.min(this.#rate * 2, this.#known)
    else grown = this.#rate * (1 + growth * ++this.#growths * (1 - fullness))
    const most = Math.max(startBytesPerSecond, this.#received * aheadOfReality)
    // What is under way may be less than the line allows for a moment (an extent ends): that takes nothing away.
    this.#rate = Math.max(this.#rate, Math.min(grown, most))
  }

  #noteReceived(bytes: Bytes, now: Millis): void {
    const sinceMs = this.#sampledAt === null ? Infinity : now - this.#sampledAt
    this.#sampledAt = now
    if (sinceMs > forgottenMs) {
      this.#drainsUntil = now + firstWindowsMs
      this.#rate = Math.min(this.#rate, startBytesPerSecond)
      this.#lastQueue = 0
      this.#received = 0
    } else if (sinceMs > 0) {
      const weight = Math.min(1, sinceMs / averageMs)
      this.#received += weight * ((bytes * secondMs) / sinceMs - this.#received)
    }
  }

  #noteBase(ms: Millis, now: Millis): void {
    const minute = Math.floor(now / minuteMs)
    const latest = this.#bases.at(-1)
    const isSame = latest?.minute === minute
    this.#bases = [
      ...this.#bases.filter(one => one.minute > minute - baseMinutes && one.minute !== minute),
      { minute, ms: isSame ? Math.min(ms, latest.ms) : ms }
    ]
  }
}
