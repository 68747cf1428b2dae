/**
 * Two opinions about where a request ends are how one client's bytes become another's request. So whatever can be read in
 * two ways is refused, nothing of it reaches an origin, and nothing behind it is taken for a request.
 */
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { cleanUp, closers, proxyOf, say, serve, swarm } from '../../../test/doubles/proxy-harness.ts'

afterEach(cleanUp)

const chunked = 'transfer-encoding: chunked\r\n'

test.each<[string, string, string?]>([
  ['a length and chunks', `content-length: 5\r\n${chunked}\r\n0\r\n\r\n`],
  ['chunks and a length', `${chunked}content-length: 5\r\n\r\n0\r\n\r\n`],
  ['two lengths that differ', 'content-length: 3\r\ncontent-length: 4\r\n\r\nabcd'],
  ['two lengths in one', 'content-length: 3, 4\r\n\r\nabcd'],
  ['the same length twice', 'content-length: 3\r\ncontent-length: 3\r\n\r\nabc'],
  ['a length with a sign', 'content-length: +3\r\n\r\nabc'],
  ['a length in hex', 'content-length: 0x3\r\n\r\nabc'],
  ['a length that is too large for a number', 'content-length: 99999999999999999999999\r\n\r\nabc'],
  ['an empty length', 'content-length:\r\n\r\nabc'],
  ['chunks, but not last', 'transfer-encoding: chunked, gzip\r\n\r\n0\r\n\r\n'],
  ['no chunks after all', 'transfer-encoding: xchunked\r\n\r\n0\r\n\r\n'],
  ['identity and then chunks', 'transfer-encoding: identity, chunked\r\n\r\n0\r\n\r\n', '501'],
  ['an encoding that we do not know', 'transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n', '501'],
  ['chunks twice', `${chunked}${chunked}\r\n0\r\n\r\n`],
  ['chunks behind a vertical tab', 'transfer-encoding: \x0bchunked\r\n\r\n0\r\n\r\n'],
  ['a folded line', 'x-a: b\r\n c\r\n\r\n'],
  ['a folded length', 'content-length:\r\n 3\r\n\r\nabc'],
  ['a bare line feed behind a field', 'x-a: b\ncontent-length: 3\r\n\r\nabc'],
  ['a bare carriage return in a field', 'x-a: b\rcontent-length: 3\r\n\r\nabc'],
  ['a bare line feed at the end', 'x-a: b\r\n\n'],
  ['a NUL in a field', 'x-a: b\0c\r\n\r\n'],
  ['a space in a name', 'x a: b\r\n\r\n'],
  ['a space before the colon', 'content-length : 3\r\n\r\nabc'],
  ['a name of no characters', ': b\r\n\r\n'],
  ['a line without a colon', 'content-length\r\n\r\n'],
  ['a second Host', 'host: y\r\n\r\n']
])('%s is refused', async (_name, rest, status = '400') => {
  const { text, seen } = await posted(rest)
  expect(text).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `))
  expect(text.match(/HTTP\/1\.1 /g)).toHaveLength(1)
  expect(seen).toEqual([])
})

// A head that is proper may be on its way when its body turns out not to be: that body then never ends well.
test.each<[string, string]>([
  ['a size of chunk that is none', `${chunked}\r\nxyz\r\nabc\r\n0\r\n\r\n`],
  ['a size of chunk with 0x', `${chunked}\r\n0x3\r\nabc\r\n0\r\n\r\n`],
  ['a chunk that is longer than it says', `${chunked}\r\n3\r\nabcd\r\n0\r\n\r\n`],
  ['a bare line feed behind a size of chunk', `${chunked}\r\n3\nabc\r\n0\r\n\r\n`],
  ['a bare line feed in a chunk extension', `${chunked}\r\n3;a\nb\r\nabc\r\n0\r\n\r\n`]
])('%s is refused, and whoever has begun to read it is told', async (_name, rest) => {
  const { text, seen, bodies } = await posted(rest)
  expect(text).toMatch(/^HTTP\/1\.1 400 /)
  expect(text.match(/HTTP\/1\.1 /g)).toHaveLength(1)
  expect(seen).not.toContain('/smuggled')
  expect(await Promise.all(bodies)).toEqual(bodies.map(() => null))
})

test('what is no request is not answered in the middle of an answer', async () => {
  const url = await serve((req, res) => {
    req.resume()
    res.write('begun')
  })
  const proxy = await proxyOf(swarm())
  const socket = connect(proxy.port, proxy.address)
  closers.push(() => socket.destroy())
  socket.on('error', () => {})
  let text = ''
  socket.on('data', part => {
    text += String(part)
    if (text.includes('begun')) socket.write('xyz\r\n')
  })
  socket.write(`POST ${url}/ HTTP/1.1\r\nhost: x\r\n${chunked}\r\n2\r\nab\r\n`)
  await once(socket, 'close')
  expect(text).toMatch(/\r\n\r\n5\r\nbegun\r\n$/)
})

test('chunks from a client of HTTP/1.0 are refused', async () => {
  const { text, seen } = await posted(`${chunked}\r\n0\r\n\r\n`, '1.0')
  expect(text).toMatch(/^HTTP\/1\.1 400 /)
  expect([text.match(/HTTP\/1\.1 /g)!.length, seen]).toEqual([1, []])
})

interface Posted {
  readonly text: string
  readonly seen: readonly unknown[]
  readonly bodies: ReadonlyArray<Promise<unknown>>
}

/** A POST, and behind it a request that must not be answered. */
async function posted(rest: string, version = '1.1'): Promise<Posted> {
  const seen: Array<string | undefined> = []
  const bodies: Array<Promise<unknown>> = []
  const url = await serve((req: IncomingMessage, res) => {
    seen.push(req.url)
    bodies.push(req.toArray().catch(() => null))
    req.on('end', () => res.end('fine'))
  })
  const next = `GET ${url}/smuggled HTTP/1.1\r\nhost: x\r\nauthorization: x\r\nconnection: close\r\n\r\n`
  const text = await say(await proxyOf(swarm()), `POST ${url}/ HTTP/${version}\r\nhost: x\r\n${rest}${next}`)
  return { text, seen, bodies }
}
