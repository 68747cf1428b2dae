import { once } from 'node:events'
import { createServer, request as startRequest, type IncomingMessage } from 'node:http'
import { connect, type AddressInfo, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { KiB, MiB } from '@starling/shared/units.ts'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { seededContent, sha256Of } from '../doubles/content.ts'
import { startOrigin, type Origin } from '../doubles/origin.ts'
import { download } from './client.ts'
import { openHouse } from './harness.ts'
import { startAgent, type AgentHandle } from './site.ts'

const house = openHouse()
let origin: Origin
let agent: AgentHandle
const content = seededContent('proxy', 5 * MiB + 321)

beforeAll(async () => {
  origin = await startOrigin()
  house.keep(() => origin.close())
  agent = await startAgent(house, 'alone', { args: ['--proxy-connect-ports', new URL(origin.url).port] })
})
afterAll(() => house.close())

/** A path of its own for each test, so that none profits from what another left in the cache. */
function serve(path: string, given = content): string {
  origin.put(path, given)
  return origin.url + path
}

describe('GET of what may be shared', () => {
  test('comes whole, byte for byte, with the validator of the origin, and a second time from the cache', async () => {
    const url = serve('/whole.bin')
    const first = await download(agent.proxy, url)
    expect([first.status, first.bytes, first.sha256]).toEqual([200, content.length, await sha256Of(content)])
    expect(first.headers.etag).toBe(content.etag)
    expect(first.headers['content-length']).toBe(String(content.length))
    const { bodyBytes } = origin.stats('/whole.bin')
    expect(bodyBytes).toBe(content.length)

    const second = await download(agent.proxy, url)
    expect(second.sha256).toBe(first.sha256)
    expect(origin.stats('/whole.bin').bodyBytes, 'no byte crosses the WAN again').toBe(bodyBytes)
  })

  test.each([
    ['closed', 'bytes=1000-2500000', 1000, 2_500_001],
    ['one byte', 'bytes=0-0', 0, 1],
    ['open', `bytes=${4 * MiB + 5}-`, 4 * MiB + 5, content.length],
    ['suffix', 'bytes=-70000', content.length - 70_000, content.length],
    ['longer than the content', `bytes=5000000-999999999`, 5_000_000, content.length]
  ])('a %s range is answered with 206 and just these bytes', async (name, range, start, end) => {
    const url = serve(`/range-${name.replaceAll(' ', '-')}.bin`)
    for (const round of ['from the origin', 'out of the cache']) {
      const got = await download(agent.proxy, url, { headers: { range } })
      expect([got.status, got.bytes], round).toEqual([206, end - start])
      expect(got.headers['content-range'], round).toBe(`bytes ${start}-${end - 1}/${content.length}`)
      expect(got.sha256, round).toBe(await sha256Of(content, start, end))
    }
  })

  test('a range beyond the end is answered with 416 and the length', async () => {
    const url = serve('/beyond.bin')
    const range = `bytes=${content.length}-`
    const cold = await download(agent.proxy, url, { headers: { range } })
    expect(cold.status).toBe(416)
    await download(agent.proxy, url)
    const warm = await download(agent.proxy, url, { headers: { range } })
    expect([warm.status, warm.headers['content-range']]).toEqual([416, `bytes */${content.length}`])
  })

  test('HEAD tells what GET would, without a body', async () => {
    const got = await download(agent.proxy, serve('/head.bin'), { method: 'HEAD' })
    expect([got.status, got.bytes, got.headers['content-length']]).toEqual([200, 0, String(content.length)])
    expect(origin.stats('/head.bin').bodyBytes).toBe(0)
  })

  test('a client that goes away stops what nobody else wants', async () => {
    const big = seededContent('abandoned', 64 * MiB)
    const url = serve('/abandoned.bin', big)
    origin.setRate(8 * MiB)
    try {
      const abort = new AbortController()
      const aborted = download(agent.proxy, url, {
        signal: abort.signal,
        onBytes: bytes => bytes > MiB && abort.abort()
      })
      await expect(aborted).rejects.toThrow()
      await origin.when('/abandoned.bin', ({ flowsNow }) => flowsNow === 0)
      expect(origin.stats('/abandoned.bin').bodyBytes).toBeLessThan(32 * MiB)
    } finally {
      origin.setRate(null)
    }
  })

  test('two clients at once are one download', async () => {
    const url = serve('/two.bin')
    const both = await Promise.all([download(agent.proxy, url), download(agent.proxy, url)])
    for (const one of both) expect(one.sha256).toBe(await sha256Of(content))
    expect(origin.stats('/two.bin').bodyBytes).toBe(content.length)
  })
})

describe('what may not be shared goes through untouched', () => {
  test.each([
    ['no-store', { 'cache-control': 'no-store' }],
    ['private', { 'cache-control': 'private' }],
    ['Vary on anything', { vary: '*' }],
    ['a cookie', { 'set-cookie': 'visit=1', 'cache-control': null }]
  ])('%s: each client gets its own answer from the origin', async (name, headers) => {
    // No file extension that looks like a download: those are asked for by range first, whose answer is then thrown away.
    const path = `/unshared-${name.replaceAll(' ', '-')}`
    const url = serve(path)
    origin.setFaults(path, { headers })
    for (const requests of [1, 2]) {
      const got = await download(agent.proxy, url)
      expect(got.sha256).toBe(await sha256Of(content))
      expect(origin.stats(path).bodyBytes).toBe(requests * content.length)
    }
    expect((await agent.transfers()).filter(({ key }) => key.endsWith(path))).toEqual([])
  })

  test('a request with Authorization reaches the origin each time, with it', async () => {
    const url = serve('/authorized.bin')
    for (const requests of [1, 2]) {
      const got = await download(agent.proxy, url, { headers: { authorization: 'Basic dXNlcjpwYXNz' } })
      expect(got.sha256).toBe(await sha256Of(content))
      expect(origin.stats('/authorized.bin').bodyBytes).toBe(requests * content.length)
    }
  })

  test('content without a length arrives whole', async () => {
    const url = serve('/chunked.bin')
    origin.setFaults('/chunked.bin', { chunked: true })
    const got = await download(agent.proxy, url)
    expect([got.status, got.sha256]).toEqual([200, await sha256Of(content)])
  })

  test("an error of the origin is the client's answer, and is not kept", async () => {
    const url = serve('/late.bin')
    origin.setFaults('/late.bin', { status: 404 })
    expect((await download(agent.proxy, url)).status).toBe(404)
    origin.setFaults('/late.bin', {})
    expect((await download(agent.proxy, url)).sha256).toBe(await sha256Of(content))
  })
})

describe('other methods and tunnels', () => {
  test('POST arrives with its body, and the answer comes back', async () => {
    const server = createServer((request, response) => {
      void text(request).then(body =>
        response.writeHead(201, { 'x-method': request.method }).end(`got ${body}`)
      )
    })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    house.keep(() => void server.close())
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/form`
    const proxy = new URL(agent.proxy)
    const request = startRequest({
      host: proxy.hostname,
      port: proxy.port,
      path: url,
      method: 'POST',
      agent: false
    })
    request.end('name=value')
    const [response] = (await once(request, 'response')) as [IncomingMessage]
    expect([response.statusCode, response.headers['x-method'], await text(response)]).toEqual([
      201,
      'POST',
      'got name=value'
    ])
  })

  test('CONNECT makes a tunnel that nobody looks into', async () => {
    const url = new URL(serve('/tunnelled.bin', seededContent('tunnel', 200 * KiB)))
    const proxy = new URL(agent.proxy)
    const socket = connect(Number(proxy.port), proxy.hostname)
    socket.write(`CONNECT ${url.host} HTTP/1.1\r\nHost: ${url.host}\r\n\r\n`)
    expect(await head(socket)).toMatch(/^HTTP\/1\.1 200 /)
    socket.write(`GET ${url.pathname} HTTP/1.1\r\nHost: ${url.host}\r\nConnection: close\r\n\r\n`)
    expect(await head(socket)).toMatch(/^HTTP\/1\.1 200 OK/)
    socket.destroy()
    expect((await agent.transfers()).filter(({ key }) => key.endsWith('/tunnelled.bin'))).toEqual([])
  })

  test('a tunnel to a port that nobody listed is refused with the reason', async () => {
    const proxy = new URL(agent.proxy)
    const socket = connect(Number(proxy.port), proxy.hostname)
    socket.write('CONNECT 127.0.0.1:25 HTTP/1.1\r\nHost: 127.0.0.1:25\r\n\r\n')
    expect(await head(socket)).toMatch(/^HTTP\/1\.1 403 /)
    socket.destroy()
  })
})

/** Reads up to the empty line after the headers. */
async function head(socket: Socket): Promise<string> {
  let got = ''
  for (;;) {
    const [piece] = (await once(socket, 'data')) as [Buffer]
    got += piece.toString('latin1')
    if (got.includes('\r\n\r\n')) return got
  }
}
