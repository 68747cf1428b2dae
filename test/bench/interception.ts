/**
 * What TLS interception adds to a request on a warm connection: one client, one origin, one agent, and between them a tunnel
 * or an opened connection, over HTTP/1.1 and HTTP/2. The origin is listed by its name and tunnelled by its address, so
 * that everything else is the same. Ways take turns every few requests, so that what the machine does besides falls on all.
 *
 * Client and origin are in this process: the differences count, not the times themselves. One request at a time, because
 * what waits for others would be measured as if it were added.
 */
import { writeFileSync } from 'node:fs'
import { createSecureServer } from 'node:http2'
import { join } from 'node:path'
import { createLeafMaker } from '@starling/agent/intercept/certificates.ts'
import { StarlingError } from '@starling/shared/errors.ts'
import { KiB, type Millis } from '@starling/shared/units.ts'
import { http1, http2, originCa, tlsThrough, type Ask } from '../doubles/intercept-harness.ts'
import { cleanUp, listen } from '../doubles/proxy-harness.ts'
import { openHouse, type House } from '../e2e/harness.ts'
import { agentProgram, startAgent, type AgentHandle } from '../e2e/site.ts'
import type { Bench, BenchRun, Figures } from './bench.ts'

const body = Buffer.alloc(KiB, 'x')
/** Few enough that a pause of the machine meets all ways. */
const turn = 25

/** @param requests of each way in a round */
export function interceptionBench(requests: number): Bench {
  return {
    name: 'interception',
    says: 'what TLS interception adds to a request of 1 KiB on a warm connection, over HTTP/1.1 and HTTP/2',
    rounds: 5,
    bars: { 'h1-added-ms': { atMost: 1 }, 'h2-added-ms': { atMost: 1 } },
    open: () => open(requests)
  }
}

export const interception = interceptionBench(2000)

const protocols = ['h1', 'h2'] as const
type Protocol = (typeof protocols)[number]

interface Way {
  readonly name: string
  readonly isOpened: boolean
  readonly ask: Ask
}

async function open(requests: number): Promise<BenchRun> {
  const house = openHouse()
  house.keep(cleanUp)
  try {
    const port = await startTlsOrigin()
    const { agent, ca } = await startOpening(house, port)
    const ways: Way[] = []
    const origins = (await originCa()).certificatePem
    for (const protocol of protocols) {
      for (const isOpened of [false, true]) {
        const name = nameOf(protocol, isOpened)
        const ask = await warm(agent, port, protocol, isOpened ? ['localhost', ca] : ['127.0.0.1', origins])
        ways.push({ name, isOpened, ask })
      }
    }
    // What runs for the first time is compiled, on both sides.
    await round(ways, requests)
    return {
      round: () => round(ways, requests),
      notes: async () => [
        `${requests} requests a way and round, of ${body.length} B that may not be kept; added: the median with interception less the one in a tunnel, in the same protocol`
      ],
      close: () => house.close()
    }
  } catch (error) {
    await house.close()
    throw error
  }
}

async function round(ways: readonly Way[], requests: number): Promise<Figures> {
  const took = new Map<string, Millis[]>(ways.map(({ name }) => [name, []]))
  for (let done = 0; done < requests; done += turn) {
    for (const { name, isOpened, ask } of ways) {
      for (let count = 0; count < Math.min(turn, requests - done); count++) {
        const at = performance.now()
        const answer = await ask('/small')
        took.get(name)!.push(performance.now() - at)
        const isRight = answer.status === 200 && answer.body.length === body.length && answer.broken === null
        if (!isRight || (answer.headers['x-starling'] !== undefined) !== isOpened)
          throw new StarlingError('client-failed', `${name}: answered ${answer.status}, not by the way meant`)
      }
    }
  }
  const at = (name: string, share: number): Millis => {
    const sorted = took.get(name)!.toSorted((a, b) => a - b)
    return sorted[Math.floor(sorted.length * share)]!
  }
  const [p50, p99] = [0.5, 0.99]
  return Object.fromEntries([
    ...protocols.flatMap(protocol => [
      [`${protocol}-added-ms`, at(nameOf(protocol, true), p50) - at(nameOf(protocol, false), p50)],
      [`${protocol}-added-p99-ms`, at(nameOf(protocol, true), p99) - at(nameOf(protocol, false), p99)]
    ]),
    ...ways.flatMap(({ name }) => [
      [`${name}-p50-ms`, at(name, p50)],
      [`${name}-p99-ms`, at(name, p99)]
    ])
  ]) as Figures
}

const nameOf = (protocol: Protocol, isOpened: boolean): string =>
  `${protocol}-${isOpened ? 'intercepted' : 'tunnelled'}`

/** Known as localhost and 127.0.0.1; speaks both protocols, as most of the web does. */
async function startTlsOrigin(): Promise<number> {
  const { key, cert } = await (await createLeafMaker(await originCa()))('localhost', Date.now())
  const server = createSecureServer({ key, cert, allowHTTP1: true }, (_req, res) => {
    res.writeHead(200, { 'cache-control': 'no-store', 'content-length': body.length })
    res.end(body)
  })
  return await listen(server)
}

/** An agent that opens the TLS of `localhost`, and its CA. */
async function startOpening(house: House, port: number): Promise<{ agent: AgentHandle; ca: string }> {
  const folder = house.folder('opening')
  const trusted = join(folder, 'origins.pem')
  writeFileSync(trusted, (await originCa()).certificatePem)
  const env = {
    STARLING_INTERCEPT_ENABLED: 'on',
    STARLING_INTERCEPT_HOSTS: `localhost:${port}`,
    STARLING_PROXY_CONNECT_PORTS: String(port),
    STARLING_UPSTREAM_ALLOW_PRIVATE: 'localhost,127.0.0.0/8,::1',
    NODE_EXTRA_CA_CERTS: trusted
  }
  const command = async (...words: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await house.run(agentProgram, ['ca', ...words, '--data', folder], env)
    if (code === 0) return stdout
    throw new StarlingError('client-failed', `ca ${words.join(' ')} ended with ${code}: ${stderr}`)
  }
  await command('init')
  const agent = await startAgent(house, 'opening', { folder, env })
  return { agent, ca: await command('export') }
}

/** A connection to the origin by one of its names, under a certificate of this CA. */
async function warm(
  agent: AgentHandle,
  port: number,
  protocol: Protocol,
  [host, ca]: readonly [host: string, ca: string]
): Promise<Ask> {
  const { hostname, port: at } = new URL(agent.proxy)
  const socket = await tlsThrough({ address: hostname, port: Number(at) }, `${host}:${port}`, {
    // By its address it could not be asked for; its certificate says this name.
    servername: 'localhost',
    ca,
    ALPNProtocols: [protocol === 'h2' ? 'h2' : 'http/1.1']
  })
  return await (protocol === 'h2' ? http2 : http1)(socket, `${host}:${port}`)
}
