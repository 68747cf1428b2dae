import { execFile } from 'node:child_process'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { connect as connectTls } from 'node:tls'
import { duplexPair } from 'node:stream'
import { promisify } from 'node:util'
import { connect as connectHttp2 } from 'node:http2'
import { dayMs, KiB, MiB } from '@starling/shared/units.ts'
import { afterEach, describe, expect, test } from 'vitest'
import {
  caAt,
  http1,
  http2,
  openHouse,
  originCa,
  tlsOrigin,
  tlsThrough,
  tunnel,
  type Ask,
  type House
} from '../../../test/doubles/intercept-harness.ts'
import { limitsShape } from '@starling/shared/policy/access.ts'
import { beginsLikeTls } from './opening.ts'
import { cleanUp, content, etag, sha256, swarm } from '../../../test/doubles/proxy-harness.ts'

afterEach(cleanUp)

const run = promisify(execFile)

/** What the origin was asked, and what it answers. */
async function echo(seen: IncomingMessage[] = []): Promise<number> {
  return await tlsOrigin((req, res) => {
    seen.push(req)
    if (req.url === '/broken') {
      res.writeHead(200, { 'content-length': 100, 'cache-control': 'no-store' })
      return void res.write('half', () => res.destroy())
    }
    if (req.url === '/chunks') {
      res.writeHead(200, { 'cache-control': 'no-store' })
      return void res.write('half', () => res.destroy())
    }
    const parts: Buffer[] = []
    req.on('data', (part: Buffer) => parts.push(part))
    req.on('end', () => {
      res.writeHead(req.url === '/none' ? 204 : 200, {
        'x-asked': `${req.method} ${req.url}`,
        'set-cookie': ['a=1', 'b=2'],
        'cache-control': 'no-store'
      })
      res.end(req.url === '/none' ? undefined : Buffer.concat([Buffer.from('got '), ...parts]))
    })
  })
}

const protocols = [
  ['http/1.1', 'TLSv1.3', http1],
  ['http/1.1', 'TLSv1.2', http1],
  ['h2', 'TLSv1.3', http2],
  ['h2', 'TLSv1.2', http2]
] as const

describe.each(protocols)('a listed host over %s and %s', (alpn, version, speak) => {
  async function client(house: House, port: number): Promise<Ask> {
    const authority = `localhost:${port}`
    const socket = await tlsThrough(house.proxy, authority, {
      ca: house.ca,
      minVersion: version,
      maxVersion: version,
      ALPNProtocols: [alpn]
    })
    expect([socket.getProtocol(), socket.alpnProtocol]).toEqual([version, alpn])
    return await speak(socket, authority)
  }

  test('is asked on behalf of the client, all of it end to end', async () => {
    const seen: IncomingMessage[] = []
    const port = await echo(seen)
    const ask = await client(await openHouse({ port }), port)
    const got = await ask('/a?b=1', {
      method: 'POST',
      headers: { 'x-mine': '1', cookie: 'c=1' },
      body: 'body'
    })
    expect([got.status, String(got.body), got.broken]).toEqual([200, 'got body', null])
    expect(got.headers).toMatchObject({
      'x-asked': 'POST /a?b=1',
      'set-cookie': ['a=1', 'b=2'],
      'x-starling': 'pass; reason=the method is POST'
    })
    expect(seen[0]!.headers).toMatchObject({ host: `localhost:${port}`, 'x-mine': '1', cookie: 'c=1' })
    expect((await ask('/none')).status).toBe(204)
    expect((await ask('/x', { method: 'HEAD' })).body).toHaveLength(0)
    // Over one connection, one after the other.
    expect(seen.map(({ method }) => method)).toEqual(['POST', 'GET', 'HEAD'])
  })

  test('is shared and kept by its https key', async () => {
    const port = await echo()
    const source = swarm()
    const ask = await client(await openHouse({ port, content: () => source }), port)
    const whole = await ask('/big.iso')
    expect([whole.status, whole.headers['x-starling'], sha256(whole.body)]).toEqual([
      200,
      'swarm; class=generic-download',
      sha256(content)
    ])
    expect(source.wishes[0]).toMatchObject({
      url: `https://localhost:${port}/big.iso`,
      key: `https://localhost:${port}/big.iso`
    })
    const part = await ask('/big.iso', { headers: { range: 'bytes=10-19' } })
    expect([part.status, part.headers['content-range'], part.body]).toEqual([
      206,
      `bytes 10-19/${content.length}`,
      content.subarray(10, 20)
    ])
    expect((await ask('/big.iso', { headers: { 'if-none-match': etag } })).status).toBe(304)
  })

  test('an answer that breaks off does not look whole', async () => {
    const port = await echo()
    const house = await openHouse({ port })
    for (const path of ['/broken', '/chunks']) {
      const { status, body, broken } = await (await client(house, port))(path)
      expect([path, status, String(body)]).toEqual([path, 200, 'half'])
      expect(broken).not.toBeNull()
    }
  })

  test('asked for another host is answered with 421, whatever the list says', async () => {
    const seen: IncomingMessage[] = []
    const port = await echo(seen)
    const ask = await client(await openHouse({ port }), port)
    for (const host of [`other.localhost:${port}`, 'localhost', `localhost:${port + 1}`])
      expect((await ask('/', { host })).status).toBe(421)
    expect((await ask('/', { host: `LOCALHOST:${port}` })).status).toBe(200)
    expect(seen).toHaveLength(1)
  })
})

test.each([
  ['GET http://localhost:PORT/ HTTP/1.1\r\nhost: localhost:PORT', '421'],
  ['GET https://other.example/ HTTP/1.1\r\nhost: localhost:PORT', '421'],
  ['GET https://localhost:PORT/x HTTP/1.1\r\nhost: localhost:PORT\r\nconnection: close', '200'],
  ['GET http://localhost:PORT/ HTTP/1.1\r\nhost: localhost:PORT\r\nconnection: upgrade\r\nupgrade: x', '421'],
  ['CONNECT other.example:443 HTTP/1.1\r\nhost: other.example:443', '400'],
  ['OPTIONS * HTTP/1.1\r\nhost: localhost:PORT', '400'],
  ['GET /proxy.pac HTTP/1.1\r\nhost: localhost:PORT', '200']
])('%s on an opened connection is answered with %s', async (request, expected) => {
  const seen: IncomingMessage[] = []
  const port = await echo(seen)
  const house = await openHouse({ port })
  const socket = await tlsThrough(house.proxy, `localhost:${port}`, { ca: house.ca })
  socket.write(`${request.replaceAll('PORT', String(port))}\r\n\r\n`)
  const [first] = (await once(socket, 'data')) as [Buffer]
  expect(String(first).slice(9, 12)).toBe(expected)
  expect(seen.length).toBe(expected === '200' ? 1 : 0)
})

describe('the certificate of an origin', () => {
  const clean = async (at: number) => ({ at, issuer: await caAt(at) })
  test.each<[string, () => Promise<object>, RegExp]>([
    ['has expired', () => clean(Date.now() - 40 * dayMs), /not to be trusted.*certificate/],
    [
      'is for another name',
      async () => ({ issuer: await caAt(Date.now(), 'elsewhere.example'), host: 'elsewhere.example' }),
      /not to be trusted/
    ],
    ['is by nobody we know', async () => ({ issuer: await caAt(Date.now()) }), /not to be trusted/]
  ])('that %s is refused each time, and the client is told', async (_name, tls, expected) => {
    let asked = 0
    const port = await tlsOrigin((_req, res) => void res.end(String(asked++)), await tls())
    const house = await openHouse({ port })
    const authority = `localhost:${port}`
    for (const protocol of [http1, http2]) {
      const socket = await tlsThrough(house.proxy, authority, {
        ca: house.ca,
        ALPNProtocols: [protocol === http1 ? 'http/1.1' : 'h2']
      })
      const got = await (await protocol(socket, authority))('/')
      expect([got.status, String(got.body)]).toEqual([502, expect.stringMatching(expected)])
    }
    expect([asked, house.intercept.view().tunnelled]).toEqual([0, []])
  })
})

describe('is tunnelled as it is', () => {
  test('a host that is not listed: the certificate is the origin’s', async () => {
    const port = await echo()
    const house = await openHouse({ port, hosts: ['other.example'] })
    const socket = await tlsThrough(house.proxy, `localhost:${port}`, {
      ca: (await originCa()).certificatePem
    })
    expect(socket.getPeerX509Certificate()?.issuer).toContain('origins')
    expect(String((await (await http1(socket, `localhost:${port}`))('/')).body)).toBe('got ')
  })

  test('a host that is listed, but never to be intercepted', async () => {
    const house = await openHouse({ port: 443, hosts: ['*.microsoft.com', 'files.example'] })
    const wants = (host: string) => house.intercept.wants({ host, port: 443, client: '127.0.0.1' })
    expect(
      ['tsfe.trafficshaping.dsp.mp.microsoft.com', 'LOGIN.live.com', 'fe3.update.microsoft.com'].map(wants)
    ).toEqual([false, false, false])
    expect(['files.example', 'FILES.example.', 'download.microsoft.com'].map(wants)).toEqual([
      true,
      true,
      true
    ])
    // Whose makers say that they must not be inspected.
    const more = ['winatp-gw-weu3', 'ekcert.spserv', 'wdcpalt', 'x.dm'].map(name => `${name}.microsoft.com`)
    expect(more.map(wants)).toEqual([false, false, false, false])
    expect(house.intercept.wants({ host: 'files.example', port: 8443, client: '' })).toBe(false)
    expect(['a.files.example', '192.0.2.1', '[::1]', 'example'].map(wants)).toEqual([
      false,
      false,
      false,
      false
    ])
  })

  test('who waits for the other side to speak first, instead of waiting for ever', async () => {
    const [client] = duplexPair()
    expect(await beginsLikeTls(client, 1)).toBe(false)
    expect(client.listenerCount('readable')).toBe(0)
  })

  test('what is not TLS, from its first byte on', async () => {
    const port = await echo()
    const house = await openHouse({ port })
    const socket = await tunnel(house.proxy, `localhost:${port}`)
    const answered = once(socket, 'data')
    socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n')
    // What Node's TLS server says to plain http, or that it hangs up, is the origin's affair.
    await Promise.race([answered, once(socket, 'close')])
    expect(house.intercept.view()).toMatchObject({ opened: 0, tunnelled: [] })
  })
})

describe('a list of hosts that changes', () => {
  test('holds from the next connection on, as far as the CA may name what is in it', async () => {
    const port = await echo()
    const house = await openHouse({ port })
    const { intercept, problems } = house
    const wants = (host: string) => intercept.wants({ host, port, client: '10.0.0.1' })
    const before = await http1(
      await tlsThrough(house.proxy, `localhost:${port}`, { ca: house.ca }),
      `localhost:${port}`
    )

    await intercept.follow(['elsewhere.example', 'deep.localhost'])
    expect(['localhost', 'elsewhere.example'].map(wants)).toEqual([false, false])
    expect(problems.at(-1)).toContain('intercept.hosts is not what the CA was made for')
    expect(intercept.view().hosts).toEqual(['elsewhere.example', 'deep.localhost'])
    // What was opened before stays open.
    expect((await before('/x')).headers['x-asked']).toBe('GET /x')
    const { authorized } = await tlsThrough(house.proxy, `localhost:${port}`, {
      ca: (await originCa()).certificatePem
    })
    expect(authorized).toBe(true)

    await intercept.follow([`localhost:${port}`])
    expect(wants('localhost')).toBe(true)
  })
})

describe('who does not take our certificate', () => {
  const origin = async () => ({ port: await echo(), trusted: (await originCa()).certificatePem })

  test('and says so gets a tunnel the next time, also after a restart; others do not', async () => {
    const { port, trusted } = await origin()
    const house = await openHouse({ port })
    const url = `https://localhost:${port}/`
    const proxy = `http://127.0.0.1:${house.proxy.port}`
    await expect(run('curl', ['-sS', '-x', proxy, url])).rejects.toThrow(/certificate/)
    await expect
      .poll(() => house.intercept.view().tunnelled)
      .toMatchObject([
        { host: 'localhost', port, client: '127.0.0.1', why: expect.stringMatching(/unknown ca/) as unknown }
      ])
    const socket = await tlsThrough(house.proxy, `localhost:${port}`, { ca: trusted })
    expect(socket.getPeerX509Certificate()?.issuer).toContain('origins')
    const target = { host: 'localhost', port, client: '127.0.0.1' }
    expect(house.intercept.wants({ ...target, client: '192.0.2.9' })).toBe(true)

    const again = await openHouse({ port, remembered: house.kept() })
    expect(again.intercept.wants(target)).toBe(false)
    const later = await openHouse({
      port,
      remembered: house.kept(),
      now: () => Date.now() + 2 * dayMs
    })
    expect(later.intercept.wants(target)).toBe(true)
  })

  test('is intercepted again when it is forgotten, by host and by client, and stays so over a restart', async () => {
    const place = (host: string, client: string) => ({ host, port: 443, client })
    const places = [
      place('a.example', '192.0.2.1'),
      place('a.example', '192.0.2.2'),
      place('b.example', '192.0.2.1'),
      place('b.example', '192.0.2.2')
    ]
    const remembered = places.map(one => ({ ...one, why: 'unknown ca', until: Date.now() + dayMs }))
    const hosts = ['a.example', 'b.example']
    const house = await openHouse({ port: 443, hosts, remembered })
    const wanted = ({ intercept }: House = house) => places.map(one => intercept.wants(one))
    expect(house.intercept.retry({ host: 'c.example' })).toBe(0)
    expect(house.intercept.retry({ host: 'A.example.', client: '192.0.2.1' })).toBe(1)
    expect(wanted()).toEqual([true, false, false, false])
    expect(house.intercept.retry({ client: '192.0.2.2' })).toBe(2)
    expect(wanted()).toEqual([true, true, false, true])
    expect(wanted(await openHouse({ port: 443, hosts, remembered: house.kept() }))).toEqual(wanted())
    expect(house.intercept.retry({})).toBe(1)
    expect(wanted()).toEqual([true, true, true, true])
  })

  test.each(['TLSv1.2', 'TLSv1.3'] as const)(
    'and leaves without a word, twice, with %s',
    async maxVersion => {
      const { port, trusted } = await origin()
      const house = await openHouse({ port })
      const leave = async () => {
        const socket = await tunnel(house.proxy, `localhost:${port}`)
        const tls = connectTls({ socket, servername: 'localhost', ca: trusted, maxVersion })
        await expect(once(tls, 'secureConnect')).rejects.toThrow()
      }
      await leave()
      await expect.poll(() => house.intercept.view().rejected).toBe(1)
      expect(house.intercept.view().tunnelled).toEqual([])
      // Somebody who does take it in between shows that the first one meant nothing.
      const socket = await tlsThrough(house.proxy, `localhost:${port}`, { ca: house.ca })
      expect((await (await http1(socket, `localhost:${port}`))('/')).status).toBe(200)
      await leave()
      await expect.poll(() => house.intercept.view().rejected).toBe(2)
      expect(house.intercept.view().tunnelled).toEqual([])
      await leave()
      await expect.poll(() => house.intercept.view().tunnelled).toHaveLength(1)
      const tunnelled = await tlsThrough(house.proxy, `localhost:${port}`, { ca: trusted })
      expect(tunnelled.getPeerX509Certificate()?.issuer).toContain('origins')
    }
  )

  test('a protocol in TLS that is not HTTP is broken off once, then tunnelled', async () => {
    const { port } = await origin()
    const house = await openHouse({ port })
    const socket = await tlsThrough(house.proxy, `localhost:${port}`, { ca: house.ca })
    socket.on('error', () => {}).resume()
    socket.write('\u0001\u0002 HELO\r\n')
    await once(socket, 'close')
    expect(house.intercept.view().tunnelled).toMatchObject([
      { why: expect.stringMatching(/not HTTP/) as unknown }
    ])
  })

  test('is not told by one that has spoken, if only of itself, or too much at once', async () => {
    const { port } = await origin()
    const house = await openHouse({ port })
    const authority = `localhost:${port}`
    for (let times = 0; times < 3; times++) {
      const stocked = await tlsThrough(house.proxy, authority, { ca: house.ca, ALPNProtocols: ['h2'] })
      const session = connectHttp2(`https://${authority}`, { createConnection: () => stocked })
      session.on('error', () => {})
      await once(session, 'localSettings')
      stocked.destroy()
      const chatty = await tlsThrough(house.proxy, authority, { ca: house.ca })
      chatty.on('error', () => {})
      chatty.write(`GET / HTTP/1.1\r\nhost: ${authority}\r\nx: ${'x'.repeat(40 * KiB)}\r\n\r\n`)
      const [answer] = (await once(chatty, 'data')) as [Buffer]
      expect(String(answer)).toMatch(/^HTTP\/1.1 431 /)
      chatty.destroy()
    }
    await expect.poll(() => house.intercept.view()).toMatchObject({ opened: 6, rejected: 0, tunnelled: [] })
  })

  test('so is one that says its name in the handshake', async () => {
    const { port } = await origin()
    const house = await openHouse({ port })
    const options = { ca: house.ca, ALPNProtocols: ['xmpp-client'] }
    await expect(tlsThrough(house.proxy, `localhost:${port}`, options)).rejects.toThrow()
    await expect.poll(() => house.intercept.view().tunnelled).toHaveLength(1)
  })

  test('a websocket is told to try again, and gets a tunnel then', async () => {
    const { port } = await origin()
    const house = await openHouse({ port })
    const authority = `localhost:${port}`
    const ask = await http1(await tlsThrough(house.proxy, authority, { ca: house.ca }), authority)
    const got = await ask('/ws', { headers: { connection: 'upgrade', upgrade: 'websocket' } })
    expect([got.status, String(got.body)]).toEqual([501, expect.stringContaining('try again')])
    expect(house.intercept.wants({ host: 'localhost', port, client: '127.0.0.1' })).toBe(false)
  })
})

test.each(['TLSv1.2', 'TLSv1.3'] as const)(
  'an origin that wants a certificate of its client gets the client itself, with %s',
  async maxVersion => {
    const trusted = await originCa()
    const port = await tlsOrigin((_req, res) => void res.end('private'), {
      requestCert: true,
      ca: trusted.certificatePem,
      maxVersion
    })
    const house = await openHouse({ port })
    const authority = `localhost:${port}`
    const ask = await http1(await tlsThrough(house.proxy, authority, { ca: house.ca }), authority)
    expect((await ask('/')).status).toBe(502)
    expect(house.intercept.view().tunnelled).toMatchObject([{ host: 'localhost', client: '' }])
    for (const who of ['127.0.0.1', '192.0.2.9'])
      expect(house.intercept.wants({ host: 'localhost', port, client: who })).toBe(false)
  }
)

test.each([
  ['http/1.1', http1],
  ['h2', http2]
] as const)('what a client may take is counted once, on its tunnel, over %s', async (alpn, speak) => {
  const port = await tlsOrigin((_req, res) => void res.end(Buffer.alloc(200 * KiB)))
  const limits = { ...limitsShape.parse({}), local: true, connections: 4, bytesPerDay: MiB }
  const house = await openHouse({ port, limits })
  const authority = `localhost:${port}`
  for (let connection = 0; connection < 3; connection++) {
    const socket = await tlsThrough(house.proxy, authority, { ca: house.ca, ALPNProtocols: [alpn] })
    const ask = await speak(socket, authority)
    const told =
      alpn === 'h2' ? await Promise.all([ask('/a'), ask('/b')]) : [await ask('/a'), await ask('/b')]
    // After two connections it has taken 800 KiB, which counted twice would be too much.
    expect(told.map(({ status }) => status)).toEqual([200, 200])
    socket.destroy()
  }
  // The proxy hears of the third one's end a moment later.
  const again = () => tunnel(house.proxy, authority).then(String, String)
  await expect.poll(again).toMatch(/429/)
  expect(house.proxy.tally().refused).toEqual({ 'bytes-per-day': 1 })
})

test('closing the proxy ends opened connections', async () => {
  const port = await tlsOrigin(() => {})
  const house = await openHouse({ port })
  const ended: Array<Promise<unknown>> = []
  for (const speak of [http1, http2]) {
    const socket = await tlsThrough(house.proxy, `localhost:${port}`, {
      ca: house.ca,
      ALPNProtocols: [speak === http1 ? 'http/1.1' : 'h2']
    })
    const ask = await speak(socket, `localhost:${port}`)
    ask('/never').catch(() => {})
    ended.push(once(socket, 'close'))
  }
  await house.proxy.close()
  await Promise.all(ended)
})
