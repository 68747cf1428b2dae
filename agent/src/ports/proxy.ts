/** What people see of the proxy: how much, by which way, and how fast. */
import type { Bytes, Millis } from '@starling/shared/units.ts'

/** Small responses that are kept (RFC 9111), in memory and on disk. */
export interface SmallCacheUsage {
  readonly entries: number
  readonly memoryBytes: Bytes
  readonly diskBytes: Bytes
}

interface ByWay<Value> {
  readonly swarm: Value
  readonly cache: Value
  readonly pass: Value
}

/** How long something took, many times: as a histogram. */
export interface TimeSpread {
  readonly upToMs: readonly Millis[]
  /** How many took no longer than each of these, but longer than the one before; the last one: longer than all. */
  readonly counts: readonly number[]
  readonly sumMs: Millis
}

/** What clients got through the proxy: out of the swarm, out of the small cache, or passed through. */
export interface ProxyTally {
  readonly bytes: { readonly swarm: Bytes; readonly cache: Bytes; readonly pass: Bytes }
  readonly answers: { readonly swarm: number; readonly cache: number; readonly pass: number }
  /** Requests of clients or for targets that policy does not allow, by the rule that was in the way. */
  readonly refused: Readonly<Record<string, number>>
  /** Requests that are over, and of these what was denied or answered with a 5xx: what a client calls a failed download. */
  readonly ended: { readonly all: number; readonly failed: number }
  /** From the request to the first byte of the answer, and to its end. */
  readonly firstByte: ByWay<TimeSpread>
  readonly total: ByWay<TimeSpread>
  readonly wsusCalls: {
    readonly scan: number
    readonly sync: number
    readonly report: number
    readonly other: number
  }
}
