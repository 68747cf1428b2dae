import { createServer } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { createServer as createTcpServer } from 'node:net'
import { messageOf } from '@starling/shared/errors.ts'
import type { TLSSocket } from 'node:tls'
import { afterEach, describe, expect, test } from 'vitest'
import { ask } from '../../../test/doubles/asking.ts'
import { cleanUp, faultyProxy, listen, serve, upstreamOf } from '../../../test/doubles/proxy-harness.ts'
import type { UpstreamServer } from '@starling/shared/policy/upstreams.ts'
import { certificateFor } from './certificate.fixture.ts'
import type { UpstreamOptions } from './upstream.ts'

afterEach(cleanUp)

const upstream = (options: UpstreamOptions) => upstreamOf({ allowPrivate: ['127.0.0.0/8'], ...options })
const server = (name: string, url: string | null, more: Partial<UpstreamServer> = {}): UpstreamServer => ({
  name,
  kind: url === null ? 'direct' : 'proxy',
  ...(url === null ? {} : { url }),
  weight: 1,
  maxFails: 3,
  failTimeoutMs: 10_000,
  probe: null,
  ...more
})
const origin = () => serve((_req, res) => res.end('content'))
const viewOf = (port: ReturnType<typeof upstream>, name: string) =>
  port.upstreams().find(one => one.name === name)!

async function viewed(isSo: () => boolean): Promise<void> {
  await expect.poll(isSo, { interval: 5 }).toBe(true)
}

describe('a server that fails', () => {
  test('is not asked any more as soon as it cannot be connected to, and by one request when its rest is over', async () => {
    const [url, a, b] = [await origin(), await faultyProxy(), await faultyProxy()]
    let now = 0
    const rules = [{ use: ['a', 'b'] }]
    const port = upstream({ servers: [server('a', a.url), server('b', b.url)], rules, now: () => now })
    expect((await ask(port, url))[0].via).toBe('proxy a')
    await a.die()
    for (let round = 0; round < 5; round++) expect((await ask(port, url))[1]).toBe('content')
    expect(viewOf(port, 'a')).toMatchObject({ state: 'down', requests: 2, failures: 1 })
    expect(viewOf(port, 'b')).toMatchObject({ state: 'up', requests: 5, retries: 1 })
    await a.comeBack()
    expect((await ask(port, url))[0].via).toBe('proxy b')
    now = 10_000
    const [first, second] = await Promise.all([ask(port, url), ask(port, url)])
    expect([first[0].via, second[0].via]).toEqual(['proxy a', 'proxy b'])
    expect((await ask(port, url))[0].via).toBe('proxy a')
  })

  test('answers 502 for a while: its clients notice nothing, and after three it is left alone', async () => {
    const [url, a, b] = [await origin(), await faultyProxy(), await faultyProxy()]
    a.fault = { kind: 'status', status: 502 }
    const port = upstream({ servers: [server('a', a.url), server('b', b.url)], rules: [{ use: ['a', 'b'] }] })
    for (let round = 0; round < 6; round++) expect((await ask(port, url))[0].status).toBe(200)
    expect([a.targets.length, b.targets.length]).toEqual([3, 6])
  })

  test('is not blamed for an origin that is down for all', async () => {
    const [a, b] = [await faultyProxy(), await faultyProxy()]
    for (const proxy of [a, b]) proxy.fault = { kind: 'status', status: 504 }
    const port = upstream({ servers: [server('a', a.url), server('b', b.url)] })
    for (let round = 0; round < 6; round++)
      expect((await ask(port, 'http://origin.invalid/'))[0].status).toBe(504)
    expect(port.upstreams().map(({ state }) => state)).toEqual(['up', 'up'])
  })

  test('answers what is no HTTP: another is asked, and after three times only that one', async () => {
    const [url, b] = [await origin(), await faultyProxy()]
    let times = 0
    const mail = await listen(
      createTcpServer(socket => {
        times++
        socket.on('error', () => {}).resume()
        socket.end('220 mail.example ESMTP\r\n')
      })
    )
    const a = server('a', `http://127.0.0.1:${mail}`)
    const port = upstream({ servers: [a, server('b', b.url)], rules: [{ use: ['a', 'b'] }], now: () => 0 })
    for (let round = 0; round < 5; round++) expect((await ask(port, url))[1]).toBe('content')
    expect([times, b.targets.length, viewOf(port, 'a').state]).toEqual([3, 5, 'down'])
    // Alone it is told what is wrong.
    await expect(ask(upstream({ servers: [a] }), url)).rejects.toMatchObject({
      code: 'upstream-bad-answer',
      message: expect.stringMatching(/proxy a.* not proper HTTP/)
    })
  })

  test('an origin of its own that answers 503 is asked once', async () => {
    let asked = 0
    const url = await serve((_req, res) => {
      asked++
      res.writeHead(503).end()
    })
    expect(
      (await ask(upstream({ servers: [server('direct', null), server('d2', null)] }), url))[0].status
    ).toBe(503)
    expect(asked).toBe(1)
  })

  test('what is no GET is sent once, unless nobody could be connected to', async () => {
    const [url, a, b] = [await origin(), await faultyProxy(), await faultyProxy()]
    const options = { servers: [server('a', a.url), server('b', b.url)], rules: [{ use: ['a', 'b'] }] }
    a.fault = { kind: 'reset' }
    await expect(ask(upstream(options), url, { method: 'POST' })).rejects.toMatchObject({
      code: 'upstream-unreachable'
    })
    a.fault = { kind: 'status', status: 503 }
    expect((await ask(upstream(options), url, { method: 'POST' }))[0].status).toBe(503)
    expect([a.targets.length, b.targets.length]).toEqual([2, 0])
    await a.die()
    expect((await ask(upstream(options), url, { method: 'POST' }))[1]).toBe('content')
  })

  test('one of three that fails each third request costs no client anything', async () => {
    const url = await origin()
    const proxies = await Promise.all([faultyProxy(1), faultyProxy(2), faultyProxy(3)])
    const servers = proxies.map((proxy, index) => server(`p${index}`, proxy.url))
    Object.assign(proxies[0]!, { fault: { kind: 'status', status: 502 }, faultShare: 0.3 })
    const port = upstream({ servers })
    const answers = await Promise.all(Array.from({ length: 200 }, (_, index) => ask(port, `${url}/${index}`)))
    expect(answers.filter(([{ status }, text]) => status !== 200 || text !== 'content')).toEqual([])
    expect(proxies.every(({ targets }) => targets.length > 10)).toBe(true)
  })

  test('an outage of all is not made worse: most requests are sent once', async () => {
    const proxies = await Promise.all([faultyProxy(), faultyProxy()])
    for (const proxy of proxies) proxy.fault = { kind: 'status', status: 503 }
    const port = upstream({
      servers: proxies.map((proxy, index) => server(`p${index}`, proxy.url)),
      now: () => 0
    })
    for (let round = 0; round < 300; round++) await ask(port, 'http://origin.invalid/')
    const sent = proxies.reduce((sum, { targets }) => sum + targets.length, 0)
    expect(sent).toBeLessThanOrEqual(300 + 64 + 60)
  })

  test('the only one is named, and why', async () => {
    const a = await faultyProxy()
    await a.die()
    const port = upstream({ servers: [server('corp', a.url)] })
    for (let round = 0; round < 2; round++) {
      await expect(ask(port, 'http://origin.invalid/')).rejects.toMatchObject({
        code: 'upstream-unreachable',
        message: expect.stringMatching(/proxy corp.*ECONNREFUSED/)
      })
    }
  })
})

describe('hedges', () => {
  test('a server that hangs is helped out by another of its group, and soon not asked', async () => {
    const [url, a, b] = [await origin(), await faultyProxy(), await faultyProxy()]
    a.fault = { kind: 'hang' }
    const servers = [server('a', a.url), server('b', b.url)]
    let now = 0
    const port = upstream({ servers, hedgeMsMin: 100, now: () => now })
    for (let round = 0; round < 60; round++) {
      // The first seven it is asked are of a moment; then some time passes.
      now = a.targets.length < 7 ? 0 : 1000
      expect((await ask(port, `${url}/${round}`))[1]).toBe('content')
    }
    // A slow moment of this machine may have it asked once or twice more.
    expect(a.targets.length).toBeGreaterThanOrEqual(8)
    expect(a.targets.length).toBeLessThanOrEqual(12)
    expect(viewOf(port, 'b').hedges).toBeGreaterThanOrEqual(6)
    expect(viewOf(port, 'a')).toMatchObject({ state: 'down', inFlight: 0 })
  })

  test('that fail cost the first answer nothing, whatever they say', async () => {
    const [a, b] = [await faultyProxy(), await faultyProxy()]
    b.fault = { kind: 'garbage' }
    const port = upstream({
      servers: [server('a', a.url, { weight: 1000 }), server('b', b.url)],
      hedgeMsMin: 20
    })
    const url = await serve((_req, res) => {
      void viewed(() => viewOf(port, 'b').failures === 1).then(() => res.end('late'))
    })
    expect(await ask(port, url)).toMatchObject([{ via: 'proxy a' }, 'late'])
    expect(viewOf(port, 'b').hedges).toBe(1)
  })

  test.each([
    ['to another group', 'GET', { rules: [{ use: ['a', 'b'] }], hedgeMsMin: 5 }],
    ['without being told to', 'GET', { hedgeMsMin: 0 }],
    ['for what is no GET', 'POST', { hedgeMsMin: 5 }]
  ])('never %s', async (_, method, options) => {
    const [a, b] = [await faultyProxy(), await faultyProxy()]
    for (const proxy of [a, b]) proxy.fault = { kind: 'hang' }
    const port = upstream({ servers: [server('a', a.url), server('b', b.url)], ...options })
    const signal = AbortSignal.timeout(150)
    await expect(ask(port, 'http://origin.invalid/', { method, signal })).rejects.toMatchObject({
      code: 'aborted'
    })
    expect(a.targets.length + b.targets.length).toBe(1)
    expect(port.upstreams().map(({ inFlight, failures }) => inFlight + failures)).toEqual([0, 0])
  })
})

describe('probes', () => {
  test('find out that a server is dead without a client, and that it is back', async () => {
    const [url, a, b] = [await origin(), await faultyProxy(), await faultyProxy()]
    const probe = { path: '/alive', intervalMs: 10, timeoutMs: 500, status: 200 }
    const servers = [server('a', a.url, { probe, failTimeoutMs: 3_600_000 }), server('b', b.url)]
    const port = upstream({ servers, rules: [{ use: ['a', 'b'] }] })
    const until = async (state: string) => {
      while (viewOf(port, 'a').state !== state) await new Promise(setImmediate)
    }
    await a.die()
    await until('down')
    expect((await ask(port, url))[0].via).toBe('proxy b')
    expect(viewOf(port, 'a').requests).toBe(0)
    await a.comeBack()
    await until('up')
    expect((await ask(port, url))[0].via).toBe('proxy a')
    a.fault = { kind: 'status', status: 500 }
    await until('down')
  })

  test('may ask an address through the server', async () => {
    const [url, a] = [await origin(), await faultyProxy()]
    const probe = { url: `${url}/probe`, intervalMs: 10, timeoutMs: 500, status: 404 }
    const port = upstream({ servers: [server('a', a.url, { probe })] })
    while (viewOf(port, 'a').state !== 'down') await new Promise(setImmediate)
    expect(a.targets).toContain(`GET ${url}/probe`)
  })
})

describe('gateways and passwords', () => {
  test('a gateway gets its own keys, and another one when it is gone', async () => {
    const url = await origin()
    const gateways = await Promise.all([faultyProxy(), faultyProxy(), faultyProxy()])
    const servers = gateways.map((one, index) => server(`g${index}`, one.url, { kind: 'gateway' }))
    const recognise = (text: string) => ({ key: text.replace(/\?.*/, ''), contentClass: 'c' })
    const port = upstream({ servers, recognise })
    const ways = async () => {
      const vias = []
      for (let index = 0; index < 12; index++)
        vias.push((await ask(port, `${url}/${index}?token=${Math.random()}`))[0].via)
      return vias
    }
    const before = await ways()
    expect(new Set(before).size).toBeGreaterThan(1)
    expect(await ways()).toEqual(before)
    await gateways[0]!.die()
    const after = await ways()
    expect(after.filter((via, index) => via !== before[index] && before[index] !== 'gateway g0')).toEqual([])
    expect(after).not.toContain('gateway g0')
  })

  test('a password goes to its server, by both ways, and stands nowhere else', async () => {
    const [a, url] = [await faultyProxy(), await origin()]
    const credentials = new Map([['a', 'me:s3cret']])
    const port = upstream({ servers: [server('a', a.url)], credentials })
    await ask(port, url)
    await ask(port, url.replace('http:', 'https:')).catch(() => {})
    const basic = `Basic ${Buffer.from('me:s3cret').toString('base64')}`
    expect(a.headers.map(headers => headers['proxy-authorization'])).toEqual([basic, basic])
    expect(a.targets[1]).toBe(`CONNECT ${new URL(url).host}`)
    expect(JSON.stringify(port.upstreams())).not.toMatch(/s3cret|me:/)
  })

  test('an address that resolves to this machine is refused, not tried elsewhere', async () => {
    const b = await faultyProxy()
    const url = (await origin()).replace('127.0.0.1', 'localhost')
    const servers = [server('direct', null), server('b', b.url)]
    const port = upstreamOf({ servers, rules: [{ use: ['direct', 'b'] }] })
    await expect(ask(port, url)).rejects.toMatchObject({ code: 'upstream-refused-address' })
    expect(b.targets).toEqual([])
  })

  test('an expired certificate of the origin is an error by every way, and no fault of a proxy', async () => {
    const certificate = await certificateFor(-1)
    const origin = createTlsServer(certificate, (_req, res) => res.end('content'))
    const url = `https://127.0.0.1:${await listen(origin)}/`
    const [a, b] = [await faultyProxy(), await faultyProxy()]
    const options = { servers: [server('a', a.url), server('b', b.url)], rules: [{ use: ['a', 'b'] }] }
    const port = upstream({ ...options, ca: [certificate.cert] })
    await expect(ask(port, url)).rejects.toMatchObject({ message: expect.stringMatching(/expired/) })
    expect(port.upstreams().map(({ state, requests }) => [state, requests])).toEqual([
      ['up', 1],
      ['up', 0]
    ])
  })
})

test('a certificate by nobody we know is told with the store that was looked in, and what to do', async () => {
  const [shown, other] = [await certificateFor(1), await certificateFor(1)]
  const url = `https://127.0.0.1:${await listen(createTlsServer(shown, (_req, res) => res.end('content')))}/`
  const told = async (options: UpstreamOptions): Promise<string> =>
    await ask(upstream(options), url).then(
      () => 'trusted',
      (error: unknown) => messageOf(error)
    )
  const [byNode, bySystem] = [await told({}), await told({ ca: [other.cert] })]
  expect(byNode).toMatch(
    /SELF_SIGNED_CERT.*the list of public CAs that comes with Starling.* NODE_EXTRA_CA_CERTS names/
  )
  expect(bySystem).toMatch(
    /SELF_SIGNED_CERT.*this system's certificate store.*update-ca-certificates\) and restart/
  )
  for (const text of [byNode, bySystem]) expect(text).not.toMatch(/Node\.js|--use/)
})

test('a proxy may speak TLS: its own name counts, whatever is asked of it, and connections are kept', async () => {
  const certificate = await certificateFor(1)
  const names = new Set<unknown>()
  let connections = 0
  const proxy = createTlsServer(certificate, (req, res) => {
    names.add((req.socket as TLSSocket).servername)
    res.end(req.url)
  })
  proxy.on('secureConnection', () => connections++)
  const url = `https://localhost:${await listen(proxy)}`
  const port = upstream({ servers: [server('a', url)], ca: [certificate.cert] })
  for (let round = 0; round < 8; round++) {
    const target = `http://host-${round}.example/x?y`
    expect((await ask(port, target))[1]).toBe(target)
  }
  expect([...names]).toEqual(['localhost'])
  // undici may open a second one while the first is just being put back.
  expect(connections).toBeLessThanOrEqual(2)
  const stranger = upstream({ servers: [server('a', url)] })
  await expect(ask(stranger, 'http://one.example/')).rejects.toMatchObject({ code: 'upstream-unreachable' })
})

test('how long things take is counted: a kept connection makes none anew', async () => {
  const origin = createServer((_req, res) => res.end('content'))
  const port = upstream({})
  const url = `http://localhost:${await listen(origin)}/`
  const counted = upstreamOf({ allowPrivate: ['localhost', '127.0.0.0/8'] })
  for (let round = 0; round < 3; round++) await ask(counted, url)
  const { phases, firstByteMs, inFlight } = viewOf(counted, 'direct')
  expect([phases['first-byte'].count, phases.total.count, phases.tls.count, inFlight]).toEqual([3, 3, 0, 0])
  expect(phases.connect.count).toBeGreaterThan(0)
  expect(phases.connect.count).toBeLessThan(3)
  expect(phases.dns.count).toBe(phases.connect.count)
  expect(firstByteMs!.p95).toBeGreaterThanOrEqual(firstByteMs!.p50)
  expect(phases.total.buckets.at(-1)![1]).toBe(3)
  expect(viewOf(port, 'direct').firstByteMs).toBeNull()
})
