import { runInNewContext } from 'node:vm'
import { afterEach, expect, test } from 'vitest'
import { ask, cleanUp, proxyOf, swarm } from '../../../test/doubles/proxy-harness.ts'
import { pacFile } from './pac.ts'

afterEach(cleanUp)

/** What a browser says of a URL, with the three functions of the PAC language that the file uses. */
function routeOf(file: string, url: string): string {
  return runInNewContext(`${file}\nFindProxyForURL(url, host)`, {
    url,
    // Browsers differ in whether an IPv6 address keeps its brackets.
    host: new URL(url).hostname,
    isPlainHostName: (host: string) => !host.includes('.'),
    dnsDomainIs: (host: string, domain: string) => host.endsWith(domain),
    dnsResolve: (host: string) =>
      host.endsWith('.corp.example') ? '172.20.0.5' : host.endsWith('.gone.example') ? null : '172.32.0.5'
  }) as string
}

const none: string[] = []
const listed = ['*.Windowsupdate.com', 'files.example', 'wsus', '*.ports.example:8080']

test.each<[string, string[], boolean]>([
  ['http://any.example/x', none, true],
  ['http://any.example:8080/x', none, true],
  ['HTTP://any.example/x', none, true],
  ['https://any.example/x', none, false],
  ['ftp://any.example/x', none, false],
  ['http://printer/', none, false],
  ['http://dp.corp.example/x', none, false],
  ['http://10.1.2.3/x', none, false],
  ['http://172.32.1.1/x', none, true],
  ['http://files.gone.example/x', none, true],
  ['http://dp.corp.example/x', ['*'], true],
  ['http://localhost/', none, false],
  ['http://127.0.0.1:17832/', none, false],
  ['http://[::1]/', none, false],
  ['http://download.windowsupdate.com/x', listed, true],
  ['http://WindowsUpdate.com/x', listed, true],
  ['http://notwindowsupdate.com/x', listed, false],
  ['http://windowsupdate.com.evil.example/', listed, false],
  ['http://files.example/', listed, true],
  ['http://files.example:81/?u=http://x:80/', listed, true],
  ['http://a.files.example/', listed, false],
  ['http://wsus:8530/Content/', listed, true],
  ['http://printer/', listed, false],
  ['http://a.ports.example:8080/', listed, true],
  ['http://me:secret@a.ports.example:8080/', listed, true],
  ['http://a.ports.example/', listed, false],
  ['http://a.ports.example/?:8080', listed, false],
  ['http://any.example/', ['*'], true],
  ['http://any.example/', ['*:8080'], false]
])('%s with %j: through the proxy %j', (url, hosts, through) => {
  const file = pacFile('127.0.0.1:17831', { hosts })
  expect(routeOf(file, url)).toBe(through ? 'PROXY 127.0.0.1:17831; DIRECT' : 'DIRECT')
})

test.each(['/proxy.pac', '/wpad.dat?x'])(
  '%s is had over HTTP, and names the proxy as it was reached',
  async path => {
    const proxy = await proxyOf(swarm(), { pacHosts: ['files.example'] })
    const answer = await ask(proxy, path)
    expect([answer.status, answer.headers['content-type']]).toEqual([
      200,
      'application/x-ns-proxy-autoconfig'
    ])
    const file = answer.body.toString()
    expect(routeOf(file, 'http://files.example/')).toBe(`PROXY 127.0.0.1:${proxy.port}; DIRECT`)
    expect(routeOf(file, 'http://other.example/')).toBe('DIRECT')
    const head = await ask(proxy, path, {}, 'HEAD')
    expect([head.headers['content-length'], head.body.length]).toEqual([String(answer.body.length), 0])
  }
)
