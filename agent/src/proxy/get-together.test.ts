/** Many clients who want one thing at the same time. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { MiB } from '@starling/shared/units.ts'
import {
  ask,
  cleanUp,
  content,
  leaving,
  origin,
  proxyOf,
  serve,
  sha256,
  swarm,
  upstreamOf,
  watchedCache,
  type Swarm
} from '../../../test/doubles/proxy-harness.ts'
import type { Proxy } from './http-proxy.ts'

// A rejection that nobody handles makes the run fail: vitest watches for them.
afterEach(async () => {
  vi.useRealTimers()
  await cleanUp()
})

/** A request that has come to the origin, and is answered when the test says so. */
interface Arrived {
  readonly req: IncomingMessage
  readonly res: ServerResponse
}

interface Together {
  readonly url: string
  readonly proxy: Proxy
  readonly source: Swarm
  /** The requests that came, in order. */
  readonly came: Arrived[]
  readonly arrived: (count: number) => Promise<Arrived>
  /** So many clients have asked, and wait. */
  readonly asked: (times: number) => Promise<void>
}

async function together(): Promise<Together> {
  const came: Arrived[] = []
  let tell = (): void => {}
  const url = await serve((req, res) => {
    came.push({ req, res })
    tell()
  })
  const upstream = upstreamOf()
  const { cache, asked } = watchedCache()
  const source = swarm(upstream)
  const proxy = await proxyOf(source, {}, upstream, cache)
  return {
    url: `${url}/page`,
    proxy,
    source,
    came,
    asked,
    arrived: async count => {
      while (came.length < count) await new Promise<void>(resolve => (tell = resolve))
      return came[count - 1]!
    }
  }
}

const fresh = { 'cache-control': 'max-age=60' }
const bodies = (answers: ReadonlyArray<{ readonly body: Buffer }>): Set<string> =>
  new Set(answers.map(({ body }) => body.toString()))

test('fifty clients are one request, and all get the same', async () => {
  const { url, proxy, came, arrived, asked } = await together()
  const answers = Array.from({ length: 50 }, () => ask(proxy, url))
  const { res } = await arrived(1)
  await asked(50)
  res.writeHead(200, fresh).end('the same')
  expect(bodies(await Promise.all(answers))).toEqual(new Set(['the same']))
  expect(came).toHaveLength(1)
})

test('what is stale at once answers those who waited, and nobody later', async () => {
  const { url, proxy, came, arrived, asked } = await together()
  const answers = Array.from({ length: 5 }, () => ask(proxy, url))
  const { res } = await arrived(1)
  await asked(5)
  res.writeHead(200, { 'cache-control': 'no-cache', etag: '"1"' }).end('the same')
  expect(bodies(await Promise.all(answers))).toEqual(new Set(['the same']))
  const later = ask(proxy, url)
  ;(await arrived(2)).res.writeHead(304).end()
  expect((await later).body.toString()).toBe('the same')
  expect(came).toHaveLength(2)
})

test('the first bytes of a slow origin reach the client before the last ones are there', async () => {
  const { url, proxy, arrived } = await together()
  const response = fetchVia(proxy, url)
  const { res } = await arrived(1)
  res.writeHead(200, fresh).write('drip')
  const reader = (await response).body!.getReader()
  expect(Buffer.from((await reader.read()).value!).toString()).toBe('drip')
  res.end('drop')
  expect(Buffer.from((await reader.read()).value!).toString()).toBe('drop')
})

describe('when the one who leads goes away', () => {
  test('before the headers, the request goes on for the others', async () => {
    const { url, proxy, came, arrived, asked } = await together()
    const leader = await leaving(proxy, url)
    const { res } = await arrived(1)
    const others = Array.from({ length: 5 }, () => ask(proxy, url))
    await asked(6)
    await leader.goAway()
    res.writeHead(200, fresh).end('the same')
    expect(bodies(await Promise.all(others))).toEqual(new Set(['the same']))
    expect(came).toHaveLength(1)
  })

  test('in the middle of the body, too', async () => {
    const { url, proxy, came, arrived, asked } = await together()
    const leader = await leaving(proxy, url)
    const { res } = await arrived(1)
    const others = Array.from({ length: 5 }, () => ask(proxy, url))
    await asked(6)
    res.writeHead(200, fresh).write('the ')
    await leader.goAway()
    res.end('same')
    expect(bodies(await Promise.all(others))).toEqual(new Set(['the same']))
    expect(came).toHaveLength(1)
  })

  test('and so do all others, the origin is stopped', async () => {
    const { url, proxy, arrived, asked } = await together()
    const clients = [await leaving(proxy, url), await leaving(proxy, url)]
    const { req } = await arrived(1)
    await asked(2)
    const stopped = new Promise<void>(resolve => req.socket.once('close', resolve))
    for (const client of clients) await client.goAway()
    await stopped
  })

  test('and so do all others in the middle of the body, the origin is stopped, and nothing was kept', async () => {
    const { url, proxy, came, arrived, asked } = await together()
    const clients = [await leaving(proxy, url), await leaving(proxy, url)]
    const { req, res } = await arrived(1)
    await asked(2)
    const stopped = new Promise<void>(resolve => req.socket.once('close', resolve))
    res.writeHead(200, fresh).write('the ')
    for (const client of clients) await client.goAway()
    await stopped
    const later = ask(proxy, url)
    ;(await arrived(2)).res.writeHead(200, fresh).end('again')
    expect([(await later).body.toString(), came.length]).toEqual(['again', 2])
  })
})

test('one of the others who goes away disturbs nobody', async () => {
  const { url, proxy, came, arrived, asked } = await together()
  const leader = ask(proxy, url)
  const { res } = await arrived(1)
  const leaver = await leaving(proxy, url)
  await asked(2)
  const other = ask(proxy, url)
  await asked(3)
  await leaver.goAway()
  res.writeHead(200, fresh).end('the same')
  expect(bodies(await Promise.all([leader, other]))).toEqual(new Set(['the same']))
  expect(came).toHaveLength(1)
})

test('of a private answer everybody gets his own', async () => {
  const { url, proxy, came, arrived, asked } = await together()
  const answers = Array.from({ length: 5 }, () => ask(proxy, url))
  const { res } = await arrived(1)
  await asked(5)
  res.writeHead(200, { 'cache-control': 'private' }).end('1')
  for (let count = 2; count <= 5; count++)
    (await arrived(count)).res.writeHead(200, { 'cache-control': 'private' }).end(String(count))
  expect(bodies(await Promise.all(answers))).toEqual(new Set(['1', '2', '3', '4', '5']))
  expect(came).toHaveLength(5)
})

test('each variant is asked for once', async () => {
  const { url, proxy, came, arrived, asked } = await together()
  const kinds = ['br', 'gzip', 'br', 'gzip', 'br', 'gzip']
  const answers = kinds.map(kind => ask(proxy, url, { 'accept-encoding': kind }))
  for (const count of [1, 2]) {
    const { req, res } = await arrived(count)
    // Who waits for the second has asked once more.
    await asked(count === 1 ? 6 : 9)
    res.writeHead(200, { ...fresh, vary: 'accept-encoding' }).end(req.headers['accept-encoding'])
  }
  const got = await Promise.all(answers)
  expect(got.map(({ body }) => body.toString())).toEqual(kinds)
  expect(came).toHaveLength(2)
})

test('a body that breaks off is one client\u2019s, the next one asks for the others', async () => {
  const { url, proxy, came, arrived, asked } = await together()
  const leader = ask(proxy, url)
  const { res } = await arrived(1)
  const others = Array.from({ length: 5 }, () => ask(proxy, url))
  await asked(6)
  res.writeHead(200, { ...fresh, 'content-length': 8 }).write('the ', () => res.destroy())
  ;(await arrived(2)).res.writeHead(200, fresh).end('the same')
  expect((await leader).broken).not.toBeNull()
  expect(bodies(await Promise.all(others))).toEqual(new Set(['the same']))
  expect(came).toHaveLength(2)
})

test('an origin in trouble is not tried by one after the other', async () => {
  const { url, proxy, arrived, asked } = await together()
  const answers = Array.from({ length: 10 }, () => ask(proxy, url))
  const { res } = await arrived(1)
  await asked(10)
  const fail = (one: ServerResponse): void =>
    void one.writeHead(200, { ...fresh, 'content-length': 9 }).write('the ', () => one.destroy())
  fail(res)
  fail((await arrived(2)).res)
  // The rest, at once: none of them has been answered yet.
  await arrived(10)
  for (let count = 3; count <= 10; count++) fail((await arrived(count)).res)
  for (const { broken } of await Promise.all(answers)) expect(broken).not.toBeNull()
})

test('what proves large and shareable comes to the others from the swarm', async () => {
  const seen: IncomingMessage[] = []
  const url = `${await origin(seen)}/large`
  const upstream = upstreamOf()
  const source = swarm(upstream)
  const proxy = await proxyOf(source, {}, upstream)
  const answers = await Promise.all(Array.from({ length: 5 }, () => ask(proxy, url)))
  expect(new Set(answers.map(({ body }) => sha256(body)))).toEqual(new Set([sha256(content)]))
  expect(new Set(answers.map(({ headers }) => headers['x-starling']))).toEqual(
    new Set(['swarm; class=generic'])
  )
})

test('while one validates, the others wait, and are covered by what covers him', async () => {
  vi.useFakeTimers({ toFake: ['Date'] })
  const { url, proxy, came, arrived, asked } = await together()
  const first = ask(proxy, url)
  const headers = { etag: '"1"', 'cache-control': 'max-age=10, stale-if-error=600' }
  ;(await arrived(1)).res.writeHead(200, headers).end('the same')
  await first
  for (const status of [304, 500]) {
    vi.advanceTimersByTime(11_000)
    const before = came.length
    const answers = Array.from({ length: 5 }, () => ask(proxy, url))
    const { res } = await arrived(before + 1)
    await asked(1 + 5 * before)
    res.writeHead(status).end()
    expect(bodies(await Promise.all(answers))).toEqual(new Set(['the same']))
    expect(came).toHaveLength(before + 1)
  }
})

describe('a purge', () => {
  test('is not undone by what was under way', async () => {
    const { url, proxy, arrived, asked } = await together()
    const early = ask(proxy, url)
    const { res } = await arrived(1)
    res.writeHead(200, fresh).write('withdrawn, ')
    await asked(1)
    await proxy.purge(() => true)
    res.end('but already on its way')
    expect((await early).body.toString()).toBe('withdrawn, but already on its way')
    const later = ask(proxy, url)
    ;(await arrived(2)).res.writeHead(200, fresh).end('new')
    expect((await later).body.toString()).toBe('new')
  })

  test('parts those who come after it from those before', async () => {
    const { url, proxy, arrived, asked } = await together()
    const early = [ask(proxy, url), ask(proxy, url)]
    const { res } = await arrived(1)
    await asked(2)
    await proxy.purge(() => true)
    const later = ask(proxy, url)
    const second = await arrived(2)
    res.writeHead(200, fresh).end('withdrawn')
    second.res.writeHead(200, fresh).end('new')
    expect((await later).body.toString()).toBe('new')
    expect(bodies(await Promise.all(early))).toEqual(new Set(['withdrawn', 'new']))
  })

  test('of other keys leaves it alone', async () => {
    const { url, proxy, came, arrived, asked } = await together()
    const early = ask(proxy, url)
    const { res } = await arrived(1)
    await asked(1)
    await proxy.purge(key => key === 'other')
    res.writeHead(200, fresh).end('the same')
    await early
    expect([(await ask(proxy, url)).body.toString(), came.length]).toEqual(['the same', 1])
  })
})

test.each(['before the headers', 'in the middle of the body', 'while it is made fresh'])(
  'a proxy that closes %s leaves nothing hanging',
  async moment => {
    vi.useFakeTimers({ toFake: ['Date'] })
    const { url, proxy, arrived, asked } = await together()
    const last = await (async () => {
      const clients = [await leaving(proxy, url), await leaving(proxy, url), await leaving(proxy, url)]
      const one = await arrived(1)
      await asked(3)
      if (moment === 'in the middle of the body') one.res.writeHead(200, fresh).write('the ')
      if (moment !== 'while it is made fresh') return one
      one.res
        .writeHead(200, { 'cache-control': 'max-age=1, stale-while-revalidate=60', etag: '"1"' })
        .end('x')
      await Promise.all(clients.map(({ answer }) => answer))
      vi.advanceTimersByTime(2000)
      await ask(proxy, url)
      return arrived(2)
    })()
    const stopped = new Promise<void>(resolve => last.req.socket.once('close', resolve))
    await proxy.close()
    await stopped
  }
)

test('what is too large for one who has gone stops its origin', async () => {
  const { url, proxy, arrived, asked } = await together()
  const leader = await leaving(proxy, url)
  const { req, res } = await arrived(1)
  const other = await leaving(proxy, url)
  await asked(2)
  res.writeHead(200, fresh).write('the ')
  await leader.goAway()
  const stopped = new Promise<void>(resolve => req.socket.once('close', resolve))
  res.write(Buffer.alloc(5 * MiB))
  await stopped
  await arrived(2)
  await other.goAway()
})

async function fetchVia(proxy: Proxy, url: string): Promise<Response> {
  // A proxy is asked for whole addresses; fetch would not.
  const { request } = await import('node:http')
  return await new Promise((resolve, reject) => {
    request({ host: proxy.address, port: proxy.port, path: url, agent: false }, response =>
      resolve(new Response(ReadableStream.from(response as AsyncIterable<Buffer>)))
    )
      .on('error', reject)
      .end()
  })
}
