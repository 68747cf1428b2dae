import { createServer, request as httpRequest, type IncomingMessage } from 'node:http'
import { connect, createServer as createNetServer, type AddressInfo, type Socket } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { ask } from '../../../test/doubles/asking.ts'
import { cleanUp, closers, listen, serve, upstreamOf } from '../../../test/doubles/proxy-harness.ts'
import type { UpstreamOptions } from './upstream.ts'

afterEach(cleanUp)

const upstream = (options: UpstreamOptions = {}) =>
  upstreamOf({ allowPrivate: ['127.0.0.0/8', '::1'], ...options })

describe('proxies', () => {
  interface SeenByProxy {
    readonly targets: string[]
    readonly headers: IncomingMessage['headers'][]
  }

  /** A small real forward proxy: absolute form, and CONNECT. */
  async function proxy(): Promise<[string, SeenByProxy]> {
    const seen: SeenByProxy = { targets: [], headers: [] }
    const server = createServer((req, res) => {
      seen.targets.push(`${req.method} ${req.url}`)
      seen.headers.push(req.headers)
      const onward = httpRequest(req.url!, { method: req.method!, headers: req.headers }, answer => {
        res.writeHead(answer.statusCode!, answer.rawHeaders)
        answer.pipe(res)
      })
      req.pipe(onward)
    })
    server.on('connect', (req: IncomingMessage, socket: Socket) => {
      seen.targets.push(`CONNECT ${req.url}`)
      seen.headers.push(req.headers)
      const { hostname, port } = new URL(`http://${req.url}`)
      const onward = connect(Number(port), hostname, () => {
        socket.write('HTTP/1.1 200 OK\r\n\r\n')
        onward.pipe(socket).pipe(onward)
      })
      onward.on('error', () => socket.destroy())
      socket.on('error', () => onward.destroy())
      closers.push(() => {
        socket.destroy()
        onward.destroy()
      })
    })
    return [`http://127.0.0.1:${await listen(server)}`, seen]
  }

  test('get plain http in absolute form, so that they can cache it', async () => {
    const url = await serve((_req, res) => res.end('content'))
    const [proxyUrl, seen] = await proxy()
    const [response, text] = await ask(upstream({ proxies: [proxyUrl] }), `${url}/a?b=c`)
    expect([response.via, text]).toEqual([`proxy ${proxyUrl}`, 'content'])
    expect(seen.targets).toEqual([`GET ${url}/a?b=c`])
    expect(seen.headers[0]!.host).toBe(new URL(url).host)
  })

  test('are told their password, which is told to nobody else', async () => {
    const origin: IncomingMessage[] = []
    const url = await serve((req, res) => {
      origin.push(req)
      res.end('content')
    })
    const [proxyUrl, seen] = await proxy()
    const port = upstream({ proxies: [proxyUrl.replace('//', '//us%40er:pass@')] })
    const [response] = await ask(port, url)
    expect(seen.headers[0]!['proxy-authorization']).toBe(
      `Basic ${Buffer.from('us@er:pass').toString('base64')}`
    )
    expect(response.via).toBe(`proxy ${proxyUrl}`)
  })

  test('that wants a password is named', async () => {
    const proxyUrl = await serve((_req, res) =>
      res.writeHead(407, { 'proxy-authenticate': 'Basic', 'content-length': 3 }).end('no!')
    )
    await expect(ask(upstream({ proxies: [proxyUrl] }), 'http://origin.invalid/')).rejects.toMatchObject({
      code: 'upstream-unreachable',
      message: expect.stringContaining('407')
    })
  })

  test('are tried in order, the dead ones last for a while, then directly', async () => {
    let connections = 0
    const dead = createNetServer()
    const deadUrl = `http://127.0.0.1:${await listen(dead)}`
    await new Promise(resolve => dead.close(resolve))
    const url = await serve((_req, res) => res.end('content'))
    const [proxyUrl, seen] = await proxy()
    let now = 0
    const port = upstream({ proxies: [deadUrl, proxyUrl], now: () => now })
    expect((await ask(port, url))[0].via).toBe(`proxy ${proxyUrl}`)

    const revived = createServer((_req, res) => {
      connections++
      res.end('from the first')
    })
    await new Promise<void>(resolve => revived.listen(Number(new URL(deadUrl).port), '127.0.0.1', resolve))
    closers.push(() => revived.close())
    expect((await ask(port, url))[1]).toBe('content')
    expect([connections, seen.targets.length]).toEqual([0, 2])
    now = 30_000
    expect((await ask(port, url))[1]).toBe('from the first')

    const alone = upstream({ proxies: [`http://127.0.0.1:${await freePort()}`] })
    expect((await ask(alone, url))[0].via).toBe('direct')
    const strict = upstream({ proxies: [`http://127.0.0.1:${await freePort()}`], directFallback: false })
    await expect(ask(strict, url)).rejects.toMatchObject({ code: 'upstream-unreachable' })
  })

  test('do not lead to private ground either', async () => {
    const [proxyUrl, seen] = await proxy()
    const port = upstream({ proxies: [proxyUrl], allowPrivate: [] })
    for (const url of [
      'http://127.0.0.1/',
      'http://localhost/',
      'http://[::ffff:10.0.0.1]/',
      'http://2130706433/'
    ]) {
      await expect(ask(port, url)).rejects.toMatchObject({ code: 'upstream-refused-address' })
    }
    expect(seen.targets).toEqual([])
  })

  test('tunnel, and are not the only way to', async () => {
    const url = await serve((_req, res) => res.end('through the tunnel'))
    const [proxyUrl, seen] = await proxy()
    const { hostname, port: originPort } = new URL(url)
    for (const proxies of [[proxyUrl], [`http://127.0.0.1:${await freePort()}`], []]) {
      const port = upstream({ proxies })
      const socket = await port.tunnel({
        host: hostname,
        port: Number(originPort),
        via: '1.1 me',
        signal: new AbortController().signal
      })
      socket.write('GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n')
      let text = ''
      for await (const part of socket) text += String(part)
      expect(text).toContain('through the tunnel')
    }
    expect(seen.targets).toEqual([`CONNECT ${new URL(url).host}`])
    expect(seen.headers[0]!.via).toBe('1.1 me')
    const target = {
      host: hostname,
      port: Number(originPort),
      via: '1.1 me',
      signal: new AbortController().signal
    }
    await expect(upstream({ allowPrivate: [] }).tunnel(target)).rejects.toMatchObject({
      code: 'upstream-refused-address'
    })
  })
})

async function freePort(): Promise<number> {
  const server = createNetServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise(resolve => server.close(resolve))
  return port
}
