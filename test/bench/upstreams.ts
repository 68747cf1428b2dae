/**
 * What clients notice of bad upstreams: three proxies between a real agent and an origin, of which one fails 30 % of its
 * requests; then one that is dead at once, and one that takes requests and never answers. All but the agent is in this
 * process, so that the differences count and not the times themselves.
 */
import type { UpstreamView } from '@starling/agent/ports.ts'
import type { Millis } from '@starling/shared/units.ts'
import { startFaultyProxy, type FaultyProxy } from '../doubles/faulty-proxy.ts'
import { startOrigin } from '../doubles/origin.ts'
import { download, json } from '../e2e/client.ts'
import { openHouse, type House } from '../e2e/harness.ts'
import { startAgent, type AgentHandle } from '../e2e/site.ts'
import { eachAfresh, type Bench, type Figures } from './bench.ts'

const clients = 8
const requests = 1500
/** As long as a death may be noticed late, and again as long. */
const watchMs: Millis = 4000

export const upstreams: Bench = {
  name: 'upstreams',
  says: 'three upstream proxies, of which one fails 30 %, dies, hangs: errors, latency, how soon it is left alone',
  rounds: 3,
  bars: {
    errors: { atMost: 0 },
    'last-request-after-death-ms': { atMost: 2000 },
    'last-request-after-hang-ms': { atMost: 2000 }
  },
  open: eachAfresh(async () => {
    const house = openHouse()
    try {
      return await round(house)
    } finally {
      await house.close()
    }
  })
}

interface Site {
  readonly agent: AgentHandle
  readonly proxies: readonly FaultyProxy[]
  readonly origin: string
}

async function round(house: House): Promise<Figures> {
  const origin = await startOrigin()
  house.keep(() => origin.close())
  const site = async (name: string, maxFails: number): Promise<Site> => {
    const proxies = await Promise.all([1, 2, 3].map(async seed => startFaultyProxy(seed)))
    for (const proxy of proxies) house.keep(() => proxy.die())
    const servers = proxies.map(({ url }, index) => ({
      name: `up-${index + 1}`,
      kind: 'proxy',
      url,
      maxFails,
      failTimeoutMs: 60_000
    }))
    const agent = await startAgent(house, name, { args: ['--upstream-servers', JSON.stringify(servers)] })
    return { agent, proxies, origin: origin.url }
  }

  // So many that it is never taken out, and goes on being asked: the worst that it can do.
  const failing = await site('failing', 1000)
  await load(failing, count => count < requests / 10)
  const well = await load(failing, count => count < requests)
  Object.assign(failing.proxies[0]!, { fault: { kind: 'status', status: 502 }, faultShare: 0.3 })
  const ill = await load(failing, count => count < requests)

  const views = await viewsOf(failing)

  const dying = await site('dying', 3)
  const dead = load(dying, (_, ms) => ms < watchMs)
  await untilAsked(dying.proxies[0]!)
  const diedAt = Date.now()
  await dying.proxies[0]!.die()
  const afterDeath = await dead
  const [view] = await viewsOf(dying)

  const hanging = await site('hanging', 3)
  const silent = load(hanging, (_, ms) => ms < watchMs)
  await untilAsked(hanging.proxies[0]!)
  const hungAt = performance.now()
  hanging.proxies[0]!.fault = { kind: 'hang' }
  const afterHang = await silent

  return {
    errors: well.errors + ill.errors + afterDeath.errors + afterHang.errors,
    'p99-well-ms': well.p99Ms,
    'p99-failing-ms': ill.p99Ms,
    'added-p99-ms': ill.p99Ms - well.p99Ms,
    retries: views.reduce((sum, one) => sum + one.retries, 0),
    hedges: views.reduce((sum, one) => sum + one.hedges, 0),
    'last-request-after-death-ms': Math.max(0, (view!.lastProblem?.at ?? diedAt) - diedAt),
    'last-request-after-hang-ms': Math.max(0, hanging.proxies[0]!.lastRequestAt - hungAt)
  }
}

/** Requests of several clients, one after the other each, all of them passed through. */
async function load(
  { agent, origin }: Site,
  goesOn: (count: number, ms: Millis) => boolean
): Promise<{ errors: number; p99Ms: Millis }> {
  const startedAt = performance.now()
  const took: Millis[] = []
  let [count, errors] = [0, 0]
  const client = async (): Promise<void> => {
    while (goesOn(count, performance.now() - startedAt)) {
      const at = performance.now()
      const headers = { authorization: 'Basic eDp5' }
      const answer = await download(agent.proxy, `${origin}/none/${count++}`, { headers }).catch(() => null)
      // The origin has none of these, and says so.
      if (answer?.status !== 404) errors++
      took.push(performance.now() - at)
    }
  }
  await Promise.all(Array.from({ length: clients }, client))
  took.sort((a, b) => a - b)
  return { errors, p99Ms: took[Math.floor(took.length * 0.99)] ?? 0 }
}

async function viewsOf({ agent }: Site): Promise<readonly UpstreamView[]> {
  return await json<readonly UpstreamView[]>(`${agent.page}/api/v1/upstreams`)
}

async function untilAsked({ targets }: FaultyProxy): Promise<void> {
  while (targets.length < 20) await new Promise(resolve => setTimeout(resolve, 5))
}
