import { once } from 'node:events'
import { connect, createServer as createNetServer, type Socket } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import {
  cleanUp,
  defaultRules,
  closers,
  listen,
  proxyOf,
  say,
  swarm,
  upstreamOf
} from '../../../test/doubles/proxy-harness.ts'

afterEach(cleanUp)

describe('CONNECT', () => {
  async function echo(): Promise<number> {
    const sockets = new Set<Socket>()
    const port = await listen(
      createNetServer({ allowHalfOpen: true }, socket => {
        sockets.add(socket)
        socket.on('error', () => {})
        socket.pipe(socket)
      })
    )
    closers.push(() => sockets.forEach(socket => socket.destroy()))
    return port
  }

  test('goes to other ports once the rules allow them, and no longer when they do not', async () => {
    const port = await echo()
    const proxy = await proxyOf(swarm())
    const asked = `CONNECT 127.0.0.1:${port} HTTP/1.1\r\nhost: x\r\n\r\n`
    const rules = { ...defaultRules, pacHosts: ['files.example'] }
    expect(await say(proxy, asked)).toMatch(/^HTTP\/1\.1 403 /)
    proxy.reconfigure({ ...rules, connectPorts: [port] })
    const socket = connect(proxy.port, proxy.address)
    closers.push(() => socket.destroy())
    socket.write(asked)
    expect(String(await once(socket, 'data'))).toMatch(/^HTTP\/1\.1 200 /)
    const script = await say(proxy, 'GET /proxy.pac HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n')
    expect(script).toContain('files.example')
    // So that `starling configure` knows it from another program's.
    expect(script).toMatch(/^x-starling: own;/im)
    proxy.reconfigure({ ...rules, connectPorts: [] })
    expect(await say(proxy, asked)).toMatch(/^HTTP\/1\.1 403 /)
  })

  test('tunnels to an allowed port, what was sent at once included', async () => {
    const port = await echo()
    const proxy = await proxyOf(swarm(), { connectPorts: [port] })
    const socket = connect(proxy.port, proxy.address)
    closers.push(() => socket.destroy())
    socket.write(`CONNECT 127.0.0.1:${port} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\n\r\nearly `)
    let text = ''
    socket.on('data', part => {
      text += String(part)
      if (text.endsWith('early ')) socket.end('late')
    })
    await once(socket, 'close')
    expect(text).toMatch(/^HTTP\/1\.1 200 .*\r\n\r\nearly late$/s)
  })

  test.each<[string, string, string]>([
    ['127.0.0.1:25', '403', 'ports 443, 80'],
    ['10.0.0.1:443', '403', 'allowPrivate'],
    ['[::1]:443', '403', 'allowPrivate'],
    ['localhost.localhost:443', '403', 'allowPrivate'],
    ['example.com', '400', 'host and a port'],
    ['example.com:0', '400', 'host and a port'],
    ['a/b:443', '400', '']
  ])('to %s is refused with %s', async (authority, status, text) => {
    const proxy = await proxyOf(swarm(), {}, upstreamOf({}))
    const answer = await say(proxy, `CONNECT ${authority} HTTP/1.1\r\nhost: x\r\n\r\n`)
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `))
    expect(answer).toContain(text)
  })

  test('goes to the hosts that are listed, and tells which rule refuses the others', async () => {
    const port = await echo()
    const connectHosts = ['*.files.example', `127.0.0.1:${port}`]
    const proxy = await proxyOf(swarm(), { connectPorts: [port], connectHosts })
    const other = await say(proxy, 'CONNECT example.com:443 HTTP/1.1\r\nhost: x\r\n\r\n')
    expect(other).toMatch(
      /^HTTP\/1\.1 403 .*\*\.files\.example, 127.*add example\.com to proxy\.connectHosts/s
    )
    expect(await say(proxy, 'CONNECT 127.0.0.1:443 HTTP/1.1\r\nhost: x\r\n\r\n')).toContain(' 403 ')
    expect(proxy.tally().refused).toEqual({ tunnels: 2 })
    const socket = connect(proxy.port, proxy.address)
    closers.push(() => socket.destroy())
    socket.write(`CONNECT 127.0.0.1:${port} HTTP/1.1\r\nhost: x\r\n\r\n`)
    expect(String((await once(socket, 'data'))[0])).toContain(' 200 ')
  })

  test('closing the proxy ends tunnels and waiting requests', async () => {
    const port = await echo()
    const source = swarm()
    const wanted = Promise.withResolvers<void>()
    source.want = () => {
      wanted.resolve()
      return new Promise(() => {})
    }
    const proxy = await proxyOf(source, { connectPorts: [port] })
    const socket = connect(proxy.port, proxy.address)
    socket.on('error', () => {})
    socket.write(`CONNECT 127.0.0.1:${port} HTTP/1.1\r\nhost: x\r\n\r\n`)
    await once(socket, 'data')
    const waiting = say(proxy, 'GET http://files.example/a.iso HTTP/1.1\r\nhost: x\r\n\r\n')
    const tunnelled = once(socket, 'close')
    await wanted.promise
    await proxy.close()
    await Promise.all([waiting, tunnelled])
  })
})
