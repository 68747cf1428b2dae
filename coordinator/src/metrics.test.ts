import { noFigures } from '@starling/shared/fleet-series.ts'
import { minuteMs } from '@starling/shared/units.ts'
import { expect, it, vi } from 'vitest'
import type { FleetQueries } from './fleet-ports.ts'
import { createFleetFigures } from './fleet/fleet-figures.ts'
import { createLog } from './log.ts'
import { createCoordinatorMetrics, type CoordinatorFigures } from './metrics.ts'
import { RequestTally } from './request-tally.ts'
import { Timings } from './store/timings.ts'

const start = Date.UTC(2026, 0, 1)

function fleetOf(count: number) {
  const world = { now: start, isAway: false }
  const counts = vi.fn<FleetQueries['counts']>(async () => {
    if (world.isAway) throw new Error('away')
    return Array.from({ length: count }, (_, index) => ({
      site: `site-${index}`,
      role: 'agent',
      version: `1.${index}"\n`,
      problems: `low-disk odd-${index}`,
      online: 1,
      count: 2
    }))
  })
  const figures = createFleetFigures({
    queries: { counts },
    series: { totals: async () => new Map([['*', { ...noFigures(), clients: 100, wan: 30, fresh: 20 }]]) },
    alerts: { alerts: async () => [] },
    policies: { policies: async () => ({ number: 0, scopes: [] }) },
    revocations: async () => ({ version: 0, agents: [] }),
    auditEntries: async () => 7,
    databaseBytes: async () => 4096,
    onlineSince: () => start,
    clock: () => world.now,
    log: createLog('silent')
  })
  return { world, counts, figures }
}

const timings = new Timings()
async function scrape(
  figures: () => Promise<CoordinatorFigures['fleet']>,
  requests = new RequestTally(),
  now = start
): Promise<string> {
  return await createCoordinatorMetrics(
    async () => ({
      fleet: await figures(),
      now,
      startedAt: start,
      version: '1',
      online: 3,
      gatewaysOnline: 1,
      newsWaiting: 0,
      leads: { figures: true },
      acknowledged: { applied: 0, refused: 0 },
      taken: noFigures(),
      rules: [{ id: 'low-disk', summary: '', threshold: 1, clearsBelow: 1, forMs: 0 }],
      database: { kind: 'sqlite', queries: timings.queries, transactions: timings.transactions, failed: 0 }
    }),
    requests
  ).text()
}
const rows = (text: string, name: string): string[] =>
  text.split('\n').filter(line => line.startsWith(`${name}{`) || line.startsWith(`${name} `))

it('a fleet of any size is a page of a fixed size, with nothing lost in it', async () => {
  const text = await scrape(fleetOf(3000).figures)
  expect(rows(text, 'starling_site_agents_count')).toHaveLength(2 * 101)
  expect(text).toContain('starling_site_agents_count{site="(other)",state="online"} 2900')
  expect(rows(text, 'starling_fleet_versions_count')).toHaveLength(21)
  expect(rows(text, 'starling_fleet_problems_count')).toHaveLength(41)
  expect(text).toContain('starling_fleet_problems_count{problem="low-disk"} 6000')
  expect(text).toContain('starling_fleet_agents_count{state="online"} 3000')
  expect(text).toContain('starling_fleet_wan_copies_ratio 1.5')
  expect(text).toContain('starling_fleet_saved_bytes{span="day"} 70')
  // What an agent calls itself stays within its quotes.
  for (const line of text.split('\n').filter(Boolean)) expect(line).toMatch(/^(?:#|starling_)/)
})

it('the database is asked at most twice a minute, however many scrape', async () => {
  const { world, counts, figures } = fleetOf(3)
  await Promise.all([scrape(figures), scrape(figures), scrape(figures)])
  world.now += 29_000
  await scrape(figures)
  expect(counts).toHaveBeenCalledTimes(1)
  world.now += 1000
  await scrape(figures)
  expect(counts).toHaveBeenCalledTimes(2)
})

it('while the database is away the last figures are told, with their age', async () => {
  const { world, figures } = fleetOf(3)
  await scrape(figures)
  world.isAway = true
  world.now += 5 * minuteMs
  const text = await scrape(figures, new RequestTally(), world.now)
  expect(text).toContain('starling_fleet_figures_age_seconds 300')
  expect(text).toContain('starling_fleet_agents_count{state="online"} 3')
  const never = fleetOf(3)
  never.world.isAway = true
  expect(rows(await scrape(never.figures), 'starling_fleet_agents_count')).toEqual([])
})

it('requests are counted by route, status and outcome, and what nobody has declared is one row', async () => {
  const requests = new RequestTally()
  const heartbeat = { method: 'POST', route: '/v1/heartbeat', status: 200, failure: null, tookMs: 3 }
  requests.note(heartbeat)
  requests.note({ ...heartbeat, status: 403, failure: 'revoked' })
  for (let path = 0; path < 100; path++)
    requests.note({ method: `M${path}`, route: undefined, status: 403, failure: 'closed', tookMs: 1 })
  for (let code = 0; code < 100; code++) requests.note({ ...heartbeat, status: 500, failure: `E${code}` })
  const text = await scrape(fleetOf(1).figures, requests)
  expect(rows(text, 'starling_coordinator_requests_total')).toEqual([
    'starling_coordinator_requests_total{operation="POST /v1/heartbeat",status="200"} 1',
    'starling_coordinator_requests_total{operation="POST /v1/heartbeat",status="403"} 1',
    'starling_coordinator_requests_total{operation="none",status="403"} 100',
    'starling_coordinator_requests_total{operation="POST /v1/heartbeat",status="500"} 100'
  ])
  expect(rows(text, 'starling_coordinator_heartbeats_total').length).toBeLessThanOrEqual(31)
  expect(text).toContain('starling_coordinator_heartbeats_total{outcome="revoked"} 1')
  expect(text).toContain('starling_coordinator_request_seconds_bucket{le="0.005",operation="heartbeat"} 102')
})

it('a stream that is held open is counted, and tells nothing of how long people wait', async () => {
  const requests = new RequestTally()
  requests.note({ method: 'GET', route: '/api/v1/events', status: 200, failure: null, tookMs: null })
  const text = await scrape(fleetOf(1).figures, requests)
  expect(text).toContain('starling_coordinator_requests_total{operation="GET /api/v1/events",status="200"} 1')
  expect(text).not.toMatch(/request_seconds_count\{operation="people"\} [1-9]/)
})
