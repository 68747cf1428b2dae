import { hash } from 'node:crypto'
import type { IncomingMessage, OutgoingHttpHeaders, RequestListener } from 'node:http'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { tooSmallToShare } from '@starling/shared/http-sharing.ts'
import { MiB, secondMs } from '@starling/shared/units.ts'
import {
  ask,
  cleanUp,
  lastModified,
  proxyOf,
  serve,
  sha256,
  swarm,
  upstreamOf,
  type Answer
} from '../../../test/doubles/proxy-harness.ts'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'] })
})
afterEach(async () => {
  vi.useRealTimers()
  await cleanUp()
})

const pass = (seconds: number): void => void vi.advanceTimersByTime(seconds * secondMs)

interface Small {
  readonly url: string
  readonly seen: IncomingMessage[]
  readonly ask: (headers?: OutgoingHttpHeaders, method?: string, path?: string) => Promise<Answer>
}

/** A proxy before an origin that answers like this. */
async function small(answer: RequestListener): Promise<Small> {
  const seen: IncomingMessage[] = []
  const url = await serve((req, res) => {
    seen.push(req)
    answer(req, res)
  })
  const upstream = upstreamOf()
  const proxy = await proxyOf(swarm(upstream), {}, upstream)
  return { url, seen, ask: (headers, method, path = '/page') => ask(proxy, `${url}${path}`, headers, method) }
}

const always =
  (headers: OutgoingHttpHeaders, body = 'body', status = 200): RequestListener =>
  (_req, res) =>
    void res.writeHead(status, headers).end(body)

/** The table below is made when this file is read, seconds before its tests on a busy machine; Node's own Date is never faked. */
const readAt = Date.now()

describe('what is fresh', () => {
  test.each<[string, OutgoingHttpHeaders]>([
    ['max-age', { 'cache-control': 'max-age=60' }],
    ['s-maxage', { 'cache-control': 'max-age=1, s-maxage=60' }],
    ['Expires', { date: new Date(readAt).toUTCString(), expires: new Date(readAt + 60_000).toUTCString() }]
  ])('by %s is given without asking, with an Age that grows, and with its Date', async (_name, headers) => {
    vi.setSystemTime(readAt)
    const { ask, seen } = await small(always(headers))
    const first = await ask()
    expect([first.status, first.headers['x-starling']]).toEqual([200, expect.stringContaining('kept')])
    pass(59)
    const again = await ask()
    expect([again.body.toString(), again.headers.age, seen.length]).toEqual(['body', '59', 1])
    expect(again.headers['x-starling']).toBe('cache; class=generic; fresh')
    expect(again.headers.date).toBe(first.headers.date)
    pass(2)
    await ask()
    expect(seen).toHaveLength(2)
  })

  test('may have grown old on the way already', async () => {
    const { ask, seen } = await small(always({ 'cache-control': 'max-age=60', age: '50' }))
    await ask()
    pass(5)
    expect((await ask()).headers.age).toBe('55')
    pass(6)
    await ask()
    expect(seen).toHaveLength(2)
  })

  test('comes without a Date: it is dated when it came', async () => {
    const { ask } = await small((_req, res) => {
      res.sendDate = false
      res.writeHead(200, { 'cache-control': 'max-age=60' }).end('body')
    })
    // Not the year in which node would date it.
    vi.setSystemTime('2040-01-01T00:00:00Z')
    const came = new Date().toUTCString()
    await ask()
    pass(30)
    expect((await ask()).headers.date).toBe(came)
  })

  test('answers conditions, ranges and HEAD', async () => {
    const { ask, seen } = await small(
      always({ 'cache-control': 'max-age=60', etag: '"1"', 'last-modified': lastModified }, '0123456789')
    )
    await ask()
    const facts = async (headers: OutgoingHttpHeaders, method = 'GET'): Promise<unknown[]> => {
      const answer = await ask(headers, method)
      return [answer.status, answer.body.toString(), answer.headers['content-range']]
    }
    expect(await facts({ 'if-none-match': 'W/"1"' })).toEqual([304, '', undefined])
    expect(await facts({ 'if-modified-since': lastModified })).toEqual([304, '', undefined])
    expect(await facts({ 'if-match': '"2"' })).toEqual([412, '', undefined])
    expect(await facts({ range: 'bytes=2-4' })).toEqual([206, '234', 'bytes 2-4/10'])
    expect(await facts({ range: 'bytes=-3' })).toEqual([206, '789', 'bytes 7-9/10'])
    expect(await facts({ range: 'bytes=10-' })).toEqual([416, '', 'bytes */10'])
    expect(await facts({ range: 'bytes=2-4', 'if-range': '"1"' })).toEqual([206, '234', 'bytes 2-4/10'])
    expect(await facts({ range: 'bytes=2-4', 'if-range': '"2"' })).toEqual([200, '0123456789', undefined])
    expect(await facts({}, 'HEAD')).toEqual([200, '', undefined])
    expect((await ask({}, 'HEAD')).headers['content-length']).toBe('10')
    const several = await ask({ range: 'bytes=0-1,8-9' })
    expect([several.status, several.body.toString()]).toEqual([206, expect.stringMatching(/01[^]*89/)])
    expect(seen).toHaveLength(1)
  })

  test('answers a range that came first, out of the whole', async () => {
    const { ask, seen } = await small(always({ 'cache-control': 'max-age=60' }, '0123456789'))
    expect((await ask({ range: 'bytes=1-2' })).body.toString()).toBe('12')
    expect((await ask()).body.toString()).toBe('0123456789')
    expect(seen.map(({ headers }) => headers.range)).toEqual([undefined])
  })

  test('is not the same under another port', async () => {
    const one = await small(always({ 'cache-control': 'max-age=60' }, 'one'))
    const other = await serve(always({ 'cache-control': 'max-age=60' }, 'other'))
    const upstream = upstreamOf()
    const proxy = await proxyOf(swarm(upstream), {}, upstream)
    const bodies = [await ask(proxy, `${one.url}/page`), await ask(proxy, `${other}/page`)]
    expect(bodies.map(({ body }) => body.toString())).toEqual(['one', 'other'])
  })

  test('is not any more after something else than a GET has succeeded', async () => {
    let version = 1
    const { ask } = await small((req, res) => {
      if (req.method === 'POST') version++
      res.writeHead(version > 2 ? 500 : 200, { 'cache-control': 'max-age=60' }).end(`v${version}`)
    })
    await ask()
    await ask({}, 'POST')
    expect((await ask()).body.toString()).toBe('v2')
    await ask({}, 'POST')
    expect((await ask()).body.toString()).toBe('v2')
  })
})

describe('what is stale', () => {
  const revised =
    (headers: OutgoingHttpHeaders, news: () => OutgoingHttpHeaders = () => headers): RequestListener =>
    (req, res) => {
      const conditional = 'if-none-match' in req.headers || 'if-modified-since' in req.headers
      if (conditional) res.writeHead(304, news()).end()
      else res.writeHead(200, headers).end('body')
    }

  test.each<[string, OutgoingHttpHeaders, string]>([
    ['an ETag', { etag: '"1"' }, 'if-none-match'],
    ['a date', { 'last-modified': lastModified }, 'if-modified-since']
  ])('is validated by %s, and by what the 304 says fresh again', async (_name, validator, condition) => {
    const headers = { ...validator, 'cache-control': 'max-age=10', 'x-count': '1' }
    const { ask, seen } = await small(revised(headers, () => ({ ...headers, 'x-count': '2' })))
    await ask()
    pass(11)
    const answer = await ask()
    expect([answer.status, answer.body.toString(), answer.headers['x-count'], answer.headers.age]).toEqual([
      200,
      'body',
      '2',
      '0'
    ])
    expect(answer.headers['x-starling']).toContain('validated')
    expect(seen[1]!.headers[condition]).toBe(Object.values(validator)[0])
    pass(9)
    await ask()
    expect(seen).toHaveLength(2)
  })

  test('is also confirmed by a 304 that names no validator', async () => {
    const headers = { 'last-modified': lastModified, 'cache-control': 'max-age=10' }
    const { ask, seen } = await small(revised(headers, () => ({ 'cache-control': 'max-age=10' })))
    await ask()
    pass(11)
    expect((await ask()).headers['x-starling']).toContain('validated')
    expect(seen).toHaveLength(2)
  })

  test('is asked for anew when the 304 speaks of another version', async () => {
    const headers = { etag: '"1"', 'cache-control': 'max-age=10' }
    const { ask, seen } = await small(revised(headers, () => ({ etag: '"2"' })))
    await ask()
    pass(11)
    expect((await ask()).body.toString()).toBe('body')
    expect(seen.map(({ headers: asked }) => asked['if-none-match'])).toEqual([undefined, '"1"', undefined])
  })

  test('is replaced by a 200', async () => {
    let version = 0
    const { ask, seen } = await small((_req, res) => {
      version++
      res.writeHead(200, { etag: `"${version}"`, 'cache-control': 'max-age=10' }).end(`v${version}`)
    })
    await ask()
    pass(11)
    expect((await ask()).body.toString()).toBe('v2')
    expect((await ask()).body.toString()).toBe('v2')
    expect(seen).toHaveLength(2)
  })

  test('is validated each time when it says no-cache', async () => {
    const { ask, seen } = await small(revised({ etag: '"1"', 'cache-control': 'no-cache' }))
    for (let times = 0; times < 3; times++) expect((await ask()).body.toString()).toBe('body')
    expect(seen.map(({ headers }) => headers['if-none-match'])).toEqual([undefined, '"1"', '"1"'])
  })

  test('with stale-while-revalidate is given at once, and made fresh once for all', async () => {
    const renewal = Promise.withResolvers<void>()
    const asked = Promise.withResolvers<void>()
    let version = 0
    const headers = { etag: '"1"', 'cache-control': 'max-age=10, stale-while-revalidate=60' }
    const { ask } = await small((_req, res) => {
      version++
      const answer = (): void => void res.writeHead(200, headers).end(`v${version}`)
      if (version === 1) return answer()
      asked.resolve()
      void renewal.promise.then(answer)
      res.once('close', () => finished.resolve())
    })
    const finished = Promise.withResolvers<void>()
    await ask()
    pass(11)
    const answers = await Promise.all(Array.from({ length: 5 }, () => ask()))
    expect(answers.map(({ body }) => body.toString())).toEqual(Array(5).fill('v1'))
    await asked.promise
    renewal.resolve()
    await finished.promise
    pass(60)
    expect((await ask()).body.toString()).toBe('v2')
  })

  test('with must-revalidate is never given, but what is fresh is, without asking', async () => {
    let status = 200
    const { ask, seen } = await small((_req, res) => {
      const control = 'max-age=10, must-revalidate, stale-if-error=60, stale-while-revalidate=60'
      res.writeHead(status, { etag: '"1"', 'cache-control': control }).end(`${status}`)
    })
    await ask()
    expect([(await ask()).body.toString(), seen.length]).toEqual(['200', 1])
    status = 503
    pass(11)
    expect((await ask()).status).toBe(503)
  })

  test.each<[string, string, number, boolean]>([
    ['an error', 'max-age=10, stale-if-error=60', 200, true],
    ['silence', 'max-age=10, stale-if-error=60', 200, false],
    ['an error, which is told where nothing else is allowed', 'max-age=10', 503, true],
    ['silence, which is told where nothing else is allowed', 'max-age=10', 502, false],
    ['an error, which is told of what is to be asked for each time', 'no-cache, stale-if-error=60', 503, true]
  ])('covers %s', async (_name, control, status, isError) => {
    let isWell = true
    const { ask } = await small((req, res) => {
      if (!isWell && !isError) req.socket.destroy()
      else
        res.writeHead(isWell ? 200 : 503, isWell ? { etag: '"1"', 'cache-control': control } : {}).end('body')
    })
    await ask()
    pass(11)
    isWell = false
    const answer = await ask()
    expect(answer.status).toBe(status)
    expect(answer.headers['x-starling']?.includes('stale-if-error') ?? false).toBe(status === 200)
  })

  test('covers errors without a validator too', async () => {
    let status = 200
    const { ask } = await small((_req, res) => {
      res.writeHead(status, { 'cache-control': 'max-age=10, stale-if-error=60' }).end(`${status}`)
    })
    await ask()
    pass(11)
    status = 500
    expect((await ask()).body.toString()).toBe('200')
  })

  test('is forgotten when the origin makes a secret of it', async () => {
    let control = 'max-age=10, stale-if-error=600'
    let status = 200
    const { ask } = await small((_req, res) => {
      res.writeHead(status, { etag: '"1"', 'cache-control': control }).end(control)
    })
    await ask()
    pass(11)
    control = 'private'
    expect((await ask()).body.toString()).toBe('private')
    status = 500
    expect((await ask()).status).toBe(500)
  })
})

describe('with nothing kept', () => {
  test('conditions go to the origin as they are', async () => {
    const { ask, seen } = await small(always({ etag: '"1"' }, '', 304))
    expect((await ask({ 'if-none-match': '"1"' })).status).toBe(304)
    expect(seen[0]!.headers['if-none-match']).toBe('"1"')
  })
})

describe('not kept is', () => {
  const fresh = { 'cache-control': 'max-age=60', etag: '"1"' }

  test.each<[string, OutgoingHttpHeaders, OutgoingHttpHeaders, number, string]>([
    ['no-store', { 'cache-control': 'no-store, max-age=60' }, {}, 200, '/page'],
    ['private', { 'cache-control': 'private, max-age=60' }, {}, 200, '/page'],
    ['a cookie', { ...fresh, 'set-cookie': 'a=b' }, {}, 200, '/page'],
    ['Vary: *', { ...fresh, vary: 'accept, *' }, {}, 200, '/page'],
    ['for one who is known', fresh, { authorization: 'Basic x' }, 200, '/page'],
    ['for one with a cookie', fresh, { cookie: 'a=b' }, 200, '/page'],
    ['a part', { ...fresh, 'content-range': 'bytes 0-3/9' }, { range: 'bytes=0-3' }, 206, '/page'],
    ['400', fresh, {}, 400, '/page'],
    ['405', fresh, {}, 405, '/page'],
    ['414', fresh, {}, 414, '/page'],
    ['431', fresh, {}, 431, '/page'],
    ['500', fresh, {}, 500, '/page'],
    ['501', fresh, {}, 501, '/page'],
    ['503', fresh, {}, 503, '/page'],
    ['that a download is missing', fresh, {}, 404, '/a.cab'],
    ['a page instead of a download', { ...fresh, 'content-type': 'text/html' }, {}, 200, '/a.cab'],
    ['a download without anything to know it by', { 'cache-control': 'max-age=60' }, {}, 200, '/a.cab']
  ])('%s', async (_name, headers, asked, status, path) => {
    const { ask, seen } = await small(always(headers, 'body', status))
    for (let times = 0; times < 2; times++) {
      const answer = await ask(asked, 'GET', path)
      expect([answer.status, answer.headers['x-starling']]).toEqual([
        status,
        expect.not.stringContaining('; kept')
      ])
    }
    expect(seen).toHaveLength(2)
  })

  test('what a POST brings', async () => {
    const { ask, seen } = await small(always(fresh))
    await ask({}, 'POST')
    await ask()
    expect(seen).toHaveLength(2)
  })

  test('what turns out too large, and yet the client gets all of it', async () => {
    const large = Buffer.alloc(5 * MiB, 7)
    const { ask, seen } = await small((_req, res) => {
      res.writeHead(200, { 'cache-control': 'max-age=60' }).write(large.subarray(0, 100))
      res.end(large.subarray(100))
    })
    for (let times = 0; times < 2; times++) expect(sha256((await ask()).body)).toBe(sha256(large))
    expect(seen).toHaveLength(2)
  })

  test('what broke off, which is broken for the client too', async () => {
    let isWell = false
    const { ask, seen } = await small((_req, res) => {
      res.writeHead(200, { 'cache-control': 'max-age=60', 'content-length': 8 })
      if (isWell) res.end('complete')
      else res.write('comp', () => res.destroy())
    })
    expect((await ask()).broken).not.toBeNull()
    isWell = true
    const answer = await ask()
    expect([answer.broken, answer.body.toString(), seen.length]).toEqual([null, 'complete', 2])
  })

  test('what is not what its name promises: 502, and the right one later', async () => {
    const right = 'the update'
    const name = hash('sha1', right).toUpperCase()
    const path = `/Content/${name.slice(-2)}/${name}.cab`
    let body = 'a portal'
    const { ask, seen } = await small((_req, res) => void res.writeHead(200, fresh).end(body))
    const wrong = await ask({}, 'GET', path)
    expect([wrong.status, wrong.body.toString()]).toEqual([502, expect.stringContaining('promises')])
    body = right
    for (let times = 0; times < 2; times++) expect((await ask({}, 'GET', path)).body.toString()).toBe(right)
    expect(seen).toHaveLength(2)
  })

  test('what of it a part was asked for, when all know already that it is too small for the swarm', async () => {
    const right = 'the update'
    const name = hash('sha1', right).toUpperCase()
    let body = 'a portal'
    const seen: Array<string | undefined> = []
    const url = await serve((req, res) => {
      seen.push(req.headers.range)
      const isPart = req.headers.range !== undefined
      const part = isPart ? { 'content-range': `bytes 4-5/${body.length}` } : {}
      res.writeHead(isPart ? 206 : 200, { ...fresh, ...part }).end(isPart ? body.slice(4, 6) : body)
    })
    const upstream = upstreamOf()
    const small = {
      ...swarm(),
      want: async () => ({ kind: 'pass', reason: tooSmallToShare, response: null }) as const
    }
    const proxy = await proxyOf(small, {}, upstream)
    const askPart = (): Promise<Answer> =>
      ask(proxy, `${url}/Content/${name.slice(-2)}/${name}.cab`, { range: 'bytes=4-5' })
    expect((await askPart()).status).toBe(502)
    body = right
    for (let times = 0; times < 2; times++) {
      const { status, body, headers } = await askPart()
      expect([status, body.toString(), headers['content-range']]).toEqual([206, 'up', 'bytes 4-5/10'])
    }
    expect(seen).toEqual([undefined, undefined])
  })

  test('but a page that is missing may be, if it says for how long', async () => {
    const { ask, seen } = await small(always({ 'cache-control': 'max-age=60' }, 'none', 404))
    await ask()
    expect([(await ask()).status, seen.length]).toEqual([404, 1])
  })

  test('a redirect to the same address in https, which would lead round and round', async () => {
    const { ask, seen } = await small((req, res) => {
      const location = req.url === '/page' ? `https://${req.headers.host}/page` : '/there'
      res.writeHead(301, { location, 'cache-control': 'max-age=60' }).end()
    })
    // Of one who only asks whether it is current redirects are not followed on the way.
    const status = async (path: string): Promise<number> =>
      (await ask({ 'if-none-match': '"1"' }, 'GET', path)).status
    for (let times = 0; times < 2; times++)
      expect([await status('/page'), await status('/moved')]).toEqual([301, 301])
    expect(seen.map(({ url }) => url)).toEqual(['/page', '/moved', '/page'])
  })
})

describe('variants', () => {
  const encoding: RequestListener = (req, res) => {
    const isGzip = (req.headers['accept-encoding'] ?? '').includes('gzip')
    const encoded = isGzip ? { 'content-encoding': 'gzip' } : {}
    const vary = req.url === '/told' ? { vary: 'Accept-Encoding' } : {}
    res.writeHead(200, { 'cache-control': 'max-age=60', ...encoded, ...vary }).end(isGzip ? 'gzip' : 'plain')
  }

  test.each<[string, string[]]>([
    ['/told', ['gzip', 'plain', 'plain', 'gzip']],
    // What is not encoded and does not say that it varies can be read by all.
    ['/untold', ['gzip', 'plain', 'plain', 'plain']]
  ])('%s: an encoding is given to who can read it only', async (path, expected) => {
    const { ask } = await small(encoding)
    const bodies: string[] = []
    for (const accepted of ['gzip', 'identity', 'br', 'gzip'])
      bodies.push((await ask({ 'accept-encoding': accepted }, 'GET', path)).body.toString())
    expect(bodies).toEqual(expected)
  })

  test('lie side by side', async () => {
    const { ask, seen } = await small(encoding)
    const kinds = ['gzip', 'br,gzip', 'gzip', 'br,gzip']
    for (const kind of kinds) await ask({ 'accept-encoding': kind }, 'GET', '/told')
    expect(seen).toHaveLength(2)
  })
})

describe('one client cannot choose what others get', () => {
  const echo =
    (name: string, vary: OutgoingHttpHeaders = {}): RequestListener =>
    (req, res) =>
      void res.writeHead(200, { 'cache-control': 'max-age=60', ...vary }).end(String(req.headers[name]))

  test('by a header of which the cache knows nothing; it reaches the origin all the same', async () => {
    const { ask, seen } = await small(echo('x-forwarded-host'))
    expect((await ask({ 'x-forwarded-host': 'evil.example' })).body.toString()).toBe('evil.example')
    expect((await ask()).body.toString()).toBe('undefined')
    // He gets what others get, as the origin says that it does not vary by it.
    expect((await ask({ 'x-forwarded-host': 'evil.example' })).body.toString()).toBe('undefined')
    expect(seen).toHaveLength(2)
  })

  test.each(['accept', 'accept-language', 'origin'])('by %s', async name => {
    const { ask, seen } = await small(echo(name))
    for (const value of ['one', 'other', 'one'])
      expect((await ask({ [name]: value })).body.toString()).toBe(value)
    expect(seen).toHaveLength(2)
  })

  test('and what the origin names in Vary is kept for each', async () => {
    const { ask, seen } = await small(echo('x-tenant', { vary: 'X-Tenant' }))
    for (const value of ['one', 'other', 'one'])
      expect((await ask({ 'x-tenant': value })).body.toString()).toBe(value)
    expect(seen).toHaveLength(2)
  })

  test('by headers that are too long for the origin, or a range that it cannot read', async () => {
    const { ask } = await small((req, res) => {
      const isLong = (req.headers['user-agent'] ?? '').length > 8000
      res.writeHead(isLong ? 400 : 200, { 'cache-control': 'max-age=60' }).end(req.headers.range ?? 'all')
    })
    expect((await ask({ 'user-agent': 'x'.repeat(9000) })).status).toBe(400)
    await ask({ range: 'bytes=cow' })
    expect((await ask()).body.toString()).toBe('all')
  })
})
