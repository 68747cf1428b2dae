/** What this proxy says of its own accord can be told from what an origin says, and a client that leaves is nothing to warn of. */
import { once } from 'node:events'
import { connect } from 'node:net'
import { afterEach, expect, test, vi } from 'vitest'
import { createLog } from '../log.ts'
import {
  ask,
  cleanUp,
  closers,
  content as bytes,
  proxyOf,
  say,
  serve,
  swarm,
  upstreamOf
} from '../../../test/doubles/proxy-harness.ts'
import { http1, http2, openHouse, tlsOrigin, tlsThrough } from '../../../test/doubles/intercept-harness.ts'
import { createHttpCache } from './http-cache/http-cache.ts'
import { createProxy } from './http-proxy.ts'

afterEach(cleanUp)

const rules = [{ name: 'no-video', action: 'deny' as const, hosts: ['video.example'] }]

test.each([
  ['GET http://video.example/ HTTP/1.1\r\nhost: x', 'no-video'],
  ['CONNECT video.example:443 HTTP/1.1\r\nhost: x', 'no-video'],
  ['CONNECT files.example:25 HTTP/1.1\r\nhost: x', 'Forbidden'],
  ['GET http://127.0.0.1:1/ HTTP/1.1\r\nhost: x', 'upstream-refused-address'],
  ['CONNECT 127.0.0.1:443 HTTP/1.1\r\nhost: x', 'upstream-refused-address'],
  ['GET /x HTTP/1.1\r\nhost: 127.0.0.1', 'Bad Request'],
  ['GET /m/none/x HTTP/1.1\r\nhost: 127.0.0.1', '404'],
  ['nonsense', 'Bad Request']
])('the answer to %j says that it is our own, and why', async (head, reason) => {
  const upstream = upstreamOf({})
  const proxy = await proxyOf(swarm(upstream), { rules }, upstream)
  const answer = await say(proxy, `${head}\r\nconnection: close\r\n\r\n`)
  expect(answer.toLowerCase()).toContain(`\r\nx-starling: own; reason=${reason.toLowerCase()}\r\n`)
})

test('an origin’s own error is none of ours', async () => {
  const origin = await serve((_, res) => res.writeHead(404).end())
  expect((await ask(await proxyOf(swarm(upstreamOf())), origin)).headers['x-starling']).toMatch(/^pass; /)
})

test.each([http1, http2])('the door refuses within an intercepted connection, too (%o)', async speak => {
  const seen: string[] = []
  const port = await tlsOrigin((req, res) => {
    seen.push(req.url!)
    res.end('x')
  })
  const denied = [{ name: 'no-secrets', action: 'deny' as const, paths: ['/secret/**'] }]
  const house = await openHouse({ port, rules: denied })
  const ALPNProtocols = [speak === http2 ? 'h2' : 'http/1.1']
  const socket = await tlsThrough(house.proxy, `localhost:${port}`, { ca: house.ca, ALPNProtocols })
  const ask = await speak(socket, `localhost:${port}`)
  const refused = await ask('/secret/a')
  expect([refused.status, refused.headers['x-starling']]).toEqual([403, 'own; reason=no-secrets'])
  expect(refused.body.toString()).toMatch(/^Starling: the rule no-secrets of proxy\.rules /)
  expect((await ask('/open')).status).toBe(200)
  expect(seen).toEqual(['/open'])
  expect(house.proxy.tally().refused).toEqual({ 'no-secrets': 1 })
})

test('a client that resets its connection is no warning', async () => {
  const log = createLog('silent', 'test')
  log.child = (() => log) as unknown as typeof log.child
  const warn = vi.spyOn(log, 'warn')
  const content = swarm()
  const proxy = await createProxy(
    { content, upstream: upstreamOf(), cache: createHttpCache(null, log), log },
    { host: '127.0.0.1', port: 0 }
  )
  closers.push(() => proxy.close())
  const socket = connect(proxy.port, proxy.address)
  const over = Promise.withResolvers<void>()
  content.read = async function* read() {
    const heard = once(socket, 'data')
    try {
      yield bytes.subarray(0, 1000)
      await heard
      // The next write meets the reset before the proxy's own socket has told of it.
      socket.resetAndDestroy()
      yield bytes.subarray(1000, 2000)
    } finally {
      over.resolve()
    }
  }
  socket.write('GET http://files.example/a.iso HTTP/1.1\r\nhost: x\r\n\r\n')
  await over.promise
  await new Promise(resolve => setImmediate(resolve))
  expect(warn.mock.calls).toEqual([])
})
