/**
 * A fleet that heartbeats every half minute against one coordinator with SQLite. The coordinator is the real program; the
 * agents are connections of two processes beside it on the same cores, whose CPU is told, too. They come one after
 * another over half of the time that they are then watched for.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { heartbeatMsDefault } from '@starling/shared/coordinator-api.ts'
import { MiB, minuteMs, secondMs, type Millis } from '@starling/shared/units.ts'
import { openHouse } from '../e2e/harness.ts'
import { coordinatorProgram } from '../e2e/site.ts'
import { median } from '../demo/words.ts'
import type { Bench, BenchRun, BenchSetup } from './bench.ts'
import { openFilesMax, quantile, startCrowd, tookOf, watch } from './crowd.ts'
import { enrolAll, makeKeys } from './enrolled-fleet.ts'
import { loopFigures, watchLoop } from './loop-watch.ts'
import { costOf } from './process-cost.ts'

const agentsUsual = 20_000
const minutesUsual = 10
const generators = 2
/** Files of a coordinator beside its agents' connections. */
const otherFiles = 200
const sampleMs: Millis = 5 * secondMs

export const heartbeats: Bench = {
  name: 'heartbeats',
  says: `${agentsUsual} agents that heartbeat every ${heartbeatMsDefault / secondMs} s over TLS, on one coordinator with SQLite`,
  rounds: 1,
  bars: { p99Ms: { atMost: 200 }, errors: { atMost: 0 }, growthShare: { atMost: 0.05 } },
  open
}

async function open({ say, agents, minutes }: BenchSetup): Promise<BenchRun> {
  const count = agents ?? agentsUsual
  const loadMs = (minutes ?? minutesUsual) * minuteMs
  const connected = Math.min(count, openFilesMax() - otherFiles)
  const house = openHouse()
  try {
    const folder = house.folder('coordinator')
    say(`${count} agents are enrolled …`)
    const keys = makeKeys(count)
    await enrolAll(
      { folder },
      keys.map(({ id }) => id)
    )
    const loop = watchLoop(house)
    const args = ['run', '--data', folder, '--listen', '127.0.0.1:0', '--no-gateway', '--json']
    const coordinator = await house.start(
      'coordinator',
      coordinatorProgram,
      [...args, '--log-level', 'error'],
      loop.env
    )
    const id = String(coordinator.ready.coordinator)
    const address = String(coordinator.ready.address)
    say(`they connect over ${loadMs / 2 / secondMs} s …`)
    const task = {
      coordinators: [{ id, addresses: [address] }],
      rampMs: loadMs / 2,
      heartbeatMs: heartbeatMsDefault,
      connected
    }
    const crowd = startCrowd(house, keys, task, generators)
    const beforeRamp = costOf(coordinator.pid)
    const ramp = await watch(crowd, loadMs / 2 + 5 * minuteMs, ({ ready }) => ready)
    if (ramp.at(-1)?.ready !== true)
      throw new Error(
        `not all agents were let in: ${ramp.findLast(one => one.lastError !== null)?.lastError}`
      )
    const rampError = ramp.findLast(one => one.lastError !== null)?.lastError ?? null
    const rampCpu = (costOf(coordinator.pid).cpuMs - beforeRamp.cpuMs) / (ramp.length * secondMs)
    // The last to come have told all of themselves once more.
    await watch(crowd, heartbeatMsDefault)

    return {
      async round() {
        say(`all are there, and are watched for ${loadMs / minuteMs} min …`)
        const rss: number[] = []
        const since = Date.now()
        const before = costOf(coordinator.pid)
        const sampling = new AbortController()
        const sampled = (async () => {
          while (!sampling.signal.aborted) {
            rss.push(costOf(coordinator.pid).rssBytes / MiB)
            await sleep(sampleMs, undefined, { signal: sampling.signal }).catch(() => {})
          }
        })()
        const seen = await watch(crowd, loadMs)
        sampling.abort()
        await sampled
        const seconds = seen.length
        const took = tookOf(seen)
        const sum = (of: (one: (typeof seen)[number]) => number): number =>
          seen.reduce((so, one) => so + of(one), 0)
        const own = loopFigures([loop], since)
        const theirs = loopFigures(crowd.loops, since)
        const quarter = Math.max(1, Math.floor(rss.length / 4))
        const rssStartMiB = median(rss.slice(0, quarter))
        const rssEndMiB = median(rss.slice(-quarter))
        return {
          beatsPerSecond: sum(one => one.answered) / seconds,
          p50Ms: quantile(took, 0.5),
          p99Ms: quantile(took, 0.99),
          lastMs: quantile(took, 1),
          errors: sum(one => one.errors),
          coordinatorCpuShare: (costOf(coordinator.pid).cpuMs - before.cpuMs) / (seconds * secondMs),
          generatorCpuShare: sum(one => one.cpuMs) / (seconds * secondMs),
          coordinatorLateP99Ms: own.lateP99Ms,
          coordinatorLateMaxMs: own.lateMaxMs,
          coordinatorGcLongestMs: own.gcLongestMs,
          coordinatorCoreWaitShare: own.coreWaitShare,
          generatorLateP99Ms: theirs.lateP99Ms,
          generatorLateMaxMs: theirs.lateMaxMs,
          generatorGcLongestMs: theirs.gcLongestMs,
          generatorCoreWaitShare: theirs.coreWaitShare,
          rssStartMiB,
          rssEndMiB,
          growthShare: rssEndMiB / rssStartMiB - 1,
          rampP99Ms: quantile(tookOf(ramp), 0.99),
          rampCpuShare: rampCpu,
          rampErrors: ramp.reduce((so, one) => so + one.errors, 0)
        }
      },
      notes: async () => [
        'CPU shares are of one core; coordinator and agents share the cores; a core wait is time that a process was ready to run and got none',
        'late is who asks an event loop for something: what the agents are late by counts as time of the answers, too',
        `rampErrors are requests of the ramp that failed, and were made again${rampError === null ? '' : `; the last: ${rampError}`}`,
        ...(connected < count
          ? [
              `${count - connected} of the ${count} agents dial anew each time: a process may have ${openFilesMax()} files open here ("ulimit -Hn ${count + 2 * otherFiles}" before it lets all keep their connection)`
            ]
          : [])
      ],
      close: () => house.close()
    }
  } catch (error) {
    await house.close()
    throw error
  }
}
