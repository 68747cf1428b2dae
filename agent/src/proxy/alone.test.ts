import { once } from 'node:events'
import { createServer, request, type IncomingMessage } from 'node:http'
import { connect, createServer as createNetServer, type Socket } from 'node:net'
import { ProxyAgent, WebSocket } from 'undici'
import { afterEach, describe, expect, test } from 'vitest'
import {
  ask,
  cleanUp,
  closers,
  listen,
  proxyOf,
  proxyOfItself,
  say,
  serve,
  swarm,
  upstreamOf
} from '../../../test/doubles/proxy-harness.ts'
import { websocketEcho } from '../../../test/doubles/websocket-echo.ts'
import type { Proxy } from './http-proxy.ts'

afterEach(cleanUp)

const upgradeLines = 'connection: x-mine, Upgrade\r\nupgrade: chat\r\nx-mine: 1\r\n'

/** An origin that agrees to `chat`, then says everything back; and remembers what it was asked. */
async function chat(seen: IncomingMessage[] = []): Promise<string> {
  const server = createServer((_req, res) => res.end('no chat'))
  server.on('upgrade', (req: IncomingMessage, socket: Socket, first: Buffer) => {
    seen.push(req)
    closers.push(() => socket.destroy())
    socket.on('error', () => {})
    socket.write(
      'HTTP/1.1 101 Go\r\nUpgrade: chat\r\nConnection: Upgrade, X-Hop\r\nX-Hop: 1\r\nX-End: 2\r\n\r\nhello '
    )
    socket.write(first)
    socket.pipe(socket)
  })
  return `http://127.0.0.1:${await listen(server)}`
}

describe('websockets', () => {
  async function exchange(proxy: Proxy, where: string, proxyTunnel: boolean): Promise<unknown> {
    const dispatcher = new ProxyAgent({ uri: `http://127.0.0.1:${proxy.port}`, proxyTunnel })
    closers.push(() => dispatcher.destroy())
    const socket = new WebSocket(`ws://${where}/ws`, { dispatcher })
    await once(socket as unknown as EventTarget, 'open')
    socket.send('good day')
    const [{ data }] = (await once(socket as unknown as EventTarget, 'message')) as [{ data: unknown }]
    const closed = once(socket as unknown as EventTarget, 'close')
    socket.close()
    await closed
    return data
  }

  test('go through a tunnel', async () => {
    const where = await websocketEcho()
    const proxy = await proxyOf(swarm(), { connectPorts: [Number(where.split(':')[1])] })
    expect(await exchange(proxy, where, true)).toBe('GOOD DAY')
  })

  test('go through a plain request that asks for an upgrade', async () => {
    const seen: IncomingMessage[] = []
    const where = await websocketEcho(seen)
    expect(await exchange(await proxyOf(swarm()), where, false)).toBe('GOOD DAY')
    expect([seen[0]!.url, seen[0]!.headers.host]).toEqual(['/ws', where])
    expect(seen[0]!.headers.via).toMatch(/^1\.1 starling-/)
  })
})

describe('an upgrade', () => {
  test('keeps what is end to end, and hands on what was sent early from both sides', async () => {
    const seen: IncomingMessage[] = []
    const url = await chat(seen)
    const proxy = await proxyOf(swarm())
    const socket = connect(proxy.port, proxy.address)
    closers.push(() => socket.destroy())
    socket.write(
      `GET ${url}/a?b HTTP/1.1\r\nhost: other\r\nproxy-authorization: Basic x\r\nx-other: 3\r\n${upgradeLines}\r\nearly`
    )
    let text = ''
    socket.on('data', part => {
      text += String(part)
      if (text.endsWith('early')) socket.end(' late')
    })
    await once(socket, 'close')
    expect(text).toMatch(/^HTTP\/1\.1 101 Go\r\n.*\r\n\r\nhello early late$/s)
    expect(text).toMatch(/\r\nUpgrade: chat\r\n/i)
    expect(text).toMatch(/\r\nx-end: 2\r\n/i)
    expect(text).toMatch(/\r\nvia: 1\.1 starling-/i)
    expect(text).not.toMatch(/x-hop/i)
    expect([seen[0]!.url, seen[0]!.headers]).toMatchObject([
      '/a?b',
      { host: new URL(url).host, 'x-other': '3', connection: 'Upgrade', upgrade: 'chat' }
    ])
    for (const name of ['x-mine', 'proxy-authorization']) expect(seen[0]!.headers).not.toHaveProperty(name)
  })

  test('that the origin does not agree to is answered as any request, and nothing behind it gets through', async () => {
    const bytes: Buffer[] = []
    const port = await listen(
      createNetServer(socket => {
        socket.on('error', () => {})
        socket.on('data', part => {
          bytes.push(Buffer.from(part))
          socket.end('HTTP/1.1 200 Fine\r\ncontent-length: 7\r\nx-end: 2\r\n\r\nno chat')
        })
      })
    )
    const url = `http://127.0.0.1:${port}/`
    const text = await say(
      await proxyOf(swarm()),
      `GET ${url} HTTP/1.1\r\nhost: x\r\n${upgradeLines}\r\nMAIL FROM`
    )
    expect(text).toMatch(/^HTTP\/1\.1 200 Fine\r\n.*\r\n\r\nno chat$/s)
    expect(text).toMatch(/connection: close/i)
    expect(text).toMatch(/x-end: 2/)
    expect(Buffer.concat(bytes).toString()).toMatch(/^GET \/ HTTP\/1\.1\r\n.*\r\n\r\n$/s)
  })

  test('whose answer breaks off breaks off for the client', async () => {
    const port = await listen(
      createNetServer(socket => {
        socket.on('error', () => {})
        socket.once('data', () =>
          socket.end('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n')
        )
      })
    )
    const text = await say(
      await proxyOf(swarm()),
      `GET http://127.0.0.1:${port}/ HTTP/1.1\r\nhost: x\r\n${upgradeLines}\r\n`
    )
    expect(text).toContain('abc')
    expect(text).not.toContain('0\r\n\r\n')
  })

  test.each<[string, string, string, string]>([
    ['to private ground', 'http://10.0.0.1/', '', '403 .*allowPrivate'],
    ['with an address that is none', 'http://[/', '', '400 .*address']
  ])('%s is refused', async (_name, url, lines, expected) => {
    const text = await say(
      await proxyOf(swarm(), {}, upstreamOf({})),
      `GET ${url} HTTP/1.1\r\nhost: x\r\n${lines}${upgradeLines}\r\n`
    )
    expect(text).toMatch(new RegExp(`^HTTP/1\\.1 ${expected}`, 's'))
  })

  test('that comes round in a loop is stopped', async () => {
    const proxy = await proxyOfItself()
    const text = await say(proxy, `GET http://files.example/ws HTTP/1.1\r\nhost: x\r\n${upgradeLines}\r\n`)
    expect(text).toMatch(/^HTTP\/1\.1 508 .*loop/s)
  })

  test.each<[string, string]>([
    [
      'an offer of h2c',
      'GET {} HTTP/1.1\r\nhost: x\r\nauthorization: x\r\nconnection: upgrade, close\r\nupgrade: h2c\r\n\r\n'
    ],
    [
      'one of HTTP/1.0',
      'GET {} HTTP/1.0\r\nauthorization: x\r\nconnection: upgrade\r\nupgrade: chat\r\n\r\n'
    ],
    [
      'one with a body',
      'GET {} HTTP/1.1\r\nhost: x\r\nconnection: upgrade, close\r\nupgrade: chat\r\ncontent-length: 2\r\n\r\nab'
    ]
  ])('%s is left aside', async (_name, text) => {
    const seen: IncomingMessage[] = []
    const url = await chat(seen)
    const answer = await say(await proxyOf(swarm()), text.replace('{}', `${url}/`))
    expect(answer).toMatch(/^HTTP\/1\.1 200 .*no chat/s)
    expect(seen).toEqual([])
  })

  test('ends with the proxy', async () => {
    const url = await chat()
    const proxy = await proxyOf(swarm())
    const asked = request({
      host: proxy.address,
      port: proxy.port,
      path: `${url}/`,
      headers: { connection: 'upgrade', upgrade: 'chat' },
      agent: false
    })
    asked.end()
    const [, socket] = (await once(asked, 'upgrade')) as [unknown, Socket]
    socket.resume()
    const closed = once(socket, 'close')
    await proxy.close()
    await closed
  })
})

describe('OPTIONS of a server as a whole', () => {
  test('is an asterisk to its origin', async () => {
    const seen: Array<string | undefined> = []
    const url = await serve((req, res) => {
      seen.push(`${req.method} ${req.url}`)
      res.writeHead(200, { allow: 'GET, PUT' }).end()
    })
    const proxy = await proxyOf(swarm())
    expect((await ask(proxy, url, {}, 'OPTIONS')).headers).toMatchObject({
      allow: 'GET, PUT',
      via: expect.stringMatching(/^1\.1 starling-/) as unknown
    })
    expect((await ask(proxy, `${url}/`, {}, 'OPTIONS')).status).toBe(200)
    expect(seen).toEqual(['OPTIONS *', 'OPTIONS /'])
  })

  test('of one that cannot be reached is 502', async () => {
    const answer = await ask(await proxyOf(swarm(), {}, upstreamOf({})), 'http://10.0.0.1', {}, 'OPTIONS')
    expect([answer.status, answer.body.toString()]).toEqual([403, expect.stringContaining('allowPrivate')])
  })
})
