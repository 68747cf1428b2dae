/**
 * What is cached already, as fast as it goes: the agent beside nginx, squid and varnish, one right after the other in each
 * round, so that what the machine does besides is the same for all. A ratio is one of a round, and its median that of rounds.
 */
import { GiB, KiB, type Bytes } from '@starling/shared/units.ts'
import { startOriginLine, type OriginPath } from '../../demo/origin-line.ts'
import { bytesText } from '../../demo/words.ts'
import { openHouse, type House } from '../../e2e/harness.ts'
import type { Bench, BenchRun, BenchSetup, Figures } from '../bench.ts'
import { crowd, fetchBy, wrk } from './clients.ts'
import { startServers, type ServerUnderTest } from './servers.ts'
import { whyNoTools } from './tools.ts'

const manyClients = 16

export const hitByOne: Bench = {
  name: 'http/hit-1',
  says: '1 GiB that is cached, one curl: agent, nginx, squid, varnish',
  rounds: 5,
  bars: {
    agentToNginx: { atLeast: 0.45 },
    agentToSquid: { atLeast: 1 },
    agentToVarnish: { atLeast: 0.3 }
  },
  whyNot: () => whyNoTools('curl'),
  open: setup => sideBySide(setup, setup.sizeBytes ?? GiB, throughputOf(1))
}

export const hitByMany: Bench = {
  name: `http/hit-${manyClients}`,
  says: `the same, ${manyClients} curls at once`,
  rounds: 3,
  whyNot: () => whyNoTools('curl'),
  open: setup => sideBySide(setup, setup.sizeBytes ?? GiB, throughputOf(manyClients))
}

export const hitSmall: Bench = {
  name: 'http/hit-64kib',
  says: '64 KiB that are cached, wrk with 16 kept connections: agent, nginx, squid, varnish',
  rounds: 3,
  bars: { agentToNginx: { atLeast: 0.4 }, agentToSquid: { atLeast: 1 } },
  whyNot: () => whyNoTools('curl', 'wrk'),
  open: setup => sideBySide(setup, 64 * KiB, { unit: 'RequestsPerSecond', measure: wrk })
}

interface Load {
  readonly unit: string
  measure(house: House, server: ServerUnderTest, url: string, length: Bytes): Promise<number>
}

interface Cached {
  readonly server: ServerUnderTest
  readonly path: OriginPath
  /** What the origin sent so that it is cached: whatever comes on top was no hit. */
  readonly filledBytes: Bytes
}

function throughputOf(clients: number): Load {
  return {
    unit: 'MBPerSecond',
    async measure(_house, server, url, length) {
      const ms = await crowd(clients, () => fetchBy(server, url), length)
      return (clients * length) / 1e6 / (ms / 1000)
    }
  }
}

async function sideBySide({ say }: BenchSetup, length: Bytes, load: Load): Promise<BenchRun> {
  const house = openHouse()
  try {
    const origin = await startOriginLine(house, 'hit.bin', { seed: 'bench http', length }, null)
    const servers = await startServers(house, origin.url, say)
    say(`each caches ${bytesText(length)} …`)
    const cached: Cached[] = []
    for (const server of servers) {
      // A path for each: what one still fetches when it has been measured is not another's.
      const path = await origin.path(`hit-${server.name}.bin`)
      await fetchBy(server, path.url)
      cached.push({ server, path, filledBytes: await path.wanBytes() })
    }

    return {
      async round() {
        const seen: Record<string, number> = {}
        for (const { server, path } of cached)
          seen[server.name] = await load.measure(house, server, path.url, length)
        return figuresOf(seen, load.unit)
      },
      notes: () =>
        Promise.all(
          cached.map(async ({ server, path, filledBytes }) => {
            const { way } = await fetchBy(server, path.url)
            const bytes = (await path.wanBytes()) - filledBytes
            const asHit = bytes === 0 ? 'all hits' : `NOT HITS: the origin sent ${bytesText(bytes)} for it`
            return `${server.name}: ${server.setUp}; ${asHit}; it says ${way || 'nothing of it'}`
          })
        ),
      close: () => house.close()
    }
  } catch (error) {
    await house.close()
    throw error
  }
}

function figuresOf(seen: Readonly<Record<string, number>>, unit: string): Figures {
  const { agent, ...others } = seen
  return {
    ...Object.fromEntries(Object.entries(seen).map(([name, value]) => [name + unit, value])),
    ...Object.fromEntries(
      Object.entries(others).map(([name, value]) => [
        `agentTo${name[0]!.toUpperCase()}${name.slice(1)}`,
        agent! / value
      ])
    )
  }
}
