import { once } from 'node:events'
import { Agent, request, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http'
import { connect, createServer as createNetServer, type Socket } from 'node:net'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { KiB, MiB } from '@starling/shared/units.ts'
import {
  ask,
  cleanUp,
  closers,
  content,
  defaultRules,
  listen,
  origin,
  proxyOf,
  say,
  serve,
  swarm,
  upstreamOf
} from '../../../test/doubles/proxy-harness.ts'
import { limitsShape, type ClientLimits, type ProxyRule } from '@starling/shared/policy/access.ts'
import type { AccessLine, AuditLine } from '../ports.ts'
import { createRedirectCheck } from './filters.ts'
import type { Proxy, ProxyOptions, ProxyRules } from './http-proxy.ts'
import { lingerMs } from './limits.ts'

afterEach(async () => {
  vi.useRealTimers()
  await cleanUp()
})

const none = { requestsPerSecond: 0, requestsAtOnce: 0, connections: 0 }
/** Also for clients of this machine, which is all that a test has; `127.0.0.2` is another client than `127.0.0.1`. */
const limited = (given: Partial<ClientLimits>): Pick<ProxyRules, 'limits'> => ({
  limits: { ...limitsShape.parse({}), ...none, local: true, ...given }
})

interface Told {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly text: string
}

/** A client at one of this machine's addresses. */
async function askFrom(
  from: string,
  proxy: Proxy,
  url: string,
  {
    method = 'GET',
    headers = {} as OutgoingHttpHeaders,
    body = undefined as string | undefined,
    agent = false as Agent | false
  } = {}
): Promise<Told> {
  const { address: host, port } = proxy
  const asking = request({ host, port, path: url, method, headers, localAddress: from, agent })
  asking.on('error', () => {}).end(body)
  const [response] = (await once(asking, 'response')) as [IncomingMessage]
  const parts = await response.toArray()
  return {
    status: response.statusCode!,
    headers: response.headers,
    text: Buffer.concat(parts as Buffer[]).toString()
  }
}

/** However it ends. */
const closed = (socket: Socket): Promise<void> =>
  new Promise(resolve => void socket.once('close', () => resolve()))

function dial(proxy: Proxy, from = '127.0.0.1'): Socket {
  const socket = connect({ host: proxy.address, port: proxy.port, localAddress: from })
  closers.push(() => socket.destroy())
  return socket.on('error', () => {})
}

describe('a rule refuses', () => {
  const rules: ProxyRule[] = [
    { name: 'no-video', action: 'deny', hosts: ['video.example', '*.windowsupdate.com'] },
    { name: 'no-uploads', action: 'deny', methods: ['PUT'] },
    { name: 'no-secrets', action: 'deny', paths: ['/secret/**'] }
  ]

  test('a plain request with 403, in a text that names it', async () => {
    const source = swarm()
    const proxy = await proxyOf(source, { rules })
    const answer = await ask(proxy, 'http://video.example/a.iso')
    expect([answer.status, answer.body.toString()]).toEqual([
      403,
      expect.stringMatching(/^Starling: the rule no-video of proxy\.rules .*GET video\.example/) as unknown
    ])
    expect((await ask(proxy, 'http://other.example/%73ecret/x')).status).toBe(403)
    expect((await ask(proxy, 'http://other.example/a.iso')).status).toBe(200)
    expect(source.wishes).toHaveLength(1)
    expect(proxy.tally().refused).toEqual({ 'no-video': 1, 'no-secrets': 1 })
  })

  test('from the moment on that it is given, and until it is taken back', async () => {
    const proxy = await proxyOf(swarm(), { rules })
    const status = async () => (await ask(proxy, 'http://video.example/a.iso')).status
    expect(await status()).toBe(403)
    proxy.reconfigure({ ...defaultRules, rules: [] })
    expect(await status()).toBe(200)
    proxy.reconfigure({ ...defaultRules, rules })
    expect(await status()).toBe(403)
    const broken: ProxyRule[] = [{ name: 'odd', action: 'deny', clients: ['everybody'] }]
    expect(() => proxy.reconfigure({ ...defaultRules, rules: broken })).toThrow(/proxy\.rules \(odd\)/)
    expect(await status()).toBe(403)
  })

  test('a method with 405 and those that may be used', async () => {
    const proxy = await proxyOf(swarm(), { rules })
    const answer = await ask(proxy, 'http://other.example/', {}, 'PUT', 'x')
    expect([answer.status, answer.headers.allow]).toEqual([405, 'GET, HEAD, POST, DELETE, OPTIONS, PATCH'])
  })

  test('a tunnel with 403', async () => {
    const proxy = await proxyOf(swarm(), { rules })
    const answer = await say(proxy, 'CONNECT Video.Example:443 HTTP/1.1\r\nhost: x\r\n\r\n')
    expect(answer).toMatch(/^HTTP\/1\.1 403 .*no-video of proxy\.rules .*CONNECT video\.example/s)
    expect(proxy.tally().refused).toEqual({ 'no-video': 1 })
  })

  test('an upgrade with 403', async () => {
    const proxy = await proxyOf(swarm(), { rules })
    const answer = await say(
      proxy,
      'GET http://video.example/ HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: chat\r\n\r\n'
    )
    expect(answer).toMatch(/^HTTP\/1\.1 403 .*no-video of proxy\.rules .*GET video\.example/s)
  })

  test('clients of a cache host and of an alternate download server with 502', async () => {
    const wsus = 'http://wsus.video.example:8530'
    const more: ProxyRule[] = [
      ...rules,
      { name: 'no-wsus', action: 'deny', hosts: ['wsus.video.example:8530'] }
    ]
    const proxy = await proxyOf(swarm(), { rules: more, wsus, cacheHostAllows: () => true })
    const path = '/x.cab?cacheHostOrigin=dl.windowsupdate.com'
    const viaCacheHost = await ask(proxy, path)
    expect([viaCacheHost.status, viaCacheHost.body.toString()]).toEqual([
      502,
      expect.stringContaining('no-video') as unknown
    ])
    const alternate = await ask(proxy, '/Content/x.cab')
    expect([alternate.status, alternate.body.toString()]).toEqual([
      502,
      expect.stringContaining('no-wsus') as unknown
    ])
  })

  test('where a redirect leads that we follow', async () => {
    const there = await origin()
    const here = await serve((_, res) => res.writeHead(302, { location: `${there}/secret/x` }).end())
    const upstream = upstreamOf({ allowPrivate: ['127.0.0.1'], mayFollow: createRedirectCheck(rules) })
    const proxy = await proxyOf(swarm(upstream), { rules, cacheHostAllows: () => true }, upstream)
    const answer = await ask(proxy, `/a.cab?cacheHostOrigin=${new URL(here).host}`)
    expect([answer.status, answer.body.toString()]).toEqual([
      502,
      expect.stringContaining('no-secrets') as unknown
    ])
    await vi.waitFor(() => expect(proxy.tally().refused).toEqual({ redirects: 1 }))
  })
})

describe('what is refused elsewhere is counted by its own word', () => {
  test.each<[string, string]>([
    ['CONNECT 8.8.8.8:25', 'tunnels'],
    ['CONNECT 10.0.0.1:443', 'private-address'],
    ['POST http://10.0.0.1/', 'private-address'],
    ['GET /x?cacheHostOrigin=router', 'cache-host-origin']
  ])('%s: %s', async (what, word) => {
    const proxy = await proxyOf(swarm(), {}, upstreamOf({}))
    await say(proxy, `${what} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`)
    await vi.waitFor(() => expect(proxy.tally().refused).toEqual({ [word]: 1 }))
  })
})

describe('an upload that is too long', () => {
  const slow = async (seen: { bytes: number }) =>
    serve((req, res) => {
      req.on('data', (part: Buffer) => void (seen.bytes += part.length))
      req.on('end', () => res.end('thanks'))
    })

  test('is refused at once where its length is told', async () => {
    const seen = { bytes: 0 }
    const proxy = await proxyOf(swarm(), limited({ uploadBytes: 10 }))
    const url = await slow(seen)
    const post = (body: string) => ask(proxy, url, { 'content-length': body.length }, 'POST', body)
    expect((await post('0123456789')).status).toBe(200)
    const answer = await post('0123456789a')
    expect([answer.status, answer.body.toString()]).toEqual([
      413,
      expect.stringContaining('proxy.limits.uploadBytes') as unknown
    ])
    expect([seen.bytes, proxy.tally().refused]).toEqual([10, { 'upload-size': 1 }])
  })

  test('is counted while it comes where it is not', async () => {
    const seen = { bytes: 0 }
    const proxy = await proxyOf(swarm(), limited({ uploadBytes: 100 * KiB }))
    const url = await slow(seen)
    const socket = dial(proxy)
    socket.write(`POST ${url}/ HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n`)
    const chunk = `1000\r\n${'x'.repeat(4096)}\r\n`
    const more = (): void => {
      while (socket.writable && socket.write(chunk));
    }
    socket.on('drain', more)
    more()
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const [answer] = (await once(socket, 'data')) as [Buffer]
    expect(String(answer)).toMatch(/^HTTP\/1\.1 413 .*proxy\.limits\.uploadBytes/s)
    expect(seen.bytes).toBeLessThanOrEqual(100 * KiB)
    await vi.waitFor(() => expect(proxy.tally().refused).toEqual({ 'upload-size': 1 }))
    // Who goes on sending is cut off after a while.
    vi.advanceTimersByTime(lingerMs)
    await closed(socket)
  })
})

describe('a client that takes too much', () => {
  test('gets 429, when to come again, and the setting', async () => {
    const proxy = await proxyOf(swarm(), limited({ requestsPerSecond: 1, requestBurst: 2 }))
    const get = (from: string, url = 'http://files.example/a.iso') =>
      askFrom(from, proxy, url, { headers: { range: 'bytes=0-1' } })
    await get('127.0.0.2')
    await get('127.0.0.2')
    const third = await get('127.0.0.2')
    expect([third.status, third.headers['retry-after'], third.text]).toEqual([
      429,
      '1',
      expect.stringContaining('proxy.limits.requestsPerSecond') as unknown
    ])
    const asCacheHost = await get('127.0.0.2', '/x?cacheHostOrigin=dl.windowsupdate.com')
    expect([asCacheHost.status, asCacheHost.headers['retry-after']]).toEqual([502, '1'])
    expect((await get('127.0.0.1')).status).toBe(206)
    expect(proxy.tally().refused).toEqual({ requests: 2 })
  })

  test('is held to other limits from the moment on that they are given, and not for what it had before', async () => {
    const proxy = await proxyOf(swarm(), limited({}))
    const follow = (given: Partial<ClientLimits>) => proxy.reconfigure({ ...defaultRules, ...limited(given) })
    const kept = new Agent({ keepAlive: true, maxSockets: 1 })
    closers.push(() => kept.destroy())
    const get = async (agent: Agent | false = kept) =>
      (await askFrom('127.0.0.2', proxy, 'http://files.example/a.iso', { agent })).status
    expect(await get()).toBe(200)
    follow({ requestsPerSecond: 1, requestBurst: 1 })
    expect([await get(), await get()]).toEqual([200, 429])
    // Its connection has moved more than this already.
    follow({ bytesPerDay: content.length / 2 })
    expect(await get()).toBe(200)
    await vi.waitFor(async () => expect(await get(false)).toBe(429))
    follow({ bytesPerDay: content.length / 2, local: false })
    expect([await get(), await get(false)]).toEqual([200, 200])
    follow({ bytesPerDay: 0, connections: 1 })
    expect(await get(false)).toBe(429)
  })

  test('is none of this machine, by default', async () => {
    const limits = { ...limitsShape.parse({}), requestsPerSecond: 1, requestBurst: 1, connections: 1 }
    const proxy = await proxyOf(swarm(), { limits })
    dial(proxy)
    for (let index = 0; index < 5; index++)
      expect((await askFrom('127.0.0.2', proxy, 'http://files.example/a.iso')).status).toBe(200)
  })

  test('at once has to wait for its own requests, and for a day with its bytes', async () => {
    const keeps: unknown[] = []
    const held = Promise.withResolvers<void>()
    const asked = Promise.withResolvers<void>()
    const url = await serve((_, res) => {
      asked.resolve()
      void held.promise.then(() => res.end('x'.repeat(1000)))
    })
    const day = { before: null, keep: async (bytes: unknown) => void keeps.push(bytes) }
    const proxy = await proxyOf(swarm(), { ...limited({ requestsAtOnce: 1, bytesPerDay: 1000 }), day })
    const post = (from: string, to = proxy) => askFrom(from, to, url, { method: 'POST' })
    const first = post('127.0.0.2')
    await asked.promise
    expect((await post('127.0.0.2')).text).toContain('proxy.limits.requestsAtOnce')
    held.resolve()
    expect((await first).status).toBe(200)
    await vi.waitFor(async () => {
      const next = await post('127.0.0.2')
      expect([next.status, next.text]).toEqual([429, expect.stringContaining('bytesPerDay') as unknown])
    })
    expect((await post('127.0.0.1')).status).toBe(200)
    await proxy.close()
    const again = await proxyOf(swarm(), {
      ...limited({ bytesPerDay: 1000 }),
      day: { ...day, before: JSON.parse(JSON.stringify(keeps.at(-1))) as unknown }
    })
    expect((await post('127.0.0.2', again)).status).toBe(429)
    expect((await post('127.0.0.3', again)).status).toBe(200)
  })

  test('through a tunnel loses it when the bytes of the day are used up', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
    const port = await listen(createNetServer(socket => void socket.on('error', () => {}).pipe(socket)))
    const proxy = await proxyOf(swarm(), { ...limited({ bytesPerDay: 10_000 }), connectPorts: [port] })
    const socket = dial(proxy)
    socket.write(`CONNECT 127.0.0.1:${port} HTTP/1.1\r\nhost: x\r\n\r\n`)
    await once(socket, 'data')
    vi.advanceTimersByTime(60_000)
    socket.write('x'.repeat(20_000))
    let came = 0
    while (came < 20_000) came += ((await once(socket, 'data')) as [Buffer])[0].length
    expect(socket.closed).toBe(false)
    vi.advanceTimersByTime(60_000)
    await once(socket, 'close')
    expect(proxy.tally().refused).toEqual({ 'bytes-per-day': 1 })
  })
})

describe('no client disturbs another', () => {
  const good = async (proxy: Proxy) => {
    const answer = await askFrom('127.0.0.1', proxy, 'http://files.example/a.iso')
    return [answer.status, answer.text.length > 0]
  }

  test('by opening 2,000 sockets', async () => {
    const proxy = await proxyOf(swarm(), limited({ connections: 20 }))
    const sockets: Socket[] = []
    const refused: string[] = []
    for (let index = 0; index < 2000; index++) {
      const socket = dial(proxy, '127.0.0.2').on('data', part => void refused.push(String(part)))
      sockets.push(socket)
      // One after the other: more at once than fit the kernel's queue would only wait there.
      await Promise.race([once(socket, 'connect').catch(() => {}), closed(socket)])
    }
    await vi.waitFor(() => expect(proxy.tally().refused).toEqual({ connections: 1980 }), 20_000)
    expect(await good(proxy)).toEqual([200, true])
    await vi.waitFor(() => expect(sockets.filter(socket => socket.closed)).toHaveLength(1980), 20_000)
    expect(refused[0]).toMatch(
      /^HTTP\/1\.1 429 Too Many Requests\r\n.*retry-after: 1\r\n.*proxy\.limits\.connections/s
    )
    // Who closes some may open some.
    for (const socket of sockets) socket.destroy()
    await vi.waitFor(async () =>
      expect((await askFrom('127.0.0.2', proxy, 'http://files.example/a.iso')).status).toBe(200)
    )
  }, 60_000)

  test('by asking for 10,000 hosts', async () => {
    const proxy = await proxyOf(
      swarm(),
      limited({ requestsPerSecond: 50, requestBurst: 100, requestsAtOnce: 20 }),
      upstreamOf({ allowPrivate: ['127.0.0.0/8'] })
    )
    // One after the other on a few connections, each for another host that nobody is at.
    const hosts = Array.from({ length: 10_000 }, (_, index) => `127.1.${index >> 8}.${index & 255}`)
    const statuses = new Map<string, number>()
    const flood = Array.from({ length: 10 }, async () => {
      const socket = dial(proxy, '127.0.0.2')
      let text = ''
      socket.on('data', part => void (text += String(part)))
      for (let host = hosts.pop(); host !== undefined; host = hosts.pop())
        socket.write(`POST http://${host}:1/ HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n`)
      socket.end()
      await closed(socket)
      for (const [, status] of text.matchAll(/HTTP\/1\.1 (\d{3})/g))
        statuses.set(status!, (statuses.get(status!) ?? 0) + 1)
    })
    const isOver = Promise.all(flood).then(() => true)
    do expect(await good(proxy)).toEqual([200, true])
    while (!(await Promise.race([isOver, Promise.resolve(false)])))
    expect([...statuses.values()].reduce((sum, count) => sum + count)).toBe(10_000)
    expect(statuses.get('429')).toBeGreaterThan(9000)
  }, 60_000)

  test('by sending a header of 1 MiB', async () => {
    const proxy = await proxyOf(swarm())
    const bad = Array.from({ length: 50 }, () => {
      const socket = dial(proxy, '127.0.0.2')
      socket.write(`GET http://files.example/ HTTP/1.1\r\nhost: x\r\nx-a: ${'b'.repeat(MiB)}\r\n\r\n`)
      return closed(socket)
    })
    expect(await good(proxy)).toEqual([200, true])
    await Promise.all(bad)
    expect(await good(proxy)).toEqual([200, true])
    expect(proxy.tally().refused).toEqual({ 'header-size': 50 })
  }, 20_000)

  test('and how long a head may be is a setting, which the refusal names', async () => {
    const proxy = await proxyOf(swarm(), limited({ headerBytes: 64 * KiB }))
    const head = (bytes: number) =>
      `GET http://files.example/a.iso HTTP/1.1\r\nhost: x\r\nconnection: close\r\nrange: bytes=0-1\r\nx-a: ${'b'.repeat(bytes)}\r\n\r\n`
    expect(await say(proxy, head(60_000))).toMatch(/^HTTP\/1\.1 206 /)
    expect(await say(proxy, head(70_000))).toMatch(/^HTTP\/1\.1 431 .*proxy\.limits\.headerBytes/s)
  })
})

describe('a line is written', () => {
  async function logged(options: Partial<ProxyOptions> = {}) {
    const lines: AccessLine[] = []
    const audits: Array<Omit<AuditLine, 'time'>> = []
    const accessLog = {
      notesRequests: true,
      note: (line: AccessLine) => void lines.push(line),
      audit: (line: Omit<AuditLine, 'time'>) => void audits.push(line)
    }
    const proxy = await proxyOf(swarm(), options, upstreamOf(), undefined, accessLog)
    const next = async (): Promise<AccessLine> => vi.waitUntil(() => lines.shift())
    return { proxy, next, lines, audits }
  }

  test('for a request that the swarm answers, without its query', async () => {
    const { proxy, next } = await logged({ now: () => Date.UTC(2026, 10, 26) })
    await ask(proxy, 'http://files.example:8080/a.iso?token=geheim', { 'user-agent': 'curl/8.5.0' })
    const line = await next()
    expect(line).toEqual({
      time: '2026-11-26T00:00:00.000Z',
      client: '127.0.0.1',
      method: 'GET',
      host: 'files.example:8080',
      path: '/a.iso',
      class: 'generic-download',
      face: 'forward',
      status: 200,
      whole: true,
      bytes: content.length,
      from: { swarm: content.length },
      received: 0,
      firstByteMs: expect.any(Number) as unknown,
      totalMs: expect.any(Number) as unknown,
      agent: 'curl/8.5.0',
      rule: null
    })
    expect(line.firstByteMs!).toBeLessThanOrEqual(line.totalMs)
    expect(JSON.stringify(line)).not.toMatch(/geheim/)
    const { counts } = proxy.tally().total.swarm
    expect(counts.reduce((sum, count) => sum + count)).toBe(1)
  })

  test('for what passes through, with what the client sent', async () => {
    const { proxy, next } = await logged()
    const url = await serve((req, res) => void req.resume().on('end', () => res.writeHead(201).end('done')))
    await ask(proxy, url, {}, 'POST', 'question')
    expect(await next()).toMatchObject({
      method: 'POST',
      status: 201,
      bytes: 4,
      from: { pass: 4 },
      received: 8
    })
  })

  test('for a refusal, and another one in the audit', async () => {
    const { proxy, next, audits } = await logged({ rules: [{ name: 'closed', action: 'deny' }] })
    await ask(proxy, 'http://files.example/a.iso')
    expect(await next()).toMatchObject({ host: 'files.example', status: 403, rule: 'closed', from: {} })
    expect(audits).toEqual([
      { who: '127.0.0.1', what: 'refused', detail: { rule: 'closed', host: 'files.example' } }
    ])
  })

  test('for a request that is one too many, with what it was for', async () => {
    const { proxy, next } = await logged(limited({ requestsPerSecond: 1, requestBurst: 1 }))
    await ask(proxy, 'http://files.example/a.iso')
    await next()
    await ask(proxy, 'http://files.example/b.iso?x')
    expect(await next()).toMatchObject({
      host: 'files.example',
      path: '/b.iso',
      status: 429,
      rule: 'requests'
    })
  })

  test('for a tunnel when it ends, with its bytes both ways', async () => {
    const port = await listen(createNetServer(socket => void socket.on('error', () => {}).pipe(socket)))
    const { proxy, next, lines } = await logged({ connectPorts: [port] })
    const socket = dial(proxy)
    socket.write(`CONNECT 127.0.0.1:${port} HTTP/1.1\r\nhost: x\r\n\r\n`)
    await once(socket, 'data')
    socket.write('x'.repeat(1000))
    await once(socket, 'data')
    expect(lines).toEqual([])
    socket.end()
    const line = await next()
    expect(line).toMatchObject({ method: 'CONNECT', host: `127.0.0.1:${port}`, face: 'tunnel', status: 200 })
    expect(line).toMatchObject({ path: null, class: null, rule: null, received: 1000 })
    expect(line.bytes).toBeGreaterThanOrEqual(1000)
  })

  test('for a tunnel that names more than a host and a port, without it', async () => {
    const rules: ProxyRule[] = [{ name: 'no-video', action: 'deny', hosts: ['video.example'] }]
    const { proxy, next, audits } = await logged({ rules })
    for (const [authority, told] of [
      ['me:secret@video.example:443', 'video.example:443'],
      ['me:secret@other.example:443', 'other.example:443'],
      ['other.example:443?token=secret', 'other.example:443'],
      ['other.example:443/secret', 'other.example:443']
    ] as const) {
      await say(proxy, `CONNECT ${authority} HTTP/1.1\r\nhost: x\r\n\r\n`)
      expect((await next()).host).toBe(told)
    }
    expect(JSON.stringify(audits)).not.toContain('secret')
    expect(audits).toHaveLength(1)
  })

  test('for an upgrade that the origin does not want', async () => {
    const url = await serve((_, res) => res.writeHead(404).end('no'))
    const { proxy, next } = await logged()
    await say(proxy, `GET ${url}/x HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: chat\r\n\r\n`)
    expect(await next()).toMatchObject({
      method: 'GET',
      path: '/x',
      face: 'forward',
      status: 404,
      rule: null
    })
  })

  test('for a client that goes away, and for what is no request', async () => {
    const { proxy, next } = await logged()
    const asked = Promise.withResolvers<void>()
    const url = await serve(() => asked.resolve())
    const socket = dial(proxy)
    socket.write(`POST ${url}/ HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n`)
    await asked.promise
    socket.destroy()
    expect(await next()).toMatchObject({ status: null, whole: false, bytes: 0, firstByteMs: null })
    await say(proxy, 'nonsense\r\n\r\n')
    expect(await next()).toMatchObject({ method: null, host: null, status: 400, rule: null })
  })
})
