import { once } from 'node:events'
import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http'
import { connect } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { MiB } from '@starling/shared/units.ts'
import {
  ask,
  cleanUp,
  closers,
  content,
  origin,
  proxyOf,
  say,
  serve,
  sha256,
  swarm,
  upstreamOf
} from '../../../test/doubles/proxy-harness.ts'
import type { UpstreamResponse } from '../ports.ts'

afterEach(cleanUp)

describe('what is not shared', () => {
  test.each<[string, OutgoingHttpHeaders, string]>([
    ['/a.iso', { authorization: 'Basic x' }, 'Authorization'],
    ['/a.iso', { cookie: 'a=b' }, 'Cookie'],
    ['/authrootstl.cab', {}, 'certificates'],
    ['/page', { 'if-none-match': '"x"' }, 'current']
  ])('%s with %j never reaches the swarm', async (path, headers, reason) => {
    const seen: IncomingMessage[] = []
    const source = swarm()
    const proxy = await proxyOf(source)
    const answer = await ask(proxy, `${await origin(seen)}${path}`, headers)
    expect([answer.status, source.wishes.length]).toEqual([200, 0])
    expect(answer.headers['x-starling']).toContain(reason)
    expect(seen[0]!.headers).toMatchObject(headers)
    expect(proxy.tally().bytes.pass).toBe(content.length)
  })

  test('goes both ways as it is, without what is about one connection', async () => {
    const seen: IncomingMessage[] = []
    const url = await serve((req, res) => {
      seen.push(req)
      res.writeHead(201, 'Made', [
        'Set-Cookie',
        'a=1',
        'Set-Cookie',
        'b=2',
        'Connection',
        'x-hop, close',
        'X-Hop',
        '1',
        'X-End',
        'caf\u00e9',
        'Via',
        '1.0 other'
      ])
      req.on('data', (part: Buffer) => res.write(Buffer.from(part.toString().toUpperCase())))
      req.on('end', () => res.end())
    })
    const answer = await ask(
      await proxyOf(swarm()),
      `${url}/form?x=%7e`,
      {
        Connection: 'x-mine, keep-alive',
        'X-Mine': '1',
        'Proxy-Authorization': 'Basic secret',
        TE: 'trailers',
        'X-Other': '2',
        Expect: '100-continue'
      },
      'POST',
      'hello'
    )
    expect([answer.status, answer.body.toString(), answer.headers['set-cookie']]).toEqual([
      201,
      'HELLO',
      ['a=1', 'b=2']
    ])
    expect(answer.headers).toMatchObject({
      'x-end': 'caf\u00e9',
      via: expect.stringMatching(/^1\.0 other, 1\.1 starling-/) as unknown
    })
    expect(answer.headers['x-hop']).toBeUndefined()
    expect(seen[0]!.url).toBe('/form?x=%7e')
    expect(seen[0]!.headers).toMatchObject({
      'x-other': '2',
      host: new URL(url).host,
      via: expect.stringMatching(/^1\.1 starling-/) as unknown
    })
    for (const name of ['x-mine', 'proxy-authorization', 'te', 'expect'])
      expect(seen[0]!.headers[name]).toBeUndefined()
  })

  test('an early answer to a large upload reaches the client, and the connection stays usable', async () => {
    const url = await serve((_req, res) => res.writeHead(413).end('too much'))
    const body = 'x'.repeat(5 * MiB)
    const upload = `PUT ${url}/ HTTP/1.1\r\nhost: x\r\ncontent-length: ${body.length}\r\n\r\n${body}`
    const next = `GET ${url}/ HTTP/1.1\r\nhost: x\r\nauthorization: x\r\nconnection: close\r\n\r\n`
    const text = await say(await proxyOf(swarm()), upload + next)
    expect(text.match(/HTTP\/1\.1 413[^]*?too much/g)).toHaveLength(2)
  })

  test('an answer that is already open is used when it fits, and asked for anew when it does not', async () => {
    const seen: IncomingMessage[] = []
    const url = await serve((req, res) => {
      seen.push(req)
      res.writeHead(200, { 'cache-control': 'no-store' }).end(`for ${req.headers.range ?? 'all'}`)
    })
    const proxy = await proxyOf(swarm(upstreamOf()))
    const whole = await ask(proxy, `${url}/x`)
    expect([whole.body.toString(), seen.length]).toEqual(['for all', 1])
    expect(whole.headers['x-starling']).toBe('pass; reason=the length is not known beforehand')
    const part = await ask(proxy, `${url}/x`, { range: 'bytes=0-1' })
    expect([part.body.toString(), seen.length]).toEqual(['for bytes=0-1', 3])
  })

  test('a redirect is the client\u2019s to follow', async () => {
    const url = await serve((req, res) => {
      if (req.url === '/page') res.writeHead(302, { location: '/there/' }).end()
      else res.end('there')
    })
    const answer = await ask(await proxyOf(swarm(upstreamOf())), `${url}/page`)
    expect([answer.status, answer.headers.location]).toEqual([302, '/there/'])
  })

  test('a body that breaks off does so for the client too', async () => {
    for (const length of [{ 'content-length': 100 }, {}]) {
      const url = await serve((_req, res) => {
        res.writeHead(200, length)
        res.write('some', () => res.destroy())
      })
      const answer = await ask(await proxyOf(swarm()), url, { authorization: 'x' })
      expect([answer.body.toString(), answer.broken === null]).toEqual(['some', false])
    }
  })

  test('a broken body is a reset for a client to whom only the end tells the length', async () => {
    const url = await serve((_req, res) => {
      res.writeHead(200, {})
      res.write('some', () => res.destroy())
    })
    const proxy = await proxyOf(swarm())
    const socket = connect(proxy.port, proxy.address)
    closers.push(() => socket.destroy())
    const failed = once(socket, 'error')
    socket.resume()
    socket.write(`GET ${url}/ HTTP/1.0\r\nauthorization: x\r\n\r\n`)
    expect(await failed).toMatchObject([{ code: 'ECONNRESET' }])
  })

  test('a client that goes away stops the origin', async () => {
    const closed = Promise.withResolvers<void>()
    const url = await serve((req, res) => {
      req.socket.on('close', () => closed.resolve())
      res.writeHead(200, { 'content-length': 1e9 }).write('x')
    })
    const proxy = await proxyOf(swarm())
    const socket = connect(proxy.port, proxy.address)
    socket.on('error', () => {})
    socket.write(`GET ${url}/ HTTP/1.1\r\nhost: x\r\nauthorization: x\r\n\r\n`)
    await once(socket, 'data')
    socket.destroy()
    await closed.promise
  })

  test.each<[string, number, string]>([
    ['http://no-such-host.invalid/', 502, 'cannot be reached'],
    ['http://169.254.169.254/latest', 403, 'allowPrivate'],
    ['http://127.0.0.2/', 403, 'allowPrivate']
  ])('%s: %d, and a text that helps', async (url, status, text) => {
    const answer = await ask(await proxyOf(swarm()), url, { authorization: 'x' })
    expect([answer.status, answer.headers['content-type']]).toEqual([status, 'text/plain; charset=utf-8'])
    expect(answer.body.toString()).toContain(text)
  })
})

test('an open answer is cancelled when it does not fit', async () => {
  let cancelled = 0
  const source = swarm()
  const open: UpstreamResponse = {
    status: 206,
    headers: [['content-range', 'bytes 0-1/10']],
    start: 0,
    total: 10,
    via: 'direct',
    cancel: () => void cancelled++,
    body: (async function* () {})()
  }
  source.want = () => Promise.resolve({ kind: 'pass', reason: 'too small', response: open })
  const answer = await ask(await proxyOf(source), `${await origin()}/a.iso`)
  expect([answer.status, cancelled, sha256(answer.body)]).toEqual([200, 1, sha256(content)])
})
