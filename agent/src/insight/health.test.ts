import { createServer } from 'node:http'
import { GiB, hourMs, minuteMs, secondMs } from '@starling/shared/units.ts'
import { describe, expect, it } from 'vitest'
import { healthOf, type HealthFacts } from './health.ts'
import { testProxy } from './self-test.ts'

const now = 10 * hourMs
const well: HealthFacts = {
  now,
  startedAt: 0,
  coordinator: { kind: 'connected', since: now - 5 * minuteMs, problem: null },
  gatewaysLinked: 1,
  peersLinked: 3,
  upstreams: [],
  mdns: true,
  multicastHeard: true,
  dialled: true,
  addresses: ['/ip4/192.0.2.4/tcp/17830/p2p/me'],
  bulkPort: 17833,
  platform: 'win32',
  disk: { usedBytes: 0, quotaBytes: 20 * GiB, freeBytes: 100 * GiB, floorBytes: 2 * GiB },
  pinnedBytes: 0,
  mode: 1,
  clockOffsetMs: 0,
  policyProblems: [],
  policyWaiting: [],
  peering: { allowed: true, why: '', reason: null },
  proxy: { kind: 'answered', ms: 2 },
  proxyAddress: 'http://127.0.0.1:17831',
  strayClients: []
}
const codeOf = (name: string, given: Partial<HealthFacts>) => {
  const { state, code } = healthOf({ ...well, ...given }).checks.find(one => one.name === name)!
  return `${state} ${code}`
}
const upstream = {
  name: 'gate',
  kind: 'gateway',
  address: null,
  state: 'down',
  inFlight: 0,
  requests: 1,
  failures: 1,
  retries: 0,
  hedges: 0,
  resumes: 0,
  lastProblem: null,
  firstByteMs: null
} as const

describe('health', () => {
  it('is well where nothing is wrong, and every check is made', () => {
    const { state, checks } = healthOf(well)
    expect(state).toBe('ok')
    expect(checks.map(({ name }) => name)).toEqual([
      'coordinator',
      'gateway',
      'mdns',
      'dialable',
      'firewall',
      'disk',
      'clock',
      'policy',
      'proxy',
      'clients'
    ])
    expect(checks.every(one => one.state === 'ok')).toBe(true)
  })

  it.each<[string, Partial<HealthFacts>, string]>([
    ['coordinator', { coordinator: { kind: 'none', since: 0, problem: null } }, 'ok coordinator-none'],
    ['coordinator', { coordinator: { kind: 'never', since: 0, problem: 'x' } }, 'bad coordinator-never'],
    [
      'coordinator',
      { coordinator: { kind: 'never', since: now, problem: 'x' }, startedAt: now - 5 * secondMs },
      'unknown coordinator-early'
    ],
    ['coordinator', { coordinator: { kind: 'lost', since: 0, problem: null } }, 'warn coordinator-lost'],
    ['gateway', { gatewaysLinked: 0 }, 'ok gateway-none'],
    [
      'gateway',
      { upstreams: [{ ...upstream, phases: {} as HealthFacts['upstreams'][number]['phases'] }] },
      'warn gateway-down'
    ],
    ['gateway', { gatewaysLinked: 0, upstreams: [{ ...upstream, phases: {} as never }] }, 'bad gateway-down'],
    [
      'gateway',
      { gatewaysLinked: 0, upstreams: [{ ...upstream, state: 'up', phases: {} as never }] },
      'ok gateway-asked'
    ],
    ['mdns', { mdns: false, multicastHeard: false }, 'ok mdns-off'],
    ['mdns', { multicastHeard: false }, 'warn mdns-silent'],
    ['mdns', { multicastHeard: false, startedAt: now - secondMs }, 'unknown mdns-early'],
    ['dialable', { dialled: false }, 'warn dialable-unseen'],
    ['dialable', { dialled: false, peersLinked: 0 }, 'unknown dialable-untried'],
    ['dialable', { dialled: false, addresses: [] }, 'bad dialable-nowhere'],
    ['firewall', { dialled: false }, 'unknown firewall-unknown'],
    ['disk', { disk: { ...well.disk, freeBytes: 2 * GiB } }, 'bad disk-full'],
    ['disk', { disk: { ...well.disk, freeBytes: 2.5 * GiB } }, 'warn disk-low'],
    ['disk', { pinnedBytes: 20 * GiB }, 'warn disk-pins'],
    ['disk', { pinnedBytes: 15 * GiB }, 'ok disk-free'],
    ['disk', { pinnedBytes: 3, disk: { ...well.disk, quotaBytes: 4 } }, 'ok disk-free'],
    ['clock', { clockOffsetMs: -45 * secondMs }, 'warn clock-off'],
    ['clock', { clockOffsetMs: 2 * hourMs }, 'bad clock-wrong'],
    ['clock', { coordinator: { kind: 'none', since: 0, problem: null } }, 'unknown clock-unknown'],
    ['policy', { policyProblems: ['x is wrong'] }, 'warn policy-problem'],
    ['policy', { peering: { allowed: false, why: 'battery', reason: null } }, 'warn policy-no-peering'],
    [
      'policy',
      { mode: 0, peering: { allowed: false, why: 'DODownloadMode is 0', reason: null } },
      'ok policy-alone'
    ],
    ['policy', { mode: 0, policyWaiting: ['cache.quotaBytes'] }, 'warn policy-waits'],
    ['policy', { policyWaiting: ['cache.quotaBytes'] }, 'warn policy-waits'],
    ['proxy', { proxy: { kind: 'failed', problem: 'refused' } }, 'bad proxy-fails'],
    ['clients', { strayClients: [{ item: 'wsus', port: 1 }] }, 'warn clients-astray'],
    ['clients', { strayClients: 'notes cannot be read' }, 'unknown clients-unknown']
  ])('of %s with %j is %s', (name, given, expected) => {
    expect(codeOf(name, given)).toBe(expected)
  })

  it('whatever is wrong comes with what to do, and the worst counts', () => {
    const view = healthOf({
      ...well,
      coordinator: { kind: 'lost', since: 0, problem: null },
      proxy: { kind: 'failed', problem: 'refused' }
    })
    expect(view.state).toBe('bad')
    const wrong = view.checks.filter(({ state }) => state === 'warn' || state === 'bad')
    expect(wrong.map(({ name, advice }) => [name, advice === null])).toEqual([
      ['coordinator', false],
      ['proxy', false]
    ])
  })

  it('the firewall advice names the ports that are listened on', () => {
    const { checks } = healthOf({ ...well, dialled: false })
    expect(checks.find(({ name }) => name === 'firewall')?.advice).toMatch(/17830 and 17833 and UDP 5353/)
  })

  it('clients that were pointed elsewhere are named, with the command that mends it', () => {
    const strayClients = [
      { item: 'wsus', port: 17_831 },
      { item: 'delivery-optimization', port: 80 }
    ]
    const { checks } = healthOf({ ...well, strayClients, proxyAddress: 'http://127.0.0.1:8080' })
    expect(checks.find(({ name }) => name === 'clients')).toMatchObject({
      text: 'set for the machine at ports where this agent does not listen: wsus at 17831, delivery-optimization at 80; the proxy listens on 8080',
      advice: expect.stringContaining('`starling configure --apply wsus delivery-optimization`')
    })
  })

  it('what cannot be checked is no trouble', () => {
    expect(healthOf({ ...well, coordinator: { kind: 'none', since: 0, problem: null } }).state).toBe('ok')
  })
})

describe('the proxy’s self-test', () => {
  it('asks a real socket: answered, refused, answered wrongly', async () => {
    let status = 200
    const server = createServer((request, response) => {
      response.writeHead(request.url === '/proxy.pac' ? status : 404).end('x')
    })
    await new Promise<void>(resolve => {
      server.listen(0, '127.0.0.1', resolve)
    })
    const { port } = server.address() as { port: number }
    expect(await testProxy(`http://0.0.0.0:${port}`)).toMatchObject({ kind: 'answered' })
    status = 502
    expect(await testProxy(`http://127.0.0.1:${port}`)).toEqual({
      kind: 'failed',
      problem: 'it answered 502'
    })
    await new Promise(resolve => {
      server.close(resolve)
    })
    expect(await testProxy(`http://127.0.0.1:${port}`)).toMatchObject({ kind: 'failed' })
  })
})
