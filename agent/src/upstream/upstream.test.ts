import { type IncomingMessage } from 'node:http'
import { createServer as createNetServer, type Socket } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { ask, plainGet } from '../../../test/doubles/asking.ts'
import { cleanUp, closers, listen, serve, upstreamOf } from '../../../test/doubles/proxy-harness.ts'
import type { UpstreamOptions } from './upstream.ts'

afterEach(cleanUp)

const upstream = (options: UpstreamOptions = {}) =>
  upstreamOf({ allowPrivate: ['127.0.0.0/8', '::1'], ...options })

/** An origin that says exactly this, once the request's head has come, and closes if told so. */
async function serveRaw(answer: string, end = true): Promise<string> {
  const sockets = new Set<Socket>()
  closers.push(() => sockets.forEach(socket => socket.destroy()))
  const server = createNetServer(socket => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.once('data', () => (end ? socket.end(answer) : socket.write(answer)))
  })
  return `http://127.0.0.1:${await listen(server)}`
}

describe('answers', () => {
  test('come with their headers as they were, duplicates and all', async () => {
    const seen: IncomingMessage[] = []
    const url = await serve((req, res) => {
      seen.push(req)
      res.writeHead(200, 'Fine', [
        'Content-Length',
        '5',
        'Set-Cookie',
        'a=1',
        'Set-Cookie',
        'b=2',
        'X-Name',
        'caf\u00e9'
      ])
      // As bytes: Node writes a head that leaves together with text in the text's encoding.
      res.end(Buffer.from('hello'))
    })
    const [response, text] = await ask(upstream(), `${url}/x?y=1#z`, {
      headers: { 'User-Agent': 'me', host: 'other' }
    })
    expect(text).toBe('hello')
    expect(response).toMatchObject({
      status: 200,
      statusText: 'Fine',
      start: 0,
      total: 5,
      via: 'direct',
      url: `${url}/x?y=1#z`
    })
    expect(response.headers.filter(([name]) => name === 'set-cookie')).toEqual([
      ['set-cookie', 'a=1'],
      ['set-cookie', 'b=2']
    ])
    expect(response.headers).toContainEqual(['x-name', 'caf\u00e9'])
    expect(seen[0]!.url).toBe('/x?y=1')
    expect(seen[0]!.headers).toMatchObject({ 'user-agent': 'me', host: new URL(url).host })
  })

  test('a kept connection is used again', async () => {
    const ports = new Set<number>()
    const url = await serve((req, res) => {
      ports.add(req.socket.remotePort!)
      res.end('x')
    })
    const port = upstream()
    for (let round = 0; round < 9; round++) expect((await ask(port, url))[1]).toBe('x')
    // undici may open a second one while the first is just being put back.
    expect(ports.size).toBeLessThanOrEqual(2)
  })

  test('a kept connection that the server closes just as it is used costs a GET nothing', async () => {
    const methods: string[] = []
    const server = createNetServer(socket => {
      let answered = 0
      socket.on('error', () => {})
      socket.on('data', data => {
        methods.push(String(data).split(' ', 1)[0]!)
        if (answered++ > 0) socket.destroy()
        else socket.write('HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx')
      })
    })
    const url = `http://127.0.0.1:${await listen(server)}/`
    const port = upstream()
    for (let round = 0; round < 4; round++) expect((await ask(port, url))[1]).toBe('x')
    expect(methods.length).toBeGreaterThan(4)
  })

  test('what is no GET is never sent twice', async () => {
    const methods: string[] = []
    const server = createNetServer(socket => {
      socket.on('error', () => {})
      socket.on('data', data => {
        methods.push(String(data).split(' ', 1)[0]!)
        socket.destroy()
      })
    })
    const url = `http://127.0.0.1:${await listen(server)}/`
    for (const method of ['POST', 'DELETE']) {
      await expect(ask(upstream(), url, { method })).rejects.toMatchObject({ code: 'upstream-unreachable' })
    }
    expect(methods).toEqual(['POST', 'DELETE'])
  })

  test('are not decompressed', async () => {
    const url = await serve((_req, res) =>
      res.writeHead(200, { 'content-encoding': 'gzip', 'content-length': 3 }).end('zzz')
    )
    expect((await ask(upstream(), url))[1]).toBe('zzz')
  })

  test('a HEAD tells the length and has no body', async () => {
    const url = await serve((_req, res) => res.writeHead(200, { 'content-length': 1000 }).end())
    const [response, text] = await ask(upstream(), url, { method: 'HEAD' })
    expect([response.total, text]).toEqual([1000, ''])
  })

  test('a request body is passed on as a stream', async () => {
    const url = await serve((req, res) => req.pipe(res))
    async function* body() {
      yield Buffer.from('ab')
      yield Buffer.from('cd')
    }
    expect((await ask(upstream(), url, { method: 'POST', body: body() }))[1]).toBe('abcd')
  })
})

describe('ranges', () => {
  const content = Buffer.from('0123456789')

  test('are asked for with Range and If-Range, and not compressed', async () => {
    const url = await serve((req, res) => {
      expect(req.headers).toMatchObject({
        range: 'bytes=2-4',
        'if-range': '"v"',
        'accept-encoding': 'identity'
      })
      res.writeHead(206, { 'content-range': 'bytes 2-4/10', 'content-length': 3 }).end(content.subarray(2, 5))
    })
    const [response, text] = await ask(upstream(), url, { range: { start: 2, end: 5 }, ifRange: '"v"' })
    expect([response.start, response.total, text]).toEqual([2, 10, '234'])
  })

  test('an origin that ignores the range is told apart by its status', async () => {
    const url = await serve((_req, res) => res.writeHead(200, { 'content-length': 10 }).end(content))
    const [response] = await ask(upstream(), url, { range: { start: 2, end: null } })
    expect([response.status, response.start, response.total]).toEqual([200, 0, 10])
  })

  test.each([
    ['content-range: bytes 0-2/10', 'begins at 0'],
    ['content-range: bytes 2-5/10', 'longer'],
    ['content-range: bytes 2-4/4', 'contradicts'],
    ['content-range: bytes 4-2/10', 'contradicts'],
    ['x: y', 'not told'],
    ['content-length: 9\r\ncontent-range: bytes 2-4/10', 'Content-Length'],
    ['content-type: multipart/byteranges; boundary=x', 'several']
  ])('%s is refused', async (headers, sentence) => {
    const url = await serveRaw(`HTTP/1.1 206 Partial\r\n${headers}\r\n\r\n234`)
    const failure = upstream().request(plainGet(url, { range: { start: 2, end: 5 } }))
    await expect(failure).rejects.toMatchObject({
      code: 'upstream-bad-answer',
      message: expect.stringContaining(sentence)
    })
  })
})

test('an encoding of the transfer that nobody asked for is refused, not taken for the content', async () => {
  const url = await serveRaw(
    'HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n'
  )
  await expect(upstream().request(plainGet(url))).rejects.toMatchObject({
    code: 'upstream-bad-answer',
    message: expect.stringContaining('gzip')
  })
})

describe('bodies of the wrong length', () => {
  test('too short: what came is given, then an error, never a clean end', async () => {
    for (const answer of [
      'HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n01234',
      'HTTP/1.1 206 OK\r\ncontent-range: bytes 0-9/10\r\n\r\n01234',
      'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n01234\r\n'
    ]) {
      const response = await upstream().request(plainGet(await serveRaw(answer)))
      let text = ''
      const reading = (async () => {
        for await (const part of response.body) text += Buffer.from(part).toString()
      })()
      await expect(reading).rejects.toMatchObject({ code: 'upstream-short' })
      expect(text).toBe('01234')
    }
  })

  test('too long: not a byte more than promised', async () => {
    const over = await serveRaw('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n0123456789')
    expect((await ask(upstream(), over))[1]).toBe('01234')
    // Without a length the connection's end is the body's; Content-Range tells what it must be.
    const open = await serveRaw('HTTP/1.1 206 OK\r\ncontent-range: bytes 0-4/10\r\n\r\n0123456789')
    const response = await upstream().request(plainGet(open))
    let text = ''
    const reading = (async () => {
      for await (const part of response.body) text += Buffer.from(part).toString()
    })()
    await expect(reading).rejects.toMatchObject({ code: 'upstream-long' })
    expect(text).toBe('01234')
  })
})

describe('failures say what they are', () => {
  test('nobody listens', async () => {
    const server = createNetServer()
    const port = await listen(server)
    await new Promise(resolve => server.close(resolve))
    await expect(upstream().request(plainGet(`http://127.0.0.1:${port}/`))).rejects.toMatchObject({
      code: 'upstream-unreachable'
    })
  })

  test('no such host', async () => {
    await expect(upstream().request(plainGet('http://no-such-host.invalid/'))).rejects.toMatchObject({
      code: 'upstream-unreachable'
    })
  })

  test('no answer, or one that stops', async () => {
    const timeouts = { headersMs: 50, bodyIdleMs: 50 }
    const silent = await serveRaw('', false)
    await expect(upstream({ timeouts }).request(plainGet(silent))).rejects.toMatchObject({
      code: 'upstream-timeout'
    })
    const stalled = await serveRaw('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n0', false)
    await expect(ask(upstream({ timeouts }), stalled)).rejects.toMatchObject({ code: 'upstream-timeout' })
  })

  test.each(['SMTP ready\r\n', 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n01234'])(
    'not proper HTTP: %j',
    async answer => {
      await expect(upstream().request(plainGet(await serveRaw(answer)))).rejects.toMatchObject({
        code: 'upstream-bad-answer'
      })
    }
  )

  test('called off before, while waiting, and within the body', async () => {
    const port = upstream()
    await expect(
      port.request(plainGet(await serveRaw(''), { signal: AbortSignal.abort() }))
    ).rejects.toMatchObject({ code: 'aborted' })
    const abort = new AbortController()
    const waiting = port.request(plainGet(await serveRaw('', false), { signal: abort.signal }))
    abort.abort()
    await expect(waiting).rejects.toMatchObject({ code: 'aborted' })
    const later = new AbortController()
    const stalled = await serveRaw('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n0', false)
    const response = await port.request(plainGet(stalled, { signal: later.signal }))
    const reading = (async () => {
      for await (const part of response.body) if (part.length > 0) later.abort()
    })()
    await expect(reading).rejects.toMatchObject({ code: 'aborted' })
  })

  test('cancel closes the connection to the origin', async () => {
    const closed = Promise.withResolvers<void>()
    const url = await serve((req, res) => {
      req.socket.on('close', () => closed.resolve())
      res.writeHead(200, { 'content-length': 1e9 }).write('x')
    })
    const response = await upstream().request(plainGet(url))
    response.cancel()
    await closed.promise
  })
})
