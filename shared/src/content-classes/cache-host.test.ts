import { expect, test } from 'vitest'
import { cacheHostAllows } from './cache-host.ts'
import type { ContentClass } from './content-class.ts'

const file = '/filestreamingservice/files/52fa8751-747d-479d-8f22-e32730cc0eb1'

test.each([
  ['http://127.0.0.1/c/msdownload/x', 'this machine'],
  ['http://[::1]/x', 'this machine'],
  ['http://evil.example/mscomtest/wuidt.gif', 'an unlisted host'],
  ['http://windowsupdate.com.evil.example/x', 'a host that begins alike'],
  ['http://au.download.windowsupdate.com:8080/x', 'another port'],
  ['http://user:secret@au.download.windowsupdate.com/x', 'credentials'],
  ['http://ctldl.windowsupdate.com/x/authrootstl.cab', 'what must be fresh'],
  ['ftp://au.download.windowsupdate.com/x', 'another scheme'],
  ['/x', 'no address'],
  ['', 'nothing']
])('%s is refused: %s', url => {
  expect(cacheHostAllows(url)).toBe(false)
})

test.each([
  `http://dl.delivery.mp.microsoft.com${file}`,
  `http://dl.delivery.mp.microsoft.com:80${file}`,
  `https://dl.delivery.mp.microsoft.com${file}`,
  'http://au.download.windowsupdate.com/an/odd/path?x=1'
])('%s is allowed', url => {
  expect(cacheHostAllows(url)).toBe(true)
})

test('a class of policy may allow its own hosts, and only if it says so', () => {
  const own: ContentClass = {
    id: 'own',
    hosts: ['*.corp.example'],
    paths: ['/files/**'],
    key: 'address',
    rangeFirst: true
  }
  const url = 'http://a.corp.example/files/x'
  expect(cacheHostAllows(url, [own])).toBe(false)
  expect(cacheHostAllows(url, [{ ...own, cacheHost: true }])).toBe(true)
  expect(cacheHostAllows(url, [{ ...own, cacheHost: true, neverShared: 'it is a service' }])).toBe(false)
  expect(cacheHostAllows('http://b.example/files/x', [{ ...own, cacheHost: true }])).toBe(false)
})
