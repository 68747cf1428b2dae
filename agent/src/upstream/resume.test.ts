import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http'
import { afterEach, describe, expect, test } from 'vitest'
import { ask } from '../../../test/doubles/asking.ts'
import {
  cleanUp,
  content,
  etag,
  faultyProxy,
  lastModified,
  origin,
  serve,
  upstreamOf
} from '../../../test/doubles/proxy-harness.ts'
import type { UpstreamOptions } from './upstream.ts'

afterEach(cleanUp)

const upstream = (options: UpstreamOptions = {}) => upstreamOf({ allowPrivate: ['127.0.0.0/8'], ...options })
const text = content.toString('latin1')

/** Breaks its first answers after so many bytes; then all is well, except what `answer` makes of it. */
async function breaking(
  breaks: number,
  answer: (rest: { readonly start: number; readonly headers: OutgoingHttpHeaders }) => {
    readonly status: number
    readonly headers: OutgoingHttpHeaders
    readonly body: Buffer
  } = ({ start, headers }) => ({ status: 206, headers, body: content.subarray(start) }),
  given: OutgoingHttpHeaders = { etag }
): Promise<{ url: string; seen: IncomingMessage[] }> {
  const seen: IncomingMessage[] = []
  const url = await serve((req, res) => {
    seen.push(req)
    const start = Number(/^bytes=(\d+)-/.exec(req.headers.range ?? '')?.[1] ?? 0)
    const headers = {
      ...given,
      'content-length': content.length - start,
      ...(req.headers.range === undefined
        ? {}
        : { 'content-range': `bytes ${start}-${content.length - 1}/${content.length}` })
    }
    if (seen.length <= breaks) {
      res.writeHead(req.headers.range === undefined ? 200 : 206, headers)
      return void res.write(content.subarray(start, start + 100_000), () => req.socket.destroy())
    }
    const told = answer({ start, headers })
    res.writeHead(told.status, told.headers).end(told.body)
  })
  return { url, seen }
}

describe('a body that breaks', () => {
  test('goes on at the very byte, as often as it must, and nobody notices', async () => {
    const { url, seen } = await breaking(3)
    const port = upstream()
    const [response, body] = await ask(port, url, {
      headers: { 'if-none-match': '"old"', authorization: 'Basic x' }
    })
    expect([response.status, body === text]).toEqual([200, true])
    const ranges = seen
      .slice(1)
      .map(({ headers }) => [headers.range, headers['if-range'], headers['if-none-match']])
    expect(ranges).toEqual(
      [100_000, 200_000, 300_000].map(at => [`bytes=${at}-${content.length - 1}`, etag, undefined])
    )
    expect(seen[3]!.headers.authorization).toBe('Basic x')
    expect(port.upstreams()[0]).toMatchObject({ requests: 4, failures: 3, resumes: 3, inFlight: 0 })
  })

  test('so does a part of it, up to its own end, even in smaller parts', async () => {
    const { url, seen } = await breaking(1, ({ start }) => {
      const end = Math.min(start + 1_000_000, content.length)
      const place = `bytes ${start}-${end - 1}/${content.length}`
      return { status: 206, headers: { etag, 'content-range': place }, body: content.subarray(start, end) }
    })
    const range = { start: 2_000_000, end: content.length }
    const [response, body] = await ask(upstream(), url, { range, ifRange: etag })
    expect([response.status, response.start, body === text.slice(2_000_000)]).toEqual([206, 2_000_000, true])
    expect(seen.map(({ headers }) => headers.range)).toEqual(
      [2_000_000, 2_100_000, 3_100_000].map(at => `bytes=${at}-${content.length - 1}`)
    )
  })

  test('goes on elsewhere when there is somebody else', async () => {
    const [url, a, b] = [await origin(), await faultyProxy(), await faultyProxy()]
    const server = (name: string, address: string) =>
      ({
        name,
        kind: 'proxy',
        url: address,
        weight: 1,
        maxFails: 3,
        failTimeoutMs: 10_000,
        probe: null
      }) as const
    const servers = [server('a', a.url), server('b', b.url)]
    for (const how of ['reset', 'hang'] as const) {
      a.fault = { kind: 'stop', afterBytes: 500_000, how }
      const port = upstream({ servers, rules: [{ use: ['a', 'b'] }], timeouts: { bodyIdleMs: 50 } })
      const [response, body] = await ask(port, url)
      expect([response.via, body === text]).toEqual(['proxy a', true])
    }
    expect([a.targets.length, b.targets.length]).toEqual([2, 2])
    expect(b.headers.map(headers => headers.range)).toEqual(
      Array(2).fill(`bytes=500000-${content.length - 1}`)
    )
  })

  test('that never comes to an end is given up', async () => {
    const { url, seen } = await breaking(Infinity)
    await expect(ask(upstream(), url)).rejects.toMatchObject({ code: 'upstream-short' })
    expect(seen).toHaveLength(5)
  })

  test('a date is enough if it is older than the answer by a minute', async () => {
    const date = new Date().toUTCString()
    const old = await breaking(1, undefined, { 'last-modified': lastModified })
    expect((await ask(upstream(), old.url))[1] === text).toBe(true)
    expect(old.seen[1]!.headers['if-range']).toBe(lastModified)
    const fresh = await breaking(1, undefined, { 'last-modified': date, date })
    await expect(ask(upstream(), fresh.url)).rejects.toMatchObject({ code: 'upstream-short' })
  })
})

describe('is never joined to what may be another version', () => {
  const cases: Record<string, Parameters<typeof breaking>> = {
    'another ETag': [
      1,
      ({ start, headers }) => ({
        status: 206,
        headers: { ...headers, etag: '"v2"' },
        body: content.subarray(start)
      })
    ],
    'the whole, because it has changed': [
      1,
      () => ({ status: 200, headers: { etag: '"v2"', 'content-length': 3 }, body: Buffer.from('new') })
    ],
    'another length': [
      1,
      ({ start, headers }) => ({
        status: 206,
        headers: {
          ...headers,
          'content-range': `bytes ${start}-${content.length - 1}/${content.length + 1}`
        },
        body: content.subarray(start)
      })
    ],
    'another place': [
      1,
      ({ start, headers }) => ({
        status: 206,
        headers: {
          ...headers,
          'content-range': `bytes ${start + 1}-${content.length - 1}/${content.length}`,
          'content-length': content.length - start - 1
        },
        body: content.subarray(start + 1)
      })
    ],
    'another encoding': [
      1,
      ({ start, headers }) => ({
        status: 206,
        headers: { ...headers, 'content-encoding': 'gzip' },
        body: content.subarray(start)
      })
    ]
  }
  test.each(Object.entries(cases))('%s', async (_, given) => {
    const { url, seen } = await breaking(...given)
    await expect(ask(upstream(), url)).rejects.toMatchObject({ code: 'upstream-short' })
    expect(seen).toHaveLength(2)
  })

  test.each([[{ etag: 'W/"weak"' }], [{}]])('a body with %j breaks as it did', async given => {
    const { url, seen } = await breaking(1, undefined, given)
    await expect(ask(upstream(), url)).rejects.toMatchObject({ code: 'upstream-short' })
    expect(seen).toHaveLength(1)
  })
})
