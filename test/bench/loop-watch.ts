/**
 * How late a process's event loop is, and what garbage collection takes of it: a pause of whoever asks counts as one of
 * whoever answers, so a bench of answers has to tell both. The file is loaded by `--import` into the process that is
 * watched, and writes there one line a second into the file that it is told of.
 */
import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { PerformanceObserver } from 'node:perf_hooks'
import { isMainThread } from 'node:worker_threads'
import { secondMs, type Millis } from '@starling/shared/units.ts'
import type { House } from '../e2e/harness.ts'

export interface LoopSeen {
  /** Wall clock. */
  readonly at: Millis
  /** How late who asks at each hundredth of a second was served, in whole ms. */
  readonly lateMs: readonly number[]
  readonly gcMs: Millis
  readonly gcLongestMs: Millis
  /** How long its thread was ready to run and got no core, where the system tells it (Linux). */
  readonly coreWaitMs: Millis
}

export interface LoopWatch {
  /** For the process that is to be watched. */
  readonly env: Readonly<Record<string, string>>
  /** Since that moment. */
  seen(since: Millis): LoopSeen[]
}

export interface LoopFigures {
  readonly lateP99Ms: Millis
  readonly lateMaxMs: Millis
  readonly gcLongestMs: Millis
  /** Of one core. */
  readonly coreWaitShare: number
}

const variable = 'STARLING_BENCH_LOOP_FILE'
const everyMs: Millis = 10

export function watchLoop(house: House): LoopWatch {
  const file = join(house.folder('loop'), 'loop.jsonl')
  return {
    env: { [variable]: file, NODE_OPTIONS: `--import=${import.meta.url}` },
    seen(since) {
      const text = existsSync(file) ? readFileSync(file, 'utf8') : ''
      return text
        .split('\n')
        .filter(Boolean)
        .map(line => JSON.parse(line) as LoopSeen)
        .filter(({ at }) => at > since)
    }
  }
}

/** What several processes have seen together since that moment. */
export function loopFigures(loops: readonly LoopWatch[], since: Millis): LoopFigures {
  const seen = loops.flatMap(loop => loop.seen(since))
  const late = seen.flatMap(({ lateMs }) => lateMs).sort((one, other) => one - other)
  return {
    lateP99Ms: late[Math.max(0, Math.ceil(0.99 * late.length) - 1)] ?? Number.NaN,
    lateMaxMs: late.at(-1) ?? Number.NaN,
    gcLongestMs: seen.reduce((most, { gcLongestMs }) => Math.max(most, gcLongestMs), 0),
    coreWaitShare: seen.reduce((sum, { coreWaitMs }) => sum + coreWaitMs, 0) / (Date.now() - since)
  }
}

const path = process.env[variable]
// Threads of the process get its environment, too.
if (path !== undefined && isMainThread) watchThisProcess(path)

function watchThisProcess(path: string): void {
  let lateMs: number[] = []
  let gcMs = 0
  let gcLongestMs = 0
  let coreWaitBeforeMs = coreWaitedMs()
  let dueAt = performance.now() + everyMs
  new PerformanceObserver(list => {
    for (const { duration } of list.getEntries()) {
      gcMs += duration
      gcLongestMs = Math.max(gcLongestMs, duration)
    }
  }).observe({ entryTypes: ['gc'] })
  setInterval(() => {
    const now = performance.now()
    // Who would have asked during a pause is counted, too: else a pause of a second would be one of a hundred samples.
    for (; dueAt <= now; dueAt += everyMs) lateMs.push(Math.floor(now - dueAt))
  }, everyMs).unref()
  setInterval(() => {
    const waitedMs = coreWaitedMs()
    const coreWaitMs = waitedMs - coreWaitBeforeMs
    coreWaitBeforeMs = waitedMs
    const seen: LoopSeen = { at: Date.now(), lateMs, gcMs, gcLongestMs, coreWaitMs }
    appendFileSync(path, `${JSON.stringify(seen)}\n`)
    lateMs = []
    gcMs = gcLongestMs = 0
  }, secondMs).unref()
}

/** Of the main thread, since it began. https://docs.kernel.org/scheduler/sched-stats.html */
function coreWaitedMs(): Millis {
  if (process.platform !== 'linux') return 0
  return Number(readFileSync('/proc/self/schedstat', 'utf8').split(' ')[1]) / 1e6
}
