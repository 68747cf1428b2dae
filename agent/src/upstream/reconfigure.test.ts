import { once } from 'node:events'
import { createServer } from 'node:http'
import { createServer as createNetServer, type Socket } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import type { UpstreamServer } from '@starling/shared/policy/upstreams.ts'
import { ask, plainGet } from '../../../test/doubles/asking.ts'
import { cleanUp, faultyProxy, listen, serve, upstreamOf } from '../../../test/doubles/proxy-harness.ts'
import type { UpstreamPlan } from './upstream.ts'

afterEach(cleanUp)

const server = (name: string, url: string, more: Partial<UpstreamServer> = {}): UpstreamServer => ({
  name,
  kind: 'proxy',
  url,
  weight: 1,
  maxFails: 3,
  failTimeoutMs: 3_600_000,
  probe: null,
  ...more
})
const plan = (given: Partial<UpstreamPlan>): UpstreamPlan => ({
  proxies: [],
  directFallback: true,
  servers: [],
  rules: [],
  credentials: new Map(),
  hedgeMsMin: 0,
  ...given
})
const upstream = (given: Partial<UpstreamPlan>) =>
  upstreamOf({ allowPrivate: ['127.0.0.0/8'], ...plan(given) })
const origin = () => serve((_req, res) => res.end('content'))

/** A proxy that has all it is asked for, tells its connections, and holds back the end of what is called slow. */
async function parent() {
  const open = new Set<Socket>()
  const ports = new Set<number>()
  const end = Promise.withResolvers<void>()
  const listening = createServer((req, res) => {
    if (!req.url!.endsWith('/slow')) return void res.end('quick')
    res.write('first ')
    void end.promise.then(() => res.end('last'))
  })
  listening.keepAliveTimeout = 60_000
  listening.on('connection', (socket: Socket) => {
    open.add(socket)
    ports.add(socket.remotePort!)
    socket.once('close', () => open.delete(socket))
  })
  return { url: `http://127.0.0.1:${await listen(listening)}`, open, ports, end: end.resolve }
}

test('the next request goes by the new plan, a body that runs ends where it is, and then nothing is left open there', async () => {
  const [a, b] = [await parent(), await parent()]
  const port = upstream({ servers: [server('a', a.url)] })
  const slow = await port.request(plainGet('http://files.example/slow'))
  const body = slow.body[Symbol.asyncIterator]()
  expect(String((await body.next()).value)).toBe('first ')
  // A kept connection that nothing is under way on, too.
  await ask(port, 'http://files.example/quick')
  expect(a.open.size).toBe(2)

  port.reconfigure(plan({ servers: [server('b', b.url)] }))
  expect((await ask(port, 'http://files.example/quick'))[0].via).toBe('proxy b')
  expect(port.upstreams().map(({ name }) => name)).toEqual(['b'])
  a.end()
  expect(String((await body.next()).value)).toBe('last')
  expect((await body.next()).done).toBe(true)
  await expect.poll(() => a.open.size, { interval: 5 }).toBe(0)
  expect(b.open.size).toBe(1)
  // Who counts what was asked must not see it shrink.
  expect(port.totals()).toEqual({ requests: 3, failures: 0 })
})

test('a tunnel stays through the proxy that it was made by', async () => {
  const [a, b] = [await faultyProxy(), await faultyProxy()]
  const echo = await listen(createNetServer(socket => void socket.on('error', () => {}).pipe(socket)))
  const port = upstream({ servers: [server('a', a.url)] })
  const signal = new AbortController().signal
  const stream = await port.tunnel({ host: '127.0.0.1', port: echo, via: 'me', signal })
  port.reconfigure(plan({ servers: [server('b', b.url)] }))
  await ask(port, await origin())
  stream.write('still here')
  expect(String(((await once(stream, 'data')) as [Buffer])[0])).toBe('still here')
  stream.destroy()
})

test('a request that is not decided yet may still go to all that it was planned for', async () => {
  const [url, a, b, c] = [await origin(), await faultyProxy(), await faultyProxy(), await faultyProxy()]
  a.fault = { kind: 'hang' }
  const port = upstream({ servers: [server('a', a.url), server('b', b.url)], rules: [{ use: ['a', 'b'] }] })
  const asked = ask(port, url)
  await expect.poll(() => a.targets.length, { interval: 5 }).toBe(1)
  port.reconfigure(plan({ servers: [server('c', c.url)] }))
  expect((await ask(port, url))[0].via).toBe('proxy c')
  await a.die()
  expect(await asked).toMatchObject([{ via: 'proxy b' }, 'content'])
})

test('a server that stays keeps its connections and its health, whatever else is said of it', async () => {
  const [url, dead, b] = [await origin(), await faultyProxy(), await parent()]
  await dead.die()
  const servers = [server('dead', dead.url), server('b', b.url)]
  const port = upstream({ servers, rules: [{ use: ['dead', 'b'] }] })
  expect((await ask(port, url))[0].via).toBe('proxy b')
  const more = [server('dead', dead.url, { weight: 7 }), server('b', b.url, { weight: 3 })]
  port.reconfigure(plan({ servers: [...more, server('c', b.url)], rules: [{ use: ['dead', 'b', 'c'] }] }))
  for (let round = 0; round < 5; round++) await ask(port, url)
  expect(port.upstreams()).toMatchObject([
    { name: 'dead', state: 'down', requests: 1 },
    { name: 'b', state: 'up', requests: 6 },
    { name: 'c', requests: 0 }
  ])
  // undici may open a second one while the first is just being put back.
  expect(b.ports.size).toBeLessThanOrEqual(2)
  // Elsewhere it is another one, of which nothing is known.
  const elsewhere = await faultyProxy()
  port.reconfigure(plan({ servers: [server('dead', elsewhere.url)] }))
  expect((await ask(port, url))[0].via).toBe('proxy dead')
})

test('probes go to those that are to be asked, and to nobody else', async () => {
  const [a, b] = [await faultyProxy(), await faultyProxy()]
  const probe = { path: '/alive', intervalMs: 10, timeoutMs: 500, status: 200 }
  const port = upstream({ servers: [server('a', a.url, { probe })] })
  const probed = (proxy: typeof a, times: number) =>
    expect.poll(() => proxy.targets.length, { interval: 5 }).toBeGreaterThanOrEqual(times)
  await probed(a, 2)
  port.reconfigure(plan({ servers: [server('a', a.url), server('b', b.url, { probe })] }))
  await probed(b, 3)
  const asked = a.targets.length
  await probed(b, 9)
  expect(a.targets.length).toBe(asked)
  // And back, with one that is there already.
  port.reconfigure(plan({ servers: [server('a', a.url, { probe })] }))
  await probed(a, asked + 3)
})

test('a plan that cannot be used leaves the one before', async () => {
  const [url, a] = [await origin(), await faultyProxy()]
  const port = upstream({ servers: [server('a', a.url)] })
  const bad = plan({ servers: [server('b', a.url)], rules: [{ use: ['nobody'] }] })
  expect(() => port.reconfigure(bad)).toThrow(/nobody/)
  expect((await ask(port, url))[0].via).toBe('proxy a')
})
