import type { OutgoingHttpHeaders } from 'node:http'
import { afterEach, expect, test } from 'vitest'
import { cleanUp, proxyOf, say, serve, swarm } from '../../../test/doubles/proxy-harness.ts'

afterEach(cleanUp)

async function origin(headers: OutgoingHttpHeaders): Promise<string> {
  return serve((_req, res) => {
    res.writeHead(200, headers)
    res.write('body')
    res.addTrailers([
      ['X-Sum', '12'],
      ['X-Sum', '34'],
      ['Content-Type', 'text/evil'],
      ['Keep-Alive', 'timeout=9']
    ])
    res.end()
  })
}

const asking = (url: string, version: string, lines: string): string =>
  `GET ${url}/ HTTP/${version}\r\nhost: x\r\nauthorization: x\r\nconnection: close, te\r\n${lines}\r\n`

test('trailers reach a client that asks for them, but for those that have come too late to count', async () => {
  const url = await origin({ trailer: 'X-Sum' })
  const text = await say(await proxyOf(swarm()), asking(url, '1.1', 'te: deflate;q=0.5, trailers\r\n'))
  expect(text).toMatch(/\r\ntrailer: X-Sum\r\n/i)
  expect(text).toMatch(/\r\n0\r\nx-sum: 12\r\nx-sum: 34\r\n\r\n$/i)
})

test('and are sent on although they were not announced', async () => {
  const text = await say(await proxyOf(swarm()), asking(await origin({}), '1.1', 'te: trailers\r\n'))
  expect(text).not.toMatch(/\r\ntrailer: /i)
  expect(text).toMatch(/\r\n0\r\nx-sum: 12\r\n/i)
})

test.each<[string, string, string]>([
  ['does not ask for them', '1.1', ''],
  ['asks for something else', '1.1', 'te: gzip\r\n'],
  ['speaks HTTP/1.0', '1.0', 'te: trailers\r\n']
])('not a client that %s', async (_name, version, lines) => {
  const text = await say(await proxyOf(swarm()), asking(await origin({ trailer: 'X-Sum' }), version, lines))
  expect(text).toContain('body')
  expect(text).not.toMatch(/trailer: |x-sum: /i)
})

test('what comes behind a client\u2019s own body is left out', async () => {
  const trailers: unknown[] = []
  const url = await serve((req, res) => {
    req.resume().on('end', () => {
      trailers.push(req.trailers, req.headers.trailer)
      res.end('fine')
    })
  })
  const text = await say(
    await proxyOf(swarm()),
    `POST ${url}/ HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntrailer: x-sum\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n0\r\nx-sum: 1\r\n\r\n`
  )
  expect(text).toMatch(/^HTTP\/1\.1 200 /)
  expect(trailers).toEqual([{}, undefined])
})
