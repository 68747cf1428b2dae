import { once } from 'node:events'
import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http'
import { connect } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { MiB } from '@starling/shared/units.ts'
import {
  ask,
  cleanUp,
  content,
  etag,
  lastModified,
  origin,
  proxyOf,
  proxyOfItself,
  say,
  serve,
  sha256,
  swarm,
  upstreamOf
} from '../../../test/doubles/proxy-harness.ts'

afterEach(cleanUp)

describe('a shared GET', () => {
  test('gives the whole content, with the headers that the origin gave', async () => {
    const source = swarm(null, Date.now() - 5000)
    const proxy = await proxyOf(source)
    const answer = await ask(proxy, 'http://files.example/a.iso#part', {
      'User-Agent': 'me',
      Connection: 'x-mine',
      'x-mine': '1'
    })
    expect([answer.status, sha256(answer.body)]).toEqual([200, sha256(content)])
    expect(answer.headers).toMatchObject({
      'content-length': String(content.length),
      'content-type': 'application/x-iso',
      'last-modified': lastModified,
      etag,
      'accept-ranges': 'bytes',
      'cache-control': 'max-age=60',
      age: '5',
      'x-starling': 'swarm; class=generic-download'
    })
    expect(source.wishes[0]).toMatchObject({
      url: 'http://files.example/a.iso',
      key: 'files.example/a.iso',
      rangeFirst: true,
      range: null,
      headers: {
        'user-agent': 'me',
        'accept-encoding': 'identity',
        via: expect.stringMatching(/^1\.1 starling-/) as unknown
      }
    })
    expect(source.wishes[0]!.headers).not.toHaveProperty('x-mine')
    expect(proxy.tally().bytes).toEqual({ swarm: content.length, cache: 0, pass: 0 })
  })

  test.each<[string, number, number, number]>([
    ['bytes=0-1', 206, 0, 2],
    [`bytes=${MiB}-${2 * MiB - 1}`, 206, MiB, 2 * MiB],
    [`bytes=${3 * MiB}-`, 206, 3 * MiB, content.length],
    ['bytes=-7', 206, content.length - 7, content.length],
    [`bytes=5-${content.length + 5}`, 206, 5, content.length],
    ['bytes=5-2', 200, 0, content.length],
    ['pages=1-2', 200, 0, content.length]
  ])('with Range: %s', async (range, status, start, end) => {
    const answer = await ask(await proxyOf(swarm()), 'http://files.example/a.iso', { range })
    expect([answer.status, sha256(answer.body)]).toEqual([status, sha256(content.subarray(start, end))])
    expect(answer.headers['content-range']).toBe(
      status === 206 ? `bytes ${start}-${end - 1}/${content.length}` : undefined
    )
  })

  test('of repeated ranges the last one counts', async () => {
    const source = swarm()
    const answer = await ask(await proxyOf(source), 'http://files.example/a.iso', [
      'Host',
      'x',
      'Range',
      'bytes=0-9',
      'Range',
      'bytes=4-7'
    ])
    expect([answer.status, answer.body]).toEqual([206, content.subarray(4, 8)])
    expect([source.wishes[0]!.range, source.wishes[0]!.headers.range]).toEqual([
      { kind: 'from', start: 4, end: 8 },
      undefined
    ])
  })

  test('beyond the end is 416 with the length', async () => {
    const answer = await ask(await proxyOf(swarm()), 'http://files.example/a.iso', {
      range: `bytes=${content.length}-`
    })
    expect([answer.status, answer.headers['content-range'], answer.body.length]).toEqual([
      416,
      `bytes */${content.length}`,
      0
    ])
  })

  test('that is conditional: 304, 412, and a range only of the same version', async () => {
    const proxy = await proxyOf(swarm())
    const status = async (headers: OutgoingHttpHeaders): Promise<number> =>
      (await ask(proxy, 'http://files.example/a.iso', headers)).status
    expect(await status({ 'if-none-match': etag })).toBe(304)
    expect(await status({ 'if-modified-since': lastModified })).toBe(304)
    expect(await status({ 'if-match': '"v2"' })).toBe(412)
    // BITS sends this one.
    expect(await status({ 'if-unmodified-since': lastModified, range: 'bytes=0-71744' })).toBe(206)
    expect(await status({ 'if-range': etag, range: 'bytes=0-1' })).toBe(206)
    expect(await status({ 'if-range': '"v2"', range: 'bytes=0-1' })).toBe(200)
  })

  test('with the empty body that Windows sends, on one kept connection', async () => {
    const proxy = await proxyOf(swarm())
    const one =
      'GET http://files.example/a.iso HTTP/1.1\r\nConnection: Keep-Alive\r\nRange: bytes=0-3\r\nContent-Length: 0\r\nHost: files.example\r\n'
    const text = await say(proxy, `${one}\r\n${one}Connection: close\r\n\r\n`)
    expect(text.match(/HTTP\/1\.1 206/g)).toHaveLength(2)
  })

  test('stops when the client goes away, and does not run ahead of one that is slow', async () => {
    const stopped = Promise.withResolvers<void>()
    const source = swarm(null, Date.now(), 1024 * MiB)
    let given = 0
    source.read = async function* (_transfer, start, end, signal) {
      signal.addEventListener('abort', () => stopped.resolve(), { once: true })
      for (let at = start; at < end; at += MiB) {
        given += MiB
        yield Buffer.alloc(MiB)
      }
    }
    const proxy = await proxyOf(source)
    const socket = connect(proxy.port, proxy.address)
    socket.on('error', () => {})
    socket.write('GET http://files.example/a.iso HTTP/1.1\r\nhost: x\r\n\r\n')
    await once(socket, 'readable')
    socket.destroy()
    await stopped.promise
    // What fits into the buffers of two sockets, and far less than all.
    expect(given).toBeLessThan(64 * MiB)
  })

  test('a HEAD is answered from a head that is known and fresh, else by the origin', async () => {
    const seen: IncomingMessage[] = []
    const url = `${await origin(seen)}/a.iso`
    let now = Date.now()
    const proxy = await proxyOf(swarm(), { now: () => now })
    expect((await ask(proxy, url, {}, 'HEAD')).headers['x-starling']).toContain('pass')
    await ask(proxy, url, { range: 'bytes=0-1' })
    const answer = await ask(proxy, url, {}, 'HEAD')
    expect([answer.status, answer.headers['content-length'], answer.body.length]).toEqual([
      200,
      String(content.length),
      0
    ])
    expect(answer.headers['x-starling']).toContain('swarm')
    now += 61_000
    expect((await ask(proxy, url, {}, 'HEAD')).headers['x-starling']).toContain('pass')
    expect(seen.map(({ method }) => method)).toEqual(['HEAD', 'HEAD'])
  })
})

test('after a purge a HEAD is answered by the origin', async () => {
  const url = `${await origin()}/a.iso`
  const proxy = await proxyOf(swarm())
  const how = async () => (await ask(proxy, url, {}, 'HEAD')).headers['x-starling']
  await ask(proxy, url, { range: 'bytes=0-1' })
  await proxy.purge(() => false)
  expect(await how()).toContain('swarm')
  await proxy.purge((key, contentClass) => key.endsWith('/a.iso') && contentClass === 'generic-download')
  expect(await how()).toContain('pass')
})

describe('requests that are not for a proxy, or not proper', () => {
  test.each<[string, string, string]>([
    ['an origin form', 'GET / HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n', '400'],
    ['a name that is not served', 'GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n', '502'],
    ['another scheme', 'GET ftp://x/y HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n', '400'],
    ['an asterisk', 'OPTIONS * HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n', '400'],
    ['no such URL', 'GET http://[/ HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n', '400'],
    [
      'a header without end',
      `GET http://x/a.iso HTTP/1.1\r\nhost: x\r\nx-a: ${'b'.repeat(40_000)}\r\n\r\n`,
      '431'
    ],
    ['no HTTP at all', '\x16\x03\x01\x02\x00\x01\x00', '400']
  ])('%s is refused', async (_name, text, status) => {
    const source = swarm()
    const answer = await say(await proxyOf(source), text)
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `))
    expect(answer).toContain('Starling: ')
    expect(source.wishes).toEqual([])
  })

  test('an offer of h2c is left aside', async () => {
    const headers = {
      connection: 'Upgrade, HTTP2-Settings',
      upgrade: 'h2c',
      'http2-settings': 'AAMAAABkAAQAAP__'
    }
    expect(
      (await ask(await proxyOf(swarm()), 'http://files.example/a.iso', { ...headers, range: 'bytes=0-1' }))
        .status
    ).toBe(206)
  })

  test('what comes round in a loop is stopped', async () => {
    const proxy = await proxyOfItself()
    const answer = await ask(proxy, 'http://files.example/page', { authorization: 'x' })
    expect([answer.status, answer.body.toString()]).toEqual([508, expect.stringContaining('loop')])
    const tunnel = await say(proxy, 'CONNECT files.example:443 HTTP/1.1\r\nhost: files.example:443\r\n\r\n')
    expect(tunnel).toMatch(/^HTTP\/1\.1 508 .*loop/s)
  })

  test('a port that is taken is told', async () => {
    const proxy = await proxyOf(swarm())
    await expect(proxyOf(swarm(), { port: proxy.port })).rejects.toMatchObject({ code: 'listen-failed' })
  })
})

describe("a client's fields of its own", () => {
  const own = { 'private-token': 'secret', 'x-forwarded-host': 'evil.example' }

  test('are not told when a download is asked for on behalf of everybody', async () => {
    const seen: IncomingMessage[] = []
    const source = swarm(upstreamOf())
    const answer = await ask(await proxyOf(source), `${await origin(seen)}/a.iso`, own)
    expect(answer.headers['x-starling']).toContain('swarm')
    expect(seen[0]!.headers).not.toHaveProperty('private-token')
    expect(seen[0]!.headers).not.toHaveProperty('x-forwarded-host')
  })

  test('go up when it cannot be had without them, and then it is for that client alone', async () => {
    const seen: Array<string | undefined> = []
    const url = await serve((req, res) => {
      const token = req.headers['private-token']?.toString()
      seen.push(token)
      if (token === undefined) return void res.writeHead(401, { 'content-length': 0 }).end()
      res.writeHead(200, { etag, 'cache-control': 'max-age=60', 'content-length': 6 }).end('secret')
    })
    const proxy = await proxyOf(swarm(upstreamOf()))
    const mine = await ask(proxy, `${url}/a.zip`, own)
    expect([mine.status, mine.body.toString()]).toEqual([200, 'secret'])
    const others = await ask(proxy, `${url}/a.zip`)
    expect(others.status).toBe(401)
    expect(seen).toEqual([undefined, 'secret', undefined])
  })

  test('of a page go up at once, and the swarm hears nothing of it', async () => {
    const seen: IncomingMessage[] = []
    const source = swarm(upstreamOf())
    const answer = await ask(await proxyOf(source), `${await origin(seen)}/page`, own)
    expect(answer.headers['x-starling']).toContain('fields of its own')
    expect([source.wishes.length, seen[0]!.headers['private-token']]).toEqual([0, 'secret'])
  })
})
