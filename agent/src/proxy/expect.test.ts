import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { connect, type Socket } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import {
  cleanUp,
  closers,
  proxyOf,
  say,
  serve,
  swarm,
  upstreamOf
} from '../../../test/doubles/proxy-harness.ts'
import type { Proxy } from './http-proxy.ts'

afterEach(cleanUp)

const headOf = (url: string, lines = '', method = 'PUT'): string =>
  `${method} ${url} HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 5\r\n${lines}\r\n`

/** Sends a head and waits for what the proxy says to it. */
async function first(proxy: Proxy, head: string): Promise<[Socket, string]> {
  const socket = connect(proxy.port, proxy.address)
  closers.push(() => socket.destroy())
  socket.on('error', () => {})
  socket.write(head)
  const [part] = (await once(socket, 'data')) as [Buffer]
  return [socket, String(part)]
}

describe('a client that waits for a 100 before it sends a body', () => {
  test('gets it when the origin takes the body, and keeps its connection', async () => {
    const seen: IncomingMessage[] = []
    const url = await serve((req, res) => {
      seen.push(req)
      let text = ''
      req.on('data', part => (text += String(part)))
      req.on('end', () => res.end(`got ${text}`))
    })
    const [socket, begun] = await first(await proxyOf(swarm()), headOf(`${url}/`))
    expect(begun).toBe('HTTP/1.1 100 Continue\r\n\r\n')
    socket.write('hello')
    let text = ''
    socket.on('data', part => {
      text += String(part)
      if (text.endsWith('got hello'))
        socket.write(`GET ${url}/ HTTP/1.1\r\nhost: x\r\nauthorization: x\r\nconnection: close\r\n\r\n`)
    })
    await once(socket, 'close')
    expect(text.match(/HTTP\/1\.1 200/g)).toHaveLength(2)
    expect(text).not.toContain('100 Continue')
    expect(seen[0]!.headers).not.toHaveProperty('expect')
  })

  test.each<[string, string, string]>([
    ['an origin that may not be asked', headOf('http://10.0.0.1/'), '403'],
    ['an address that is none', headOf('http://[/'), '400'],
    ['another scheme', headOf('ftp://x/'), '400']
  ])('gets a refusal instead, and the connection ends: %s', async (_name, head, status) => {
    const text = await say(await proxyOf(swarm(), {}, upstreamOf({})), head)
    expect(text).toMatch(new RegExp(`^HTTP/1\\.1 ${status} .*connection: close`, 'is'))
    expect(text.match(/HTTP\/1\.1/g)).toHaveLength(1)
  })

  test('gets a 508 instead when the request has come round', async () => {
    const seen: IncomingMessage[] = []
    const url = await serve((req, res) => {
      seen.push(req)
      res.end()
    })
    const proxy = await proxyOf(swarm())
    await say(proxy, `GET ${url}/ HTTP/1.1\r\nhost: x\r\nauthorization: x\r\nconnection: close\r\n\r\n`)
    const text = await say(proxy, headOf(`${url}/`, `via: ${seen[0]!.headers.via}\r\n`))
    expect(text).toMatch(/^HTTP\/1\.1 508 /)
    expect(seen).toHaveLength(1)
  })

  test('is not told 100 when it speaks HTTP/1.0', async () => {
    const url = await serve((req, res) => req.resume().on('end', () => res.end('fine')))
    const head = headOf(`${url}/`).replace('HTTP/1.1', 'HTTP/1.0')
    expect(await say(await proxyOf(swarm()), `${head}hello`)).toMatch(/^HTTP\/1\.1 200 /)
  })
})

test('another expectation is a 417', async () => {
  const seen: IncomingMessage[] = []
  const url = await serve((req, res) => {
    seen.push(req)
    res.end()
  })
  const text = await say(await proxyOf(swarm()), headOf(`${url}/`).replace('100-continue', 'tea'))
  expect(text).toMatch(/^HTTP\/1\.1 417 .*connection: close.*100-continue/is)
  expect(seen).toEqual([])
})
