/** What clients got through the proxy, counted since the agent started. */
import type { Bytes, Millis } from '@starling/shared/units.ts'
import type { ProxyTally, TimeSpread } from '../ports.ts'
import { wsusCalls, type WsusCall } from './wsus.ts'

export type Way = keyof ProxyTally['bytes']

export interface Tally {
  bytes(count: Bytes, way: Way): void
  answered(way: Way): void
  /** @param rule a word of our own or a name from the configuration: it becomes a label of metrics */
  refused(rule: string): void
  ended(failed: boolean): void
  timed(way: Way, firstByteMs: Millis, totalMs: Millis): void
  wsusCall(call: WsusCall): void
  now(): ProxyTally
}

/** From an answer out of memory to an hour's download: what an admin tells apart, and no more. */
const upToMs: readonly Millis[] = [1, 5, 25, 100, 500, 2500, 10_000, 60_000, 600_000]

export function createTally(): Tally {
  const byWay = <Value>(make: () => Value) => ({ swarm: make(), cache: make(), pass: make() })
  const bytes = byWay(() => 0)
  const answers = byWay(() => 0)
  const firstByte = byWay(createSpread)
  const total = byWay(createSpread)
  const calls = Object.fromEntries(wsusCalls.map(call => [call, 0])) as Record<WsusCall, number>
  const ended = { all: 0, failed: 0 }
  const refusals = new Map<string, number>()
  return {
    bytes: (count, way) => void (bytes[way] += count),
    answered: way => void answers[way]++,
    refused: rule => void refusals.set(rule, (refusals.get(rule) ?? 0) + 1),
    ended(failed) {
      ended.all++
      if (failed) ended.failed++
    },
    timed(way, firstByteMs, totalMs) {
      add(firstByte[way], firstByteMs)
      add(total[way], totalMs)
    },
    wsusCall: call => void calls[call]++,
    now: () => ({
      bytes: { ...bytes },
      answers: { ...answers },
      refused: Object.fromEntries(refusals),
      ended: { ...ended },
      firstByte: structuredClone(firstByte),
      total: structuredClone(total),
      wsusCalls: { ...calls }
    })
  }
}

function createSpread(): TimeSpread & { counts: number[]; sumMs: Millis } {
  return { upToMs, counts: Array.from({ length: upToMs.length + 1 }, () => 0), sumMs: 0 }
}

function add(spread: { counts: number[]; sumMs: Millis }, tookMs: Millis): void {
  const place = upToMs.findIndex(bound => tookMs <= bound)
  spread.counts[place < 0 ? upToMs.length : place]!++
  spread.sumMs += tookMs
}
