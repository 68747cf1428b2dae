/** What is of HTTP/2 alone; that both protocols are answered alike is in agent/src/intercept. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { connect, constants, type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2'
import type { IncomingMessage, RequestListener } from 'node:http'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import { text } from 'node:stream/consumers'
import { afterEach, expect, test, vi } from 'vitest'
import type { AccessLine } from '../ports.ts'
import { openHouse, tlsOrigin, tlsThrough } from '../../../test/doubles/intercept-harness.ts'
import { cleanUp, closers } from '../../../test/doubles/proxy-harness.ts'

afterEach(cleanUp)

async function sessionWith(handler: RequestListener, noted: AccessLine[] = []): Promise<ClientHttp2Session> {
  const port = await tlsOrigin(handler)
  const accessLog = {
    notesRequests: true,
    note: (line: AccessLine) => void noted.push(line),
    audit: () => {}
  }
  const house = await openHouse({ port, accessLog })
  const authority = `localhost:${port}`
  const socket: TLSSocket = await tlsThrough(house.proxy, authority, { ca: house.ca, ALPNProtocols: ['h2'] })
  const session = connect(`https://${authority}`, {
    createConnection: () => socket
  })
  session.on('error', () => {})
  closers.push(() => session.destroy())
  return session
}

const answerOf = async (stream: ClientHttp2Stream) => {
  stream.on('error', () => {})
  const [headers] = (await once(stream, 'response')) as [Record<string, string | string[]>]
  return headers
}

test('many requests at once on one connection, each with its own answer', async () => {
  const session = await sessionWith((req, res) => void res.end(req.url))
  const paths = Array.from({ length: 90 }, (_, index) => `/${index}`)
  expect(await Promise.all(paths.map(path => text(session.request({ ':path': path }))))).toEqual(paths)
})

test('an answer that has come whole is noted as whole, of whatever length', async () => {
  const noted: AccessLine[] = []
  const lengths = [0, 1, 100_000, 3_000_000]
  const session = await sessionWith((req, res) => {
    const body = Buffer.alloc(Number(req.url!.slice(1)))
    res.writeHead(200, { 'cache-control': 'no-store', 'content-length': body.length })
    res.end(body)
  }, noted)
  for (const length of lengths)
    expect((await text(session.request({ ':path': `/${length}` }))).length).toBe(length)
  const isAnswer = (line: AccessLine): boolean => line.method === 'GET'
  await vi.waitUntil(() => noted.filter(isAnswer).length === lengths.length)
  expect(noted.filter(isAnswer).map(({ bytes, whole }) => [bytes, whole])).toEqual(
    lengths.map(length => [length, true])
  )
})

test('requests one after the other share a connection behind it, and leave nothing on it', async () => {
  const warnings: Error[] = []
  const warned = (warning: Error): void => void warnings.push(warning)
  process.on('warning', warned)
  closers.push(() => process.off('warning', warned))
  const behind = new Set<unknown>()
  const seen = (message: unknown): void => {
    const { request, socket } = message as { request: IncomingMessage; socket: Duplex }
    if (request.url === '/again') behind.add(socket)
  }
  subscribe('http.server.request.start', seen)
  closers.push(() => unsubscribe('http.server.request.start', seen))
  const toOrigin = new Set<unknown>()
  const session = await sessionWith((req, res) => {
    toOrigin.add(req.socket)
    res.end('fine')
  })
  // More than what Node begins to warn of.
  for (let count = 0; count < 15; count++)
    expect(await text(session.request({ ':path': '/again', ':method': 'DELETE' }))).toBe('fine')
  for (const socket of toOrigin) behind.delete(socket)
  expect([behind.size, warnings]).toEqual([1, []])
})

test('a request that is called off is called off at the origin; the others go on', async () => {
  const { promise: asked, resolve } = Promise.withResolvers<IncomingMessage>()
  const session = await sessionWith((req, res) => {
    if (req.url === '/slow') resolve(req)
    else res.end('fine')
  })
  const stream = session.request({ ':path': '/slow', ':method': 'DELETE' })
  stream.on('error', () => {})
  const closed = Promise.withResolvers<void>()
  ;(await asked).on('error', () => {}).once('close', closed.resolve)
  stream.close(constants.NGHTTP2_CANCEL)
  await closed.promise
  expect(await text(session.request({ ':path': '/other' }))).toBe('fine')
})

test('a body of any length arrives as it was sent, with a length or without', async () => {
  const session = await sessionWith((req, res) => {
    let count = 0
    req.on('data', (part: Buffer) => (count += part.length))
    req.on('end', () => void res.end(`${count} ${req.headers['transfer-encoding'] ?? 'length'}`))
  })
  const body = Buffer.alloc(300_000)
  for (const [more, expected] of [
    [{}, '300000 chunked'],
    [{ 'content-length': String(body.length) }, '300000 length']
  ] as const) {
    const stream = session.request({ ':path': '/', ':method': 'PUT', ...more }, { endStream: false })
    stream.end(body)
    expect(await text(stream)).toBe(expected)
  }
})

test('cookies in crumbs are one field, and what is set comes field by field', async () => {
  const session = await sessionWith((req, res) => {
    res.setHeader('set-cookie', ['a=1', 'b=2'])
    res.end(req.headers.cookie)
  })
  const stream = session.request({ ':path': '/', cookie: ['x=1', 'y=2'] })
  const headers = await answerOf(stream)
  expect([headers['set-cookie'], await text(stream)]).toEqual([['a=1', 'b=2'], 'x=1; y=2'])
})

test('what an origin sends twice is no reason to fail', async () => {
  const session = await sessionWith((_req, res) => {
    res.writeHead(200, [
      'Content-Type',
      'text/plain',
      'Content-Type',
      'text/html',
      'ETag',
      '"a"',
      'ETag',
      '"b"'
    ])
    res.end('fine')
  })
  const stream = session.request({ ':path': '/' })
  expect((await answerOf(stream))[':status']).toBe(200)
  expect(await text(stream)).toBe('fine')
})

test('a client that waits for a 100 gets it', async () => {
  const session = await sessionWith((req, res) => void text(req).then(body => res.end(body)))
  const stream = session.request(
    { ':path': '/', ':method': 'POST', expect: '100-continue' },
    { endStream: false }
  )
  await once(stream, 'continue')
  stream.end('now')
  expect(await text(stream)).toBe('now')
})

test('a tunnel within it, or a path that would be two requests, is refused', async () => {
  let asked = 0
  const session = await sessionWith((_req, res) => {
    asked++
    res.end()
  })
  const tunnelled = session.request({ ':method': 'CONNECT', ':authority': 'other.example:443' })
  expect((await answerOf(tunnelled))[':status']).toBe(400)
  const split = session.request({ ':path': '/ HTTP/1.1' })
  await expect(answerOf(split)).rejects.toThrow(/PROTOCOL_ERROR/)
  expect(asked).toBe(0)
})
