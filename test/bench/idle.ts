/** What an agent costs that has nothing to do: its start, its memory, its CPU. Most agents do nothing most of the time. */
import { setTimeout as sleep } from 'node:timers/promises'
import { MiB, secondMs, type Millis } from '@starling/shared/units.ts'
import { median } from '../demo/words.ts'
import { openHouse } from '../e2e/harness.ts'
import { fleetSecret, startAgent } from '../e2e/site.ts'
import { eachAfresh, type Bench } from './bench.ts'
import { costOf } from './process-cost.ts'

const starts = 5
/** What starting leaves behind (compiling, collecting) is over by then. */
const settleMs: Millis = 5 * secondMs
const watchMs: Millis = 30 * secondMs

export const idle: Bench = {
  name: 'idle',
  says: 'an agent with a fleet secret and nobody around: start to ready, then 30 s of nothing',
  rounds: 3,
  open: eachAfresh(async () => {
    const house = openHouse()
    try {
      const secret = fleetSecret()
      const startedInMs: Millis[] = []
      for (let start = 1; start < starts; start++) {
        const agent = await startAgent(house, 'starting', { secret })
        startedInMs.push(agent.startedInMs)
        await agent.stop()
      }
      const agent = await startAgent(house, 'idle', { secret })
      startedInMs.push(agent.startedInMs)
      await sleep(settleMs)
      const before = costOf(agent.pid)
      const beganAt = performance.now()
      await sleep(watchMs)
      const after = costOf(agent.pid)
      const cpuPercent = ((after.cpuMs - before.cpuMs) / (performance.now() - beganAt)) * 100
      return { startMs: median(startedInMs), rssMiB: after.rssBytes / MiB, cpuPercent }
    } finally {
      await house.close()
    }
  })
}
