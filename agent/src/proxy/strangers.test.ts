import { afterEach, expect, test, vi } from 'vitest'
import { cleanUp, proxyOf, say, swarm } from '../../../test/doubles/proxy-harness.ts'

afterEach(cleanUp)

// Tests have loopback only, from where everybody may ask: here it is a network like any other.
vi.mock(import('./clients.ts'), async original => {
  const { createClientCheck } = await original()
  return {
    createClientCheck: networks => {
      const check = createClientCheck(networks)
      return address => check(address?.replace('127.0.0.', '192.0.2.'))
    }
  }
})

const target = 'http://files.example/a.iso'
const ways: Array<[string, string]> = [
  ['asks', `GET ${target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`],
  ['wants a tunnel', 'CONNECT files.example:443 HTTP/1.1\r\nhost: x\r\n\r\n'],
  ['wants an upgrade', `GET ${target} HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: chat\r\n\r\n`],
  [
    'waits for a 100',
    `PUT ${target} HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 3\r\n\r\n`
  ],
  ['expects anything', `PUT ${target} HTTP/1.1\r\nhost: x\r\nexpect: tea\r\ncontent-length: 3\r\n\r\n`]
]

test.each(ways)('who comes from a network that is not listed is refused when he %s', async (_name, text) => {
  const source = swarm()
  const proxy = await proxyOf(source, { clients: ['198.51.100.0/24'] })
  expect(await say(proxy, text)).toMatch(/^HTTP\/1\.1 403 .*proxy\.clients/s)
  expect([proxy.tally().refused, source.wishes]).toEqual([1, []])
})

test('who comes from a network that is listed is not', async () => {
  const proxy = await proxyOf(swarm(), { clients: ['192.0.2.0/24'] })
  expect(await say(proxy, ways[0]![1])).toMatch(/^HTTP\/1\.1 200 /)
})
