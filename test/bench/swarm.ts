/**
 * Three agents want one file at once, and the figures are what Starling is for: how often it crossed the WAN, how
 * much came from the LAN, how long it took and what it cost. No limit on the line here: on a slow line every time
 * would be the line's.
 */
import { MiB, type Bytes } from '@starling/shared/units.ts'
import { seededContent, sha256Of } from '../doubles/content.ts'
import { startOriginLine } from '../demo/origin-line.ts'
import { resultOf } from '../demo/result.ts'
import { share } from '../demo/share.ts'
import { openHouse, type House } from '../e2e/harness.ts'
import { fleetSecret, startFleet, startMembers, type AgentHandle } from '../e2e/site.ts'
import { eachAfresh, type Bench } from './bench.ts'
import { costOf } from './process-cost.ts'

const length: Bytes = 256 * MiB
const names = ['agent-1', 'agent-2', 'agent-3']
const seed = 'bench'
let sha256: string | undefined

export const swarm3: Bench = {
  name: 'swarm3',
  says: '3 agents, coordinator and gateway, 256 MiB at once',
  rounds: 3,
  open: eachAfresh(() =>
    round(async house => {
      const { agents, coordinator } = await startFleet(house, names)
      return { agents, gatewayPage: coordinator.gatewayPage, others: [coordinator.pid] }
    })
  )
}

export const swarm3Secret: Bench = {
  name: 'swarm3-secret',
  says: '3 agents with a fleet secret, no coordinator, no gateway, 256 MiB at once',
  rounds: 3,
  open: eachAfresh(() =>
    round(async house => ({
      agents: await startMembers(house, fleetSecret(), names),
      gatewayPage: null,
      others: []
    }))
  )
}

interface Stage {
  readonly agents: readonly AgentHandle[]
  readonly gatewayPage: string | null
  readonly others: readonly number[]
}

async function round(raise: (house: House) => Promise<Stage>): Promise<Record<string, number>> {
  sha256 ??= await sha256Of(seededContent(seed, length))
  const house = openHouse()
  try {
    const origin = await startOriginLine(house, 'bench.bin', { seed, length }, null)
    const { agents, gatewayPage, others } = await raise(house)
    const pids = [...agents.map(({ pid }) => pid), ...others]
    const before = pids.map(pid => costOf(pid).cpuMs)
    const run = await share(agents, gatewayPage, { ...origin, length, sha256, wanRate: null })
    const costs = pids.map(costOf)
    const result = resultOf(run)
    if (!result.sha256Equal)
      throw new Error('what arrived is not what the origin has: no figures of a wrong download')
    return {
      wanAmplification: result.wanAmplification,
      shareFromLan: result.shareFromLan,
      seconds: result.seconds,
      deliveredMiBPerSecond: (3 * length) / MiB / result.seconds,
      cpuSeconds: costs.reduce((sum, { cpuMs }, at) => sum + cpuMs - before[at]!, 0) / 1000,
      agentRssMiB: Math.max(...costs.slice(0, agents.length).map(({ rssBytes }) => rssBytes)) / MiB,
      wastedMiB: run.agents.reduce((sum, { wasted }) => sum + wasted, 0) / MiB
    }
  } finally {
    await house.close()
  }
}
