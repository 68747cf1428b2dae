/**
 * What a running fleet tells about itself: metrics that the files of docs/monitoring are about, traces that nest, and logs in which no
 * secret stands, however much is logged.
 */
import { readFile } from 'node:fs/promises'
import { request as httpsRequest } from 'node:https'
import { text } from 'node:stream/consumers'
import { series as agentSeries } from '@starling/agent/metrics.ts'
import { dialAgent } from '@starling/agent/identity/tls.ts'
import { createAdminClient } from '@starling/coordinator/cli/admin-client.ts'
import { coordinatorSeries } from '@starling/coordinator/metrics.ts'
import { createAccount, createToken, signIn } from '@starling/shared/admin-api/accounts.ts'
import { setWebhook } from '@starling/shared/admin-api/alerts.ts'
import { createTicket as newTicket } from '@starling/shared/admin-api/fleet.ts'
import type { AgentId } from '@starling/shared/ids.ts'
import { hourMs, MiB } from '@starling/shared/units.ts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse as parseYaml } from 'yaml'
import { startCollector, type Collector, type ToldSpan } from '../doubles/collector.ts'
import { seededContent } from '../doubles/content.ts'
import { startOrigin, type Origin } from '../doubles/origin.ts'
import { download } from './client.ts'
import { openHouse } from './harness.ts'
import { quickHeartbeat, startFleet, type AgentHandle, type CoordinatorHandle } from './site.ts'

const house = openHouse()
let origin: Origin
let collector: Collector
let coordinator: CoordinatorHandle
let agents: AgentHandle[]
/** Names that nothing else is called by. */
const secrets = {
  query: 'hush-query-8d1c',
  urlPassword: 'hush-urlpassword-8d1c',
  authorization: 'hush-authorization-8d1c',
  proxyAuthorization: 'hush-proxyauthorization-8d1c',
  cookie: 'hush-cookie-8d1c',
  password: 'hush-password-8d1c four words',
  webhook: 'hush-webhook-8d1c',
  wrongToken: `sct_${'hush'.repeat(10)}abc`,
  page: 'hush-page-8d1c'
}
/** Those that programs have made. */
const made: string[] = []

beforeAll(async () => {
  origin = await startOrigin()
  collector = await startCollector()
  house.keep(() => Promise.all([origin.close(), collector.close()]))
  const fleet = await startFleet(house, ['told-1', 'told-2'], {
    coordinatorArgs: [...quickHeartbeat, '--otlp-endpoint', collector.url, '--log-level', 'debug'],
    agentArgs: ['--otlp-endpoint', collector.url, '--log-level', 'trace']
  })
  coordinator = fleet.coordinator
  agents = fleet.agents
})
afterAll(() => house.close())

async function askCoordinator(
  path: string,
  headers: Readonly<Record<string, string>>,
  body: object | null = null
): Promise<{ status: number; text: string; cookie: string }> {
  const { host, port } = coordinator.ready.listening as { host: string; port: number }
  const expected = coordinator.ready.coordinator as AgentId
  const socket = await dialAgent({ host, port, expected, tls: null })
  return await new Promise((resolve, reject) => {
    const sent = body === null ? '' : JSON.stringify(body)
    httpsRequest(
      {
        path,
        method: body === null ? 'GET' : 'POST',
        createConnection: () => socket,
        headers: {
          host: `${host}:${port}`,
          connection: 'close',
          ...(body === null
            ? {}
            : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(sent) }),
          ...headers
        }
      },
      response => {
        const cookie = String(response.headers['set-cookie'] ?? '').split(';')[0]!
        text(response).then(
          whole => resolve({ status: response.statusCode ?? 0, text: whole, cookie }),
          reject
        )
      }
    )
      .on('error', reject)
      .end(sent)
  })
}

async function tokenFor(role: 'viewer' | 'admin'): Promise<string> {
  const client = await createAdminClient(coordinator.folder)
  const body = { name: `${role}-of-a-test`, role, expiresInMs: hourMs }
  const { token } = await client.ask(createToken, { body })
  made.push(token)
  return token
}

// ------------------------------------------------------------------------------------------------- traces

describe('traces', () => {
  const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
  const childOf = (parent: ToldSpan, spans: readonly ToldSpan[]): ToldSpan[] =>
    spans.filter(one => one.traceId === parent.traceId && one.parent === parent.spanId)

  it('of a download go from the request to the content to what was fetched from whom', async () => {
    origin.put('/traced.bin', seededContent('traced', 24 * MiB))
    const url = `${origin.url}/traced.bin?sig=${secrets.query}`
    const traceparent = `00-${traceId}-00f067aa0ba902b7-01`
    await download(agents[0]!.proxy, url, { headers: { traceparent } })
    await download(agents[1]!.proxy, url)

    const [first, second] = await collector.until(spans => {
      const requests = spans.filter(({ name }) => name === 'request')
      const whole = requests.filter(one =>
        childOf(one, spans).some(
          ({ name, spanId }) => name === 'content' && spans.some(s => s.parent === spanId)
        )
      )
      return whole.length >= 2 ? whole : undefined
    })
    const own = [first!, second!].find(one => one.traceId === traceId)!
    expect(own.parent).toBe('00f067aa0ba902b7')
    expect(own.facts).toMatchObject({
      'http.request.method': 'GET',
      'url.full': `${origin.url}/traced.bin`,
      'starling.way': 'swarm'
    })
    const sources = collector.spans
      .filter(({ name }) => name.startsWith('fetch from '))
      .map(({ facts }) => facts['starling.source'])
    expect(sources).toContain('upstream')
    expect(sources.some(source => source === 'peer' || source === 'gateway')).toBe(true)
    // 24 chunks in 6 extents at three agents: a span for an extent and a peer, none for a chunk.
    expect(sources.length).toBeLessThan(40)
    expect(collector.text()).not.toContain(secrets.query)
  })

  it('of a coordinator have what people ask, and of heartbeats a few', async () => {
    const headers = { authorization: `Bearer ${await tokenFor('viewer')}` }
    expect((await askCoordinator('/api/v1/fleet', headers)).status).toBe(200)
    const asked = await collector.until(spans => spans.find(({ name }) => name === 'GET /api/v1/fleet'))
    expect(asked).toMatchObject({
      service: 'starling-coordinator',
      facts: { 'starling.role': 'viewer', 'http.response.status_code': expect.anything() as unknown }
    })
    const heartbeats = collector.spans.filter(({ name }) => name === 'POST /v1/heartbeat')
    expect(heartbeats.length).toBeGreaterThan(0)
    expect(heartbeats.length).toBeLessThan(5)
  })
})

// ------------------------------------------------------------------------------------------------- metrics

/** What a program tells: each metric with the labels that its rows have. */
function metricsOf(exposition: string): Map<string, Set<string>> {
  const metrics = new Map<string, Set<string>>()
  const kinds = new Map<string, string>()
  for (const line of exposition.split('\n')) {
    const [, name, kind] = /^# TYPE (\S+) (\S+)$/.exec(line) ?? []
    if (name !== undefined && kind !== undefined) {
      kinds.set(name, kind)
      const told = kind === 'histogram' ? ['_bucket', '_sum', '_count'].map(end => name + end) : [name]
      for (const one of told) metrics.set(one, new Set())
    }
    const [, row, labels = ''] = /^([a-z_]+)(?:\{(.*)\})? \S+$/.exec(line) ?? []
    if (row === undefined) continue
    expect(metrics.has(row), `${row} has a type`).toBe(true)
    for (const [, label] of labels.matchAll(/(\w+)="/g)) metrics.get(row)!.add(label!)
  }
  return metrics
}

/** Of whoever scrapes. */
const ofTargets = ['job', 'instance', 'le']

/** What is wrong with an expression. */
function faultsOf(expression: string, metrics: ReadonlyMap<string, ReadonlySet<string>>): string[] {
  const words = expression.replaceAll(/"[^"]*"/g, '""')
  const names = new Set([...words.matchAll(/\b(?:starling_\w+|up)\b(?!\s*\()/g)].map(([name]) => name))
  if (names.size === 0) return ['it is about nothing']
  const faults = [...names].filter(name => name !== 'up' && !metrics.has(name)).map(name => `no ${name}`)
  const known = new Set([...ofTargets, ...[...names].flatMap(name => [...(metrics.get(name) ?? [])])])
  for (const [, name, selector] of words.matchAll(/\b(starling_\w+|up)\{([^}]*)\}/g))
    for (const [, label] of selector!.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g))
      if (!ofTargets.includes(label!) && !(metrics.get(name!)?.has(label!) ?? false))
        faults.push(`${name} has no label ${label}`)
  for (const [, list] of words.matchAll(/\b(?:by|on|without|ignoring)\s*\(([^)]*)\)/g))
    for (const label of list!.split(',').map(one => one.trim()))
      if (!known.has(label)) faults.push(`nothing has a label ${label}`)
  return faults
}

interface Rules {
  readonly groups: ReadonlyArray<{
    readonly rules: ReadonlyArray<{
      readonly alert: string
      readonly expr: string
      readonly annotations?: { readonly summary?: string; readonly description?: string }
    }>
  }>
}
interface Dashboard {
  readonly templating: { readonly list: ReadonlyArray<{ readonly type: string; readonly query: string }> }
  readonly panels: ReadonlyArray<{
    readonly title: string
    readonly targets?: ReadonlyArray<{ readonly expr: string; readonly legendFormat: string }>
  }>
}

const fileOf = (name: string): Promise<string> =>
  readFile(new URL(`../../docs/monitoring/${name}`, import.meta.url), 'utf8')

describe('the files of docs/monitoring', () => {
  const real = new Map<string, ReadonlySet<string>>()
  const rows: string[] = []

  beforeAll(async () => {
    const headers = { authorization: `Bearer ${await tokenFor('viewer')}` }
    const told = await askCoordinator('/metrics', headers)
    const page = await (await fetch(`${agents[0]!.page}/metrics`)).text()
    rows.push(told.text, page)
    // What has no row just now (nobody has a problem) has the labels that it is declared with.
    const declared = new Map(
      [...coordinatorSeries, ...agentSeries].map(one => [one.name as string, one.labels])
    )
    for (const [name, labels] of [...metricsOf(told.text), ...metricsOf(page)]) {
      const said = declared.get(name)
      real.set(name, new Set([...labels, ...(said ?? [])]))
    }
  })

  it('are about metrics and labels that the programs have: alerts', async () => {
    const { groups } = parseYaml(await fileOf('starling-alerts.yml')) as Rules
    const rules = groups.flatMap(group => group.rules)
    expect(rules.length).toBeGreaterThan(10)
    for (const { alert, expr, annotations } of rules) {
      expect(faultsOf(expr, real), alert).toEqual([])
      expect(annotations?.summary, `${alert} has a summary`).toMatch(/\w{3}/)
      expect(annotations?.description, `${alert} has a description`).toMatch(/\w{3}/)
      const names = new Set(
        [...expr.matchAll(/starling_\w+/g)].flatMap(([name]) => [...(real.get(name) ?? [])])
      )
      for (const [, label] of JSON.stringify(annotations).matchAll(/\$labels\.(\w+)/g))
        expect([...names, ...ofTargets], `${alert} has a label ${label}`).toContain(label)
    }
    expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length)
  })

  it.each(['starling-dashboard.json', 'starling-agent-dashboard.json'])(
    'are about metrics and labels that the programs have: %s',
    async file => {
      const { panels, templating } = JSON.parse(await fileOf(file)) as Dashboard
      expect(panels.length).toBeGreaterThan(10)
      for (const { title, targets = [] } of panels)
        for (const { expr, legendFormat } of targets) {
          expect(faultsOf(expr, real), title).toEqual([])
          const names = [...expr.matchAll(/starling_\w+/g)].flatMap(([name]) => [...(real.get(name) ?? [])])
          for (const [, label] of legendFormat.matchAll(/\{\{(\w+)\}\}/g))
            expect([...names, ...ofTargets], `${title}: ${label}`).toContain(label)
        }
      for (const { type, query } of templating.list) {
        if (type !== 'query') continue
        const [, name, label] = /^label_values\((\w+), (\w+)\)$/.exec(query) ?? []
        expect(real.has(name!), query).toBe(true)
        expect([...real.get(name!)!, ...ofTargets], query).toContain(label)
      }
    }
  )

  it('name what to scrape, and the rules beside it', async () => {
    const config = parseYaml(await fileOf('prometheus.yml')) as {
      rule_files: string[]
      scrape_configs: ReadonlyArray<{ job_name: string; metrics_path: string; scheme?: string }>
    }
    expect(config.rule_files).toEqual(['starling-alerts.yml'])
    expect(config.scrape_configs).toMatchObject([
      { job_name: 'starling-coordinator', scheme: 'https', metrics_path: '/metrics' },
      { job_name: 'starling-agent', metrics_path: '/metrics' }
    ])
  })

  it('a coordinator tells its fleet, and nobody in it', () => {
    const [told = ''] = rows
    expect(told).toMatch(/^starling_fleet_agents_count\{state="online"\} 3$/m)
    expect(told).toMatch(/^starling_coordinator_heartbeats_total\{outcome="done"\} [1-9]/m)
    expect(told).toMatch(/^starling_coordinator_enrolments_total\{outcome="done"\} 3$/m)
    expect(told).toMatch(/^starling_coordinator_leader_state\{work="figures"\} 1$/m)
    expect(told).toMatch(/^starling_coordinator_database_seconds_count\{kind="transaction"\} [1-9]/m)
    expect(told).toMatch(/^starling_fleet_database_bytes [1-9]/m)
    for (const { id } of agents) expect(told).not.toContain(id)
  })

  it('a name that is not there is found', () => {
    expect(faultsOf('rate(starling_nothing_total[5m])', real)).toEqual(['no starling_nothing_total'])
    expect(faultsOf('starling_fleet_agents_count{colour="red"}', real)).toHaveLength(1)
    expect(faultsOf('sum by (colour) (starling_fleet_agents_count)', real)).toHaveLength(1)
  })
})

// ------------------------------------------------------------------------------------------------- logs

it('no secret gets into a log, however much is logged', async () => {
  const { proxy, page } = agents[0]!
  const signed = `?sig=${secrets.query}`
  const headers = {
    authorization: `Bearer ${secrets.authorization}`,
    'proxy-authorization': `Basic ${secrets.proxyAuthorization}`,
    cookie: `id=${secrets.cookie}`
  }
  const dead = 'http://127.0.0.1:9'
  const withPassword = (url: string): string => url.replace('//', `//me:${secrets.urlPassword}@`)
  for (const url of [
    `${origin.url}/traced.bin${signed}`,
    `${origin.url}/not-there${signed}`,
    `${dead}/down.cab${signed}`,
    `${dead}/down.html${signed}`,
    withPassword(`${dead}/down.cab${signed}`),
    `http://10.255.255.1/private.cab${signed}`
  ])
    await download(proxy, url, { headers }).catch(() => {})
  await download(proxy, `${dead}/post${signed}`, { method: 'POST', body: secrets.password, headers }).catch(
    () => {}
  )
  for (const init of [{ headers: { 'x-starling-token': secrets.page } }, { headers }])
    await fetch(`${page}/api/v1/cache/purge${signed}`, { method: 'POST', body: '{}', ...init })

  const client = await createAdminClient(coordinator.folder)
  const admin = { authorization: `Bearer ${await tokenFor('admin')}` }
  made.push((await client.ask(newTicket, { body: { expiresInMs: hourMs } })).ticket)
  made.push(await readFile(`${coordinator.folder}/admin.token`, 'utf8'))
  await client.ask(createAccount, { body: { name: 'hushed', role: 'viewer', password: secrets.password } })
  const good = await askCoordinator(signIn.path, {}, { name: 'hushed', password: secrets.password })
  expect(good.status).toBe(200)
  made.push(good.cookie.split('=')[1]!)
  await askCoordinator(signIn.path, {}, { name: secrets.password, password: secrets.authorization })
  await askCoordinator(`/api/v1/fleet${signed}`, { cookie: good.cookie })
  await askCoordinator(`/api/v1/fleet${signed}`, { authorization: `Bearer ${secrets.wrongToken}` })
  await askCoordinator(`/nothing${signed}`, { ...headers })
  const webhook = { url: `${dead}/${secrets.webhook}`, shape: 'json' }
  const set = await askCoordinator(setWebhook.path, admin, { webhook })
  expect([200, 400]).toContain(set.status)
  await askCoordinator(`${setWebhook.path}/test`, admin, {})

  const running = [coordinator, ...agents]
  for (const one of running) await one.stop()
  // That much was logged, and that the reading finds what is there.
  await agents[0]!.said(/"level":(?:10|20)/)
  await agents[0]!.said(/down\.cab|not-there/)
  await coordinator.said(/refused/)
  expect(made.length).toBeGreaterThanOrEqual(5)
  for (const secret of [...Object.values(secrets), ...made])
    for (const one of running)
      await expect(one.said(new RegExp(RegExp.escape(secret.trim()))), one.name).rejects.toMatchObject({
        code: 'not-said'
      })
})
