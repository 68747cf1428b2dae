/** Agents that heartbeat, in processes of their own (heartbeats-agents.ts), and what all of them have seen together. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { secondMs, type Millis } from '@starling/shared/units.ts'
import type { House } from '../e2e/harness.ts'
import type { Program } from '../e2e/program.ts'
import { writeKeys, type AgentKey } from './enrolled-fleet.ts'
import { watchLoop, type LoopWatch } from './loop-watch.ts'
import type { AgentsTask, Seen } from './heartbeats-agents.ts'

export interface Crowd {
  /** What was seen in the next second. */
  next(): Promise<CrowdSeen>
  readonly loops: readonly LoopWatch[]
}

export type CrowdSeen = Omit<Seen, 'line'>

const program = 'test/bench/heartbeats-agents.ts'

export function startCrowd(
  house: House,
  keys: readonly AgentKey[],
  task: Omit<AgentsTask, 'keysFile'>,
  processes: number
): Crowd {
  const folder = house.folder('crowd')
  const each = Math.ceil(keys.length / processes)
  const loops: LoopWatch[] = []
  const programs: Program[] = Array.from({ length: processes }, (_, at) => {
    const keysFile = writeKeys(join(folder, `${at}.json`), keys.slice(at * each, (at + 1) * each))
    const connected = Math.floor(task.connected / processes)
    const loop = watchLoop(house)
    loops.push(loop)
    const args = [JSON.stringify({ ...task, keysFile, connected })]
    return house.begin(`agents ${at}`, program, args, loop.env)
  })
  let line = 0
  return {
    loops,
    async next() {
      line++
      const lines = await Promise.all(
        programs.map(one => one.said(new RegExp(`^seen \\{"line":${line},`), 30 * secondMs))
      )
      return lines.map(text => JSON.parse(text.slice('seen '.length)) as Seen).reduce(together)
    }
  }
}

/** @returns what was seen until `isEnough` says so of the whole, at most for so long */
export async function watch(
  crowd: Crowd,
  forMs: Millis,
  isEnough: (last: CrowdSeen) => boolean = () => false
): Promise<CrowdSeen[]> {
  const seen: CrowdSeen[] = []
  const until = performance.now() + forMs
  while (performance.now() < until) {
    seen.push(await crowd.next())
    if (isEnough(seen.at(-1)!)) break
  }
  return seen
}

function together<One extends CrowdSeen>(one: One, other: One): One {
  return {
    ...one,
    answered: one.answered + other.answered,
    errors: one.errors + other.errors,
    lastError: one.lastError ?? other.lastError,
    tookMs: [...one.tookMs, ...other.tookMs],
    unservedMs: Math.max(one.unservedMs, other.unservedMs),
    cpuMs: one.cpuMs + other.cpuMs,
    revocations: one.revocations + other.revocations,
    ready: one.ready && other.ready
  }
}

/** Sorted from the fastest. */
export function tookOf(seen: readonly CrowdSeen[]): number[] {
  return seen.flatMap(({ tookMs }) => tookMs).sort((one, other) => one - other)
}

export function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN
}

/** How many files one process may have open; Node takes what the hard limit allows. */
export function openFilesMax(): number {
  if (process.platform !== 'linux') return Number.POSITIVE_INFINITY
  const hard = /^Max open files\s+\d+\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1]
  return hard === undefined ? Number.POSITIVE_INFINITY : Number(hard)
}
