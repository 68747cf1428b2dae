import { multiaddr } from '@multiformats/multiaddr'
import { expect, test } from 'vitest'
import { listenAddress, nearestFirst, parseAddress, peerOf, toAnnounce } from './addresses.ts'

const id = '12D3KooWEqMSmd2nJQPhM2e3Q8r4NzWbExyXWaoXQyW9xKB9nsZh'

test('the LAN is dialled first, loopback last', () => {
  const near = [
    '/ip4/192.168.1.5/tcp/1',
    '/ip6/fd12:3456::1/tcp/1',
    '/ip4/169.254.9.9/tcp/1',
    '/dns4/depot.example/tcp/1',
    '/ip4/203.0.113.7/tcp/1',
    '/ip6/2001:db8::1/tcp/1',
    '/ip4/127.0.0.1/tcp/1',
    '/ip6/::1/tcp/1'
  ]
  const shuffled = [7, 4, 0, 6, 3, 2, 5, 1].map(index => multiaddr(near[index]))
  expect(
    shuffled
      .sort(nearestFirst)
      .map(String)
      .map(text => text.split('/')[2])
      .slice(0, 4)
  ).toEqual(['192.168.1.5', 'fd12:3456::1', '169.254.9.9', 'depot.example'])
  expect(shuffled.map(String).slice(-2).toSorted()).toEqual(['/ip4/127.0.0.1/tcp/1', '/ip6/::1/tcp/1'])
})

test('172.16/12 and 100.64/10 are LANs, their neighbours are not', () => {
  const sorted = [
    '172.15.0.1',
    '172.16.0.1',
    '172.32.0.1',
    '172.31.255.1',
    '100.63.0.1',
    '100.64.0.1',
    '100.128.0.1',
    '100.127.0.1'
  ]
    .map(ip => multiaddr(`/ip4/${ip}/tcp/1`))
    .sort(nearestFirst)
    .map(String)
    .map(text => text.split('/')[2])
  expect(new Set(sorted.slice(0, 4))).toEqual(
    new Set(['172.16.0.1', '172.31.255.1', '100.64.0.1', '100.127.0.1'])
  )
})

test('loopback is told only when there is nothing else', () => {
  const lan = multiaddr('/ip4/10.0.0.2/tcp/1')
  const loopback = multiaddr('/ip4/127.0.0.1/tcp/1')
  expect(toAnnounce([loopback, lan])).toEqual([lan])
  expect(toAnnounce([loopback])).toEqual([loopback])
})

test.each([
  '/ip4/10.0.0.1/udp/1/quic-v1',
  '/ip4/10.0.0.1/tcp/1/ws',
  `/ip4/10.0.0.1/tcp/1/p2p/${id}/p2p-circuit`,
  '/unix/%2Ftmp%2Fx',
  '/ip4/10.0.0.1',
  '/dnsaddr/example.org',
  'http://10.0.0.1',
  '/ip4/300.0.0.1/tcp/1',
  '',
  '/ip4/10.0.0.1/tcp/1/p2p/nobody'
])('%s is no address for us', text => {
  expect(parseAddress(text)).toBeNull()
})

test('an address may name its peer', () => {
  expect(peerOf(parseAddress(`/ip4/10.0.0.1/tcp/1/p2p/${id}`)!)).toBe(id)
  expect(peerOf(parseAddress('/ip4/10.0.0.1/tcp/1')!)).toBeNull()
})

test('listening wants an address, not a name', () => {
  expect(listenAddress('0.0.0.0', 7000)).toBe('/ip4/0.0.0.0/tcp/7000')
  expect(listenAddress('::', 7000)).toBe('/ip6/::/tcp/7000')
  expect(() => listenAddress('desk.example', 7000)).toThrow(/0\.0\.0\.0 or 127\.0\.0\.1/)
})
