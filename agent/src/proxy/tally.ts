/** What clients got through the proxy, counted since the agent started. */
import type { ProxyTally } from '../ports.ts'
import { wsusCalls, type WsusCall } from './wsus.ts'

export type Way = keyof ProxyTally['bytes']

export interface Tally {
  bytes(count: number, way: Way): void
  answered(way: Way): void
  refused(): void
  wsusCall(call: WsusCall): void
  now(): ProxyTally
}

export function createTally(): Tally {
  const bytes = { swarm: 0, cache: 0, pass: 0 }
  const answers = { swarm: 0, cache: 0, pass: 0 }
  const calls = Object.fromEntries(wsusCalls.map(call => [call, 0])) as Record<WsusCall, number>
  let refusals = 0
  return {
    bytes: (count, way) => void (bytes[way] += count),
    answered: way => void answers[way]++,
    refused: () => void refusals++,
    wsusCall: call => void calls[call]++,
    now: () => ({ bytes: { ...bytes }, answers: { ...answers }, refused: refusals, wsusCalls: { ...calls } })
  }
}
