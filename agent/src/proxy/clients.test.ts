import { networkInterfaces } from 'node:os'
import { afterEach, describe, expect, test } from 'vitest'
import { cleanUp, defaultRules, proxyOf, say, swarm } from '../../../test/doubles/proxy-harness.ts'
import { createClientCheck } from './clients.ts'

afterEach(cleanUp)

describe('who may ask', () => {
  const mayAsk = createClientCheck(['10.1.0.0/16', '192.168.7.9', 'fd00:7::/32'])

  test.each<[string | undefined, boolean]>([
    ['127.0.0.1', true],
    ['127.9.9.9', true],
    ['::1', true],
    ['::ffff:127.0.0.1', true],
    ['10.1.255.1', true],
    ['::ffff:10.1.0.1', true],
    ['10.2.0.1', false],
    ['192.168.7.9', true],
    ['192.168.7.10', false],
    ['fd00:7:1::5', true],
    ['fd00:8::5', false],
    ['8.8.8.8', false],
    [undefined, false]
  ])('%s: %s', (address, expected) => {
    expect(mayAsk(address)).toBe(expected)
  })

  test.each(['10.0.0.0/33', '10.0.0/8', 'fe80::/129', 'office', '10.0.0.0/8/8', '10.0.0.0/'])(
    '%s is no network',
    text => {
      expect(() => createClientCheck([text])).toThrow(/proxy\.clients/)
    }
  )
})

const own = Object.values(networkInterfaces())
  .flat()
  .find(address => address?.family === 'IPv4' && !address.internal)?.address

// Needs an address of this machine that is not loopback; the packets stay on the machine.
test.runIf(own !== undefined)('who is not listed is told so, and whoever is, is served', async () => {
  const closed = await proxyOf(swarm(), { host: '0.0.0.0' })
  const ask =
    'GET http://files.example/a.iso HTTP/1.1\r\nhost: x\r\nrange: bytes=0-1\r\nconnection: close\r\n\r\n'
  const at = { ...closed, address: own! }
  expect(await say(at, ask)).toMatch(/^HTTP\/1\.1 403 [^]*proxy\.clients/)
  expect(await say(at, 'CONNECT files.example:443 HTTP/1.1\r\nhost: x\r\n\r\n')).toMatch(/^HTTP\/1\.1 403 /)
  expect(closed.tally().refused).toEqual({ clients: 2 })

  const open = await proxyOf(swarm(), { host: '0.0.0.0', clients: [own!] })
  expect(await say({ ...open, address: own! }, ask)).toMatch(/^HTTP\/1\.1 206 /)

  closed.reconfigure({ ...defaultRules, clients: [own!] })
  expect(await say(at, ask)).toMatch(/^HTTP\/1\.1 206 /)
  expect(() => closed.reconfigure({ ...defaultRules, clients: ['office'] })).toThrow(/proxy\.clients/)
  expect(await say(at, ask)).toMatch(/^HTTP\/1\.1 206 /)
})
