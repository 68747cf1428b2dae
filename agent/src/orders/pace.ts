/**
 * How an order is paced: in steps, each begun when the bytes of those before have had their time. A step is a few seconds' worth, so that the
 * site's claims have whole chunks to share out, and what one step takes over the line stays small.
 */
import { chunkBytesDefault } from '@starling/shared/chunking.ts'
import { MiB, secondMs, type Bytes, type BytesPerSecond, type Millis } from '@starling/shared/units.ts'

const stepMs: Millis = 4 * secondMs
/** Small enough to end soon when the order is withdrawn. */
const stepBytesMax: Bytes = 64 * MiB

/** Where a step that begins at a chunk's start ends. Without a rate the swarm has all of it to choose from. */
export function stepEnd(start: Bytes, rate: BytesPerSecond | null): Bytes {
  if (rate === null) return start + stepBytesMax
  const chunks = Math.max(1, Math.floor((rate * stepMs) / secondMs / chunkBytesDefault))
  return start + Math.min(stepBytesMax, chunks * chunkBytesDefault)
}

/** From when on the next step may begin, after one that began at `beganAt` and brought so much. */
export function nextStepAt(beganAt: Millis, bytes: Bytes, rate: BytesPerSecond | null): Millis {
  return rate === null ? beganAt : beganAt + (bytes * secondMs) / rate
}

export interface Pace {
  /** Kept when this run began, and when. */
  readonly first: { readonly bytes: Bytes; readonly at: Millis }
  readonly bytes: Bytes
  readonly length: Bytes | null
  readonly rate: BytesPerSecond | null
  readonly by: Millis | null
}

/** Whether it will not be done in time: at the pace so far, or if nothing is known of that, at the rate that is allowed. */
export function isLate({ first, bytes, length, rate, by }: Pace, now: Millis): boolean {
  if (by === null || length === null || bytes >= length) return false
  const leftMs = by - now
  if (leftMs <= 0) return true
  const took = now - first.at
  const came = bytes - first.bytes
  const pace = came > 0 && took >= stepMs ? (came * secondMs) / took : rate
  return pace !== null && ((length - bytes) * secondMs) / pace > leftMs
}
