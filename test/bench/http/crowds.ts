/** A hundred clients of one agent at once: what a cold file costs the origin, and what a hot one costs the agent's memory. */
import { GiB, MiB, type Bytes, type Millis } from '@starling/shared/units.ts'
import { startOriginLine, type OriginLine } from '../../demo/origin-line.ts'
import { openHouse, type House } from '../../e2e/harness.ts'
import { startAgent, type AgentHandle } from '../../e2e/site.ts'
import type { Bench, BenchRun, Figures } from '../bench.ts'
import { costOf } from '../process-cost.ts'
import { crowd, curl } from './clients.ts'
import { whyNoTools } from './tools.ts'

const clients = 100

export const coldCrowd: Bench = {
  name: 'http/cold-100',
  says: `${clients} curls at once for one cold file of 256 MiB: what the origin sends`,
  rounds: 3,
  bars: { originBodies: { atLeast: 1, atMost: 1 } },
  whyNot: () => whyNoTools('curl'),
  async open({ sizeBytes }) {
    const length = sizeBytes ?? 256 * MiB
    let round = 0
    return oneAgent(length, async (agent, origin) => {
      const { url, stats } = await origin.path(`cold-${++round}.bin`)
      const ms = await crowd(clients, () => curl(agent.proxy, url), length)
      const { bodyBytes, requests } = await stats()
      return {
        originBodies: bodyBytes / length,
        originRequests: requests,
        seconds: ms / 1000,
        totalMBPerSecond: (clients * length) / 1e6 / (ms / 1000),
        agentRssMiB: costOf(agent.pid).rssBytes / MiB
      }
    })
  }
}

const sampleMs: Millis = 250

export const memory: Bench = {
  name: 'http/memory-100',
  says: `${clients} curls at once for 1 GiB that is cached: the agent's memory, looked at every ${sampleMs} ms`,
  rounds: 1,
  whyNot: () => whyNoTools('curl'),
  async open({ sizeBytes }) {
    const length = sizeBytes ?? GiB
    return oneAgent(length, async (agent, { url }) => {
      await curl(agent.proxy, url)
      const rssMiB = (): number => costOf(agent.pid).rssBytes / MiB
      const samples = [rssMiB()]
      const timer = setInterval(() => samples.push(rssMiB()), sampleMs)
      try {
        const ms = await crowd(clients, () => curl(agent.proxy, url), length)
        samples.push(rssMiB())
        return {
          startRssMiB: samples[0]!,
          peakRssMiB: Math.max(...samples),
          // Flat or not: the second half of the time must not need more than the first.
          peakOfFirstHalfMiB: Math.max(...samples.slice(0, samples.length >> 1)),
          peakOfSecondHalfMiB: Math.max(...samples.slice(samples.length >> 1)),
          endRssMiB: samples.at(-1)!,
          samples: samples.length,
          totalMBPerSecond: (clients * length) / 1e6 / (ms / 1000)
        }
      } finally {
        clearInterval(timer)
      }
    })
  }
}

/** An agent before an origin with content of this length. */
export async function oneAgent(
  length: Bytes,
  round: (agent: AgentHandle, origin: OriginLine, house: House) => Promise<Figures>,
  rate: number | null = null,
  notes: readonly string[] = []
): Promise<BenchRun> {
  const house = openHouse()
  try {
    const origin = await startOriginLine(house, 'first.bin', { seed: 'bench http', length }, rate)
    const agent = await startAgent(house, 'agent', {})
    return {
      round: () => round(agent, origin, house),
      notes: async () => notes,
      close: () => house.close()
    }
  } catch (error) {
    await house.close()
    throw error
  }
}
