/** What the clients of a cache host get, and do not get. */
import type { IncomingMessage, OutgoingHttpHeaders, RequestListener } from 'node:http'
import { afterEach, describe, expect, test } from 'vitest'
import { MiB } from '@starling/shared/units.ts'
import type { ProxyOptions } from './http-proxy.ts'
import {
  ask,
  cleanUp,
  proxyOf,
  serve,
  swarm,
  upstreamOf,
  type Answer
} from '../../../test/doubles/proxy-harness.ts'

afterEach(cleanUp)

interface Strict {
  readonly seen: IncomingMessage[]
  /** As Delivery Optimization asks. */
  readonly ask: (path: string, headers?: OutgoingHttpHeaders, method?: string) => Promise<Answer>
  /** As a browser asks its proxy. */
  readonly browse: (path: string, headers?: OutgoingHttpHeaders) => Promise<Answer>
}

async function strict(answer: RequestListener, options: Partial<ProxyOptions> = {}): Promise<Strict> {
  const seen: IncomingMessage[] = []
  const url = await serve((req, res) => {
    seen.push(req)
    answer(req, res)
  })
  const upstream = upstreamOf()
  const proxy = await proxyOf(swarm(upstream), { cacheHostAllows: () => true, ...options }, upstream)
  return {
    seen,
    ask: (path, headers, method) =>
      ask(proxy, `${path}?cacheHostOrigin=${new URL(url).host}`, headers, method),
    browse: (path, headers) => ask(proxy, `${url}${path}`, headers)
  }
}

const fresh = { 'cache-control': 'max-age=60', etag: '"1"' }

describe('a client of a cache host never sees', () => {
  test.each([400, 401, 403, 404, 410, 429])('%d', async status => {
    const { ask } = await strict((_req, res) => void res.writeHead(status, fresh).end('no'))
    for (let times = 0; times < 2; times++) expect((await ask('/page')).status).toBe(502)
    expect((await ask('/page', {}, 'HEAD')).status).toBe(502)
  })

  test('an encoding, nor asks for one', async () => {
    const { ask, seen } = await strict(
      (_req, res) => void res.writeHead(200, { ...fresh, 'content-encoding': 'gzip' }).end('gzip')
    )
    for (let times = 0; times < 2; times++)
      expect((await ask('/page', { 'accept-encoding': 'gzip' })).status).toBe(502)
    expect(seen.map(({ headers }) => headers['accept-encoding'])).not.toContain('gzip')
  })

  test('everything, when a part was asked for', async () => {
    const { ask } = await strict(
      (_req, res) => void res.writeHead(200, { 'cache-control': 'no-store', 'content-length': 4 }).end('body')
    )
    expect((await ask('/page', { range: 'bytes=0-1' })).status).toBe(502)
    expect((await ask('/page', { range: 'bytes=0-1', 'if-range': '"0"' })).status).toBe(200)
  })

  test.each<[string, string, OutgoingHttpHeaders]>([
    ['another part than was asked for', 'bytes=4-5', { 'content-range': 'bytes 0-1/10' }],
    ['less than was asked for', 'bytes=0-5', { 'content-range': 'bytes 0-1/10' }],
    ['a part of it does not know how much', 'bytes=0-1', { 'content-range': 'bytes 0-1/*' }],
    [
      'several parts, when one was asked for',
      'bytes=0-1',
      { 'content-type': 'multipart/byteranges; boundary=x' }
    ]
  ])('%s', async (_what, range, headers) => {
    const { ask } = await strict(
      (_req, res) =>
        void res.writeHead(206, { ...headers, 'cache-control': 'no-store', 'content-length': 2 }).end('ab')
    )
    expect((await ask('/page', { range })).status).toBe(502)
  })

  test('the end of its patience', async () => {
    const { ask, seen } = await strict(() => {}, { owedMsMax: 50 })
    for (const path of ['/page', '/file.cab']) {
      expect([(await ask(path)).status, (await ask(path, { range: 'bytes=0-1' })).status]).toEqual([504, 504])
      expect((await ask(path, {}, 'HEAD')).status).toBe(504)
    }
    expect(seen.length).toBeGreaterThan(0)
  })

  test('the end of its patience in the middle of a body, which breaks off', async () => {
    const { ask } = await strict(
      (_req, res) => void res.writeHead(200, { ...fresh, 'content-length': 1000 }).write('some'),
      { owedMsMax: 50 }
    )
    const { status, body, broken } = await ask('/page')
    expect([status, body.toString(), broken]).toEqual([200, 'some', expect.any(Error)])
  })

  test('what was kept for others and is nothing for it', async () => {
    const { ask, browse, seen } = await strict((req, res) => {
      if (req.url === '/missing') res.writeHead(404, { 'cache-control': 'max-age=60' }).end('none')
      else if (req.url === '/moved') res.writeHead(301, { ...fresh, location: '/there' }).end()
      else res.writeHead(200, fresh).end('there')
    })
    const conditional = { 'if-none-match': '"0"' }
    for (let times = 0; times < 2; times++)
      expect([(await browse('/missing')).status, (await browse('/moved', conditional)).status]).toEqual([
        404, 301
      ])
    expect(seen).toHaveLength(2)
    expect([(await ask('/missing')).status, (await ask('/moved')).status]).toEqual([502, 200])
  })
})

describe('a client of a cache host gets', () => {
  test('a length, where the origin does not tell one', async () => {
    const { ask } = await strict((_req, res) => {
      res.writeHead(200, { 'cache-control': 'no-store' }).write('bo')
      res.end('dy')
    })
    const answer = await ask('/page')
    expect([answer.body.toString(), answer.headers['content-length']]).toEqual(['body', '4'])
    expect(answer.headers['transfer-encoding']).toBeUndefined()
  })

  test('502, where what comes without a length is large', async () => {
    const { ask } = await strict((_req, res) => {
      res.writeHead(200, fresh).write('x')
      res.end(Buffer.alloc(5 * MiB))
    })
    expect((await ask('/page')).status).toBe(502)
  })

  test('502, where it broke off', async () => {
    const { ask } = await strict((_req, res) => {
      res.writeHead(200, { 'cache-control': 'no-store' }).write('some', () => res.destroy())
    })
    expect((await ask('/page')).status).toBe(502)
  })

  test('what a redirect leads to', async () => {
    const { ask } = await strict((req, res) => {
      if (req.url === '/page') res.writeHead(302, { location: '/there' }).end()
      else res.writeHead(200, fresh).end('there')
    })
    const answer = await ask('/page')
    expect([answer.status, answer.body.toString()]).toEqual([200, 'there'])
  })

  test('what a redirect leads to, where there was something else', async () => {
    let moved = false
    const { ask } = await strict((req, res) => {
      if (moved && req.url === '/page') res.writeHead(302, { location: '/there' }).end()
      else res.writeHead(200, { etag: '"1"', 'cache-control': 'no-cache' }).end(req.url)
    })
    await ask('/page')
    moved = true
    expect((await ask('/page')).body.toString()).toBe('/there')
  })

  test('parts of what is small and kept, and 416 and 412 as from the origin', async () => {
    const { ask, seen } = await strict((_req, res) => void res.writeHead(200, fresh).end('0123456789'))
    const facts = async (headers: OutgoingHttpHeaders): Promise<unknown[]> => {
      const { status, body } = await ask('/page', headers)
      return [status, body.toString()]
    }
    expect(await facts({ range: 'bytes=2-4' })).toEqual([206, '234'])
    expect(await facts({ range: 'bytes=10-' })).toEqual([416, ''])
    expect(await facts({ 'if-match': '"2"' })).toEqual([412, ''])
    expect(seen).toHaveLength(1)
  })
})
