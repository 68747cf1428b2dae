/** Nobody gets through this proxy to what only this machine can reach: its own services, the router, the cloud's metadata. */
import { afterEach, describe, expect, test, vi } from 'vitest'
import { ask, cleanUp, proxyOf, say, serve, swarm, upstreamOf } from '../../../test/doubles/proxy-harness.ts'

afterEach(cleanUp)

const places = [
  '127.0.0.1',
  'localhost',
  '169.254.169.254',
  '[fd00:ec2::254]',
  '[::1]',
  '[::ffff:169.254.169.254]',
  '[::ffff:7f00:1]',
  '[64:ff9b::7f00:1]',
  '2130706433',
  '0x7f.1',
  '0177.0.0.1',
  '127.1',
  '0'
]

/** The proxy, and something on its own machine that must not hear of anybody. */
async function beside(): Promise<{ ask: (what: string) => Promise<string>; port: string; heard: string[] }> {
  const heard: string[] = []
  const secret = await serve((req, res) => {
    heard.push(req.url!)
    res.end('secret')
  })
  const { port } = new URL(secret)
  const upstream = upstreamOf({})
  const proxy = await proxyOf(swarm(upstream), { connectPorts: [Number(port)] }, upstream)
  return {
    port,
    heard,
    ask: what => say(proxy, `${what} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`)
  }
}

describe.each(places)('%s', place => {
  test.each(['GET', 'POST'])('is refused to a %s', async method => {
    const { ask, port, heard } = await beside()
    expect(await ask(`${method} http://${place}:${port}/a.iso`)).toMatch(
      /^HTTP\/1\.1 403 .*upstream\.allowPrivate/s
    )
    expect(heard).toEqual([])
  })

  test('is refused to CONNECT', async () => {
    const { ask, port, heard } = await beside()
    // Brackets around a mapped address with dots are no authority that this proxy reads: that is a 400.
    expect(await ask(`CONNECT ${place}:${port}`)).toMatch(/^HTTP\/1\.1 (403 .*upstream\.allowPrivate|400 )/s)
    expect(heard).toEqual([])
  })

  test('is refused where a redirect leads there', async () => {
    const { port, heard } = await beside()
    const here = await serve((_, res) =>
      res.writeHead(302, { location: `http://${place}:${port}/a.cab` }).end()
    )
    // The origin that redirects may be asked, by its very address and port.
    const upstream = upstreamOf({ allowPrivate: [new URL(here).host] })
    const proxy = await proxyOf(swarm(upstream), { cacheHostAllows: () => true }, upstream)
    const answer = await ask(proxy, `/a.cab?cacheHostOrigin=${new URL(here).host}`)
    expect([answer.status, answer.body.toString()]).toEqual([
      502,
      expect.stringContaining('upstream.allowPrivate') as unknown
    ])
    expect(heard).toEqual([])
    await vi.waitFor(() => expect(proxy.tally().refused).toEqual({ 'private-address': 1 }))
  })
})
