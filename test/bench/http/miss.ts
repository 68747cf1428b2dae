/**
 * What nobody has yet, through the agent alone and without it, over a line of 1 Gbit/s between two network namespaces: what
 * an agent costs the first who asks. Each round has both, from the same origin; who goes first alternates.
 *
 * The line has no delay (netem is not in every kernel), so the first bytes compare the programs alone: on a real line both
 * have round trips and the origin's thinking before them.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { StarlingError } from '@starling/shared/errors.ts'
import { GiB, MiB, secondMs, type Bytes, type BytesPerSecond, type Millis } from '@starling/shared/units.ts'
import { seededContent, writeContent } from '../../doubles/content.ts'
import { openHouse } from '../../e2e/harness.ts'
import { poll } from '../../e2e/site.ts'
import { proxyUrl, startEndpoint } from '../../lab/actors.ts'
import { beginOther } from '../../lab/host-process.ts'
import { idlePercent, readCpuClock } from '../../lab/machine.ts'
import { createLab, whyNoNamespaces } from '../../lab/namespaces.ts'
import { shape } from '../../lab/shaping.ts'
import type { Bench, Figures } from '../bench.ts'
import { curl, type Fetched } from './clients.ts'
import { nginxOriginArgs } from './nginx.ts'
import { find, whyNoTools } from './tools.ts'

const lineRate: BytesPerSecond = 125e6
/** The agent's first download of its life, of something else: an agent runs for days, and is warm. */
const warmUpBytes: Bytes = 8 * MiB

export const miss: Bench = {
  name: 'http/miss',
  says: '1 GiB that nobody has, over 1 Gbit/s: through the agent alone, and by curl directly',
  rounds: 3,
  bars: { timeRatio: { atMost: 1.1 }, firstByteRatio: { atMost: 1.2 } },
  whyNot: () => whyNoTools('curl', 'nginx') ?? whyNoNamespaces(),
  async open({ sizeBytes }) {
    const length = sizeBytes ?? GiB
    const house = openHouse()
    const folder = house.folder('miss')
    await writeContent(seededContent('bench http', length), join(folder, 'big.bin'))
    await writeContent(seededContent('bench warm', warmUpBytes), join(folder, 'small.bin'))
    let round = 0
    const seen = new Set<string>()
    return {
      async round() {
        const data = join(folder, `round-${++round}`)
        mkdirSync(data)
        const { figures, way } = await overTheLine(folder, data, length, round % 2 === 0)
        seen.add(way)
        return figures
      },
      notes: async () => [
        `the agent's answers say ${[...seen].join(' or ')}; a line of 1 Gbit/s without delay, nginx as origin`
      ],
      close: () => house.close()
    }
  }
}

interface Through {
  readonly fetched: Fetched
  readonly cpuIdlePercent: number
  /** The agent's alone. */
  readonly cpuMs: Millis
}

/** A line, an origin and an agent that has nothing, of their own each time. */
async function overTheLine(
  folder: string,
  data: string,
  length: Bytes,
  isAgentFirst: boolean
): Promise<{ readonly figures: Figures; readonly way: string }> {
  const lab = createLab({ client: ['net'], origin: ['net'] })
  try {
    shape(lab, 'origin', 'net', lineRate)
    const origin = lab.host('origin')
    const client = lab.host('client')
    const url = `http://${origin.addresses.get('net')!}`
    const nginxArgs = nginxOriginArgs(data, `${origin.addresses.get('net')!}:80`, folder)
    beginOther(origin, find('nginx')!, nginxArgs, join(data, 'nginx.log'))
    const fetch = (proxy: string | null, path: string): Promise<Fetched> =>
      curl(proxy, url + path, (command, args) => client.spawn(command, args))
    const isUp = await poll(
      5 * secondMs,
      () =>
        fetch(null, '/small.bin').then(
          () => true,
          () => false
        ),
      Boolean
    )
    if (!isUp) throw new StarlingError('not-listening', `the origin did not come up: see ${data}/nginx.log`)

    const setup = { folder: data, logs: data, secret: null, ticket: null, isTraced: false, profile: null }
    const endpoint = await startEndpoint(client, setup)
    const cold = await fetch(proxyUrl, '/small.bin')
    const byAgent = async (): Promise<Through> => {
      const [cpuBefore, clockBefore] = [endpoint.cost()!.cpuMs, readCpuClock()]
      const fetched = await fetch(proxyUrl, '/big.bin')
      return {
        fetched,
        cpuIdlePercent: idlePercent(clockBefore, readCpuClock()),
        cpuMs: endpoint.cost()!.cpuMs - cpuBefore
      }
    }
    const early = isAgentFirst ? await byAgent() : null
    const direct = await fetch(null, '/big.bin')
    const { fetched: agent, cpuIdlePercent, cpuMs } = early ?? (await byAgent())
    if (direct.bytes !== length || agent.bytes !== length)
      throw new StarlingError('client-failed', `${direct.bytes} and ${agent.bytes} bytes came, not ${length}`)
    return {
      way: agent.way,
      figures: {
        timeRatio: agent.ms / direct.ms,
        firstByteRatio: agent.firstByteMs / direct.firstByteMs,
        agentSeconds: agent.ms / 1000,
        directSeconds: direct.ms / 1000,
        agentFirstByteMs: agent.firstByteMs,
        directFirstByteMs: direct.firstByteMs,
        agentColdFirstByteMs: cold.firstByteMs,
        agentCpuSeconds: cpuMs / 1000,
        // Of the whole machine while the agent's download ran: near 0, its time is the machine's.
        cpuIdlePercent
      }
    }
  } finally {
    await lab.close()
  }
}
