/** Path and query reach an origin as the client has spelled them (RFC 9110, 7.7): they may be signed. */
import { afterEach, describe, expect, test } from 'vitest'
import {
  cleanUp,
  listen,
  proxyOf,
  say,
  serve,
  swarm,
  upstreamOf
} from '../../../test/doubles/proxy-harness.ts'
import { http1, http2, openHouse, tlsOrigin, tlsThrough } from '../../../test/doubles/intercept-harness.ts'
import { createServer } from 'node:http'
import { createRedirectCheck } from './filters.ts'

afterEach(cleanUp)

const spellings = [
  "/a.iso?sig='x'|[y]{z}^`<>\"\\",
  '/a[1]|b{2}^`.iso',
  '/..%2fa%7e//b///c.iso',
  '/a/./b/../%2e%2e/c.iso',
  '/a\\b.iso',
  '/a.iso?'
]

async function listening(): Promise<{ origin: string; seen: string[] }> {
  const seen: string[] = []
  const origin = await serve((req, res) => {
    seen.push(req.url!)
    res.end('x')
  })
  return { origin, seen }
}

const line = (target: string, host = 'x'): string =>
  `${target} HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`

describe.each(spellings)('%s', spelling => {
  test.each(['GET', 'POST'])('is what the origin is asked for by a %s', async method => {
    const { origin, seen } = await listening()
    const upstream = upstreamOf()
    expect(
      await say(await proxyOf(swarm(upstream), {}, upstream), line(`${method} ${origin}${spelling}`))
    ).toMatch(/^HTTP\/1\.1 200 /)
    expect(new Set(seen)).toEqual(new Set([spelling]))
  })

  test('is what a proxy on the way is asked for', async () => {
    const { origin: parent, seen } = await listening()
    const upstream = upstreamOf({ proxies: [parent], directFallback: false })
    await say(await proxyOf(swarm(upstream), {}, upstream), line(`GET http://files.example${spelling}`))
    expect(new Set(seen)).toEqual(new Set([`http://files.example${spelling}`]))
  })

  test('is what an upgrade asks for', async () => {
    const seen: string[] = []
    const port = await listen(
      createServer().on('upgrade', (req, socket) => {
        seen.push(req.url!)
        socket.end('HTTP/1.1 101 Yes\r\nconnection: upgrade\r\nupgrade: chat\r\n\r\n')
      })
    )
    const upgrade = `GET http://127.0.0.1:${port}${spelling} HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: chat\r\n\r\n`
    expect(await say(await proxyOf(swarm()), upgrade)).toMatch(/^HTTP\/1\.1 101 /)
    expect(seen).toEqual([spelling])
  })

  test.each([http1, http2])('is what an intercepted host is asked for (%o)', async speak => {
    const seen: string[] = []
    const port = await tlsOrigin((req, res) => {
      seen.push(req.url!)
      res.end('x')
    })
    const house = await openHouse({ port })
    const ALPNProtocols = [speak === http2 ? 'h2' : 'http/1.1']
    const socket = await tlsThrough(house.proxy, `localhost:${port}`, { ca: house.ca, ALPNProtocols })
    const ask = await speak(socket, `localhost:${port}`)
    expect((await ask(spelling)).status).toBe(200)
    expect(new Set(seen)).toEqual(new Set([spelling]))
  })

  test('is what a redirect leads to', async () => {
    const seen: string[] = []
    const origin = await serve((req, res) => {
      seen.push(req.url!)
      if (req.url === '/start') res.writeHead(302, { location: `${origin}${spelling}` })
      if (req.url === '/here') res.writeHead(302, { location: spelling })
      res.end('x')
    })
    for (const start of ['/start', '/here']) {
      const request = { url: `${origin}${start}`, method: 'GET', headers: {}, range: null, ifRange: null }
      const response = await upstreamOf().request({ ...request, signal: AbortSignal.timeout(5000) })
      response.cancel()
    }
    expect(seen).toEqual(['/start', spelling, '/here', spelling])
  })
})

test('is what a cache host asks for, without cacheHostOrigin', async () => {
  const seen: string[] = []
  const parent = await serve((req, res) => {
    seen.push(req.url!)
    res.end('x')
  })
  const upstream = upstreamOf({ proxies: [parent], directFallback: false })
  const options = { cacheHostAllows: () => true }
  const proxy = await proxyOf(swarm(upstream), options, upstream)
  await say(proxy, line("GET /a//b.cab?P1='1'|&cacheHostOrigin=files.example&P2=%7e"))
  expect(seen[0]).toBe("http://files.example/a//b.cab?P1='1'|&P2=%7e")
})

test('what servers may read as another path is nobody else’s answer', async () => {
  const { origin, seen } = await listening()
  const content = swarm()
  const proxy = await proxyOf(content)
  for (const path of ['/a/../b.iso', '/a/%2E%2e/b.iso', '/a\\b.iso'])
    expect(await say(proxy, line(`GET ${origin}${path}`))).toMatch(
      /x-starling: pass; reason=the path has dot/i
    )
  expect(content.wishes).toEqual([])
  expect(seen).toHaveLength(3)
})

describe('a rule for paths', () => {
  const rules = [{ name: 'no', action: 'deny' as const, paths: ['/secret/**'] }]

  test.each([
    '/secret/x',
    '/a/../secret/x',
    '/a//../secret/x',
    '/a/..%2fsecret/x',
    '/a\\..\\secret\\x',
    '/secret/b/../x',
    '/%73ecret/./x',
    '//secret/x'
  ])('holds for %s, which some server reads so', async path => {
    const { origin, seen } = await listening()
    expect(await say(await proxyOf(swarm(), { rules }), line(`GET ${origin}${path}`))).toMatch(
      /^HTTP\/1\.1 403 /
    )
    expect(seen).toEqual([])
    expect(() => createRedirectCheck(rules)(`http://files.example${path}`)).toThrow(/rule no/)
  })

  test('that allows some must allow each way to read a path', async () => {
    const some = [
      { name: 'some', action: 'allow' as const, paths: ['/open/**'] },
      { name: 'rest', action: 'deny' as const }
    ]
    const { origin, seen } = await listening()
    const proxy = await proxyOf(swarm(), { rules: some })
    expect(await say(proxy, line(`GET ${origin}/open//../secret/x`))).toMatch(/^HTTP\/1\.1 403 /)
    expect(await say(proxy, line(`GET ${origin}/open/a/../x`))).toMatch(/^HTTP\/1\.1 200 /)
    expect(seen).toEqual(['/open/a/../x'])
  })
})
