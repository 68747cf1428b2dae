import type { IncomingMessage } from 'node:http'
import { afterEach, describe, expect, test } from 'vitest'
import { ask, cleanUp, proxyOf, say, serve, swarm } from '../../../test/doubles/proxy-harness.ts'
import { hopsLeft } from './max-forwards.ts'

afterEach(cleanUp)

test.each<[string, string, unknown]>([
  ['TRACE', '0', 'us'],
  ['OPTIONS', '0', 'us'],
  ['OPTIONS', '3', '2'],
  ['TRACE', '10', '9'],
  ['GET', '0', '0'],
  ['TRACE', '-1', '-1'],
  ['TRACE', 'x', 'x']
])('%s with Max-Forwards: %s leaves %s', (method, said, left) => {
  const hops = hopsLeft(method, [['max-forwards', said]])
  expect(hops.kind === 'us' ? 'us' : hops.onward[0]![1]).toBe(left)
})

describe('a TRACE', () => {
  test('that may go no further comes back as it came, but for what is secret', async () => {
    const text = await say(
      await proxyOf(swarm()),
      'TRACE http://origin.invalid/a?b HTTP/1.1\r\nhost: x\r\nmax-forwards: 0\r\nauthorization: Basic s\r\ncookie: s=1\r\n' +
        'proxy-authorization: Basic s\r\nx-mine: caf\u00e9\r\nconnection: close\r\n\r\n'
    )
    expect(text).toMatch(/^HTTP\/1\.1 200 .*content-type: message\/http/is)
    const body = text.slice(text.indexOf('\r\n\r\n') + 4)
    expect(body).toBe(
      'TRACE http://origin.invalid/a?b HTTP/1.1\r\nhost: x\r\nmax-forwards: 0\r\nx-mine: caf\u00e9\r\nconnection: close\r\n\r\n'
    )
  })

  test('goes on with one hop less, and never with a body', async () => {
    const seen: IncomingMessage[] = []
    const url = await serve((req, res) => {
      seen.push(req)
      res.end()
    })
    const proxy = await proxyOf(swarm())
    const headers = { 'max-forwards': '1', 'proxy-authorization': 'Basic s' }
    expect((await ask(proxy, url, headers, 'TRACE')).status).toBe(200)
    expect([seen[0]!.method, seen[0]!.headers['max-forwards']]).toEqual(['TRACE', '0'])
    expect(seen[0]!.headers).not.toHaveProperty('proxy-authorization')
    const text = await say(proxy, `TRACE ${url}/ HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\nab`)
    expect([text.slice(0, 12), seen.length]).toEqual(['HTTP/1.1 400', 1])
  })
})

test('OPTIONS that may go no further are answered here', async () => {
  const answer = await ask(
    await proxyOf(swarm()),
    'http://origin.invalid',
    { 'max-forwards': '0' },
    'OPTIONS'
  )
  expect([answer.status, answer.headers['content-length']]).toEqual([200, '0'])
})

test('OPTIONS of a server as a whole, too, go on with one hop less', async () => {
  const seen: IncomingMessage[] = []
  const url = await serve((req, res) => {
    seen.push(req)
    res.end()
  })
  await ask(await proxyOf(swarm()), url, { 'max-forwards': '7' }, 'OPTIONS')
  expect([seen[0]!.url, seen[0]!.headers['max-forwards']]).toEqual(['*', '6'])
})
