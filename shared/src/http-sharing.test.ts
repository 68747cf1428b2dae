import { describe, expect, test } from 'vitest'
import { recognise } from './content-classes/recognise.ts'
import { freshForMs, headLifeMs, judgeResponse, requestShareable } from './http-sharing.ts'
import type { HeaderList } from './http-fields.ts'
import { promisedByName, type Head } from './manifest.ts'
import { dayMs, hourMs, MiB, secondMs } from './units.ts'

const iso = recognise('http://example.com/a.iso')
const update = recognise(`http://download.windowsupdate.com/c/msdownload/x_${'ab'.repeat(20)}.cab`)
const fine: HeaderList = [
  ['content-type', 'application/octet-stream'],
  ['content-length', String(10 * MiB)],
  ['etag', '"v1"']
]
/** Of 32 bytes 0x0f. */
const base64 = 'Dw8PDw8PDw8PDw8PDw8PDw8PDw8PDw8PDw8PDw8PDw8='
const without = (name: string): HeaderList => fine.filter(([header]) => header !== name)

describe('requests', () => {
  const ask = (headers: HeaderList, method = 'GET', recognised = iso): string | null =>
    requestShareable({ method, headers }, recognised)

  test('a plain GET may be shared, also with the empty body length that Windows sends', () => {
    expect(
      ask([
        ['accept', '*/*'],
        ['range', 'bytes=0-1']
      ])
    ).toBeNull()
    expect(ask([['content-length', '0']])).toBeNull()
    expect(
      ask([
        ['upgrade', 'h2c'],
        ['connection', 'upgrade, http2-settings']
      ])
    ).toBeNull()
    expect(ask([['cache-control', 'max-age=60']])).toBeNull()
  })

  test.each<[HeaderList]>([
    [[['authorization', 'Basic eDp5']]],
    [[['cookie', 'a=b']]],
    [[['cache-control', 'foo="no", No-Store']]],
    [[['cache-control', 'no-cache']]],
    [[['cache-control', 'max-age=0']]],
    [[['pragma', 'no-cache']]],
    [[['upgrade', 'websocket']]],
    [[['content-length', '5']]],
    [[['transfer-encoding', 'chunked']]]
  ])('%j is passed on', headers => {
    expect(ask(headers)).not.toBeNull()
  })

  test('other methods are passed on', () => {
    for (const method of ['HEAD', 'POST', 'PUT', 'get']) expect(ask([], method)).toContain(method)
  })

  test('where the name says which bytes it is, a cookie or a wish for freshness do not matter', () => {
    expect(
      ask(
        [
          ['cookie', 'a=b'],
          ['cache-control', 'no-cache']
        ],
        'GET',
        update
      )
    ).toBeNull()
    expect(ask([['authorization', 'x']], 'GET', update)).not.toBeNull()
    expect(ask([['cache-control', 'no-store']], 'GET', update)).not.toBeNull()
  })

  test('a reload does not go to the origin for what that calls immutable, no-cache does', () => {
    const reload = (value: string, fresh: HeaderList | null): string | null =>
      requestShareable({ method: 'GET', headers: [['cache-control', value]] }, iso, fresh)
    const immutable: HeaderList = [['cache-control', 'max-age=3600, Immutable']]
    expect(reload('max-age=0', immutable)).toBeNull()
    expect(reload('max-age=0', [['cache-control', 'max-age=3600']])).toContain('fresh')
    expect(reload('max-age=0', null)).toContain('fresh')
    expect(reload('no-cache', immutable)).toContain('fresh')
    expect(reload('max-age=0, no-store', immutable)).toContain('no-store')
  })

  test('what is never shared says why', () => {
    expect(ask([], 'GET', recognise('http://x/authrootstl.cab'))).toContain('certificates')
  })
})

describe('responses', () => {
  const judge = (headers: HeaderList, status = 200, recognised = iso): string | number => {
    const judgement = judgeResponse({ status, headers }, recognised)
    return judgement.kind === 'share' ? judgement.head.length : judgement.reason
  }

  test('a plain one begins a transfer', () => {
    const headers: HeaderList = [...fine, ['x-trace', '1'], ['connection', 'keep-alive'], ['date', 'x']]
    expect(judgeResponse({ status: 200, headers }, iso)).toEqual({
      kind: 'share',
      head: {
        key: 'example.com/a.iso',
        length: 10 * MiB,
        validator: '"v1"',
        chunkBytes: MiB,
        contentClass: 'generic-download',
        headers: [
          ['content-type', 'application/octet-stream'],
          ['etag', '"v1"'],
          ['date', 'x']
        ],
        promised: null
      }
    })
  })

  test('a range tells the length of the whole', () => {
    const part: HeaderList = [
      ['content-length', '100'],
      ['content-range', `bytes 0-99/${10 * MiB}`],
      ['last-modified', 'Sun, 06 Nov 1994 08:49:37 GMT']
    ]
    const judgement = judgeResponse({ status: 206, headers: part }, iso)
    expect(judgement).toMatchObject({
      kind: 'share',
      head: { length: 10 * MiB, validator: 'Sun, 06 Nov 1994 08:49:37 GMT' }
    })
  })

  test.each<[string, HeaderList, number?]>([
    ['no-store', [...fine, ['cache-control', 'public, no-store']]],
    ['private', [...fine, ['cache-control', 'private="set-cookie"']]],
    ['cookie', [...fine, ['set-cookie', 'a=b']]],
    ['varies by user-agent', [...fine, ['vary', 'Accept-Encoding, User-Agent']]],
    ['varies by *', [...fine, ['vary', '*']]],
    ['encoded', [...fine, ['content-encoding', 'gzip']]],
    ['status is 404', fine, 404],
    ['status is 302', fine, 302],
    ['length', without('content-length')],
    ['length', [...fine, ['content-length', '7']]],
    ['length', [...fine, ['transfer-encoding', 'chunked']]],
    [
      'too small',
      [
        ['content-length', String(MiB - 1)],
        ['etag', '"v1"']
      ]
    ],
    [
      'too large',
      [
        ['content-length', String(2 ** 40)],
        ['etag', '"v1"']
      ]
    ],
    ['neither', without('etag')],
    ['neither', [...without('etag'), ['etag', 'W/"v1"']]],
    ['neither', [...without('etag'), ['etag', 'v1']]],
    ['neither', [...without('etag'), ['last-modified', 'yesterday']]],
    ['Content-Range', fine, 206],
    [
      'Content-Range',
      [
        ['etag', '"v"'],
        ['content-range', 'bytes 5-4/100']
      ],
      206
    ],
    [
      'Content-Range',
      [
        ['etag', '"v"'],
        ['content-range', `bytes 0-${MiB * 2}/${MiB * 2}`]
      ],
      206
    ],
    [
      'Content-Range',
      [
        ['etag', '"v"'],
        ['content-length', '7'],
        ['content-range', `bytes 0-99/${MiB * 2}`]
      ],
      206
    ],
    [
      'length',
      [
        ['etag', '"v"'],
        ['content-range', 'bytes 0-99/*']
      ],
      206
    ],
    [
      'several',
      [
        ['etag', '"v"'],
        ['content-type', 'multipart/byteranges; boundary=x']
      ],
      206
    ],
    ['too long', [...fine, ['content-disposition', 'x'.repeat(2049)]]]
  ])('passed on because of: %s', (reason, headers, status) => {
    expect(judge(headers, status)).toContain(reason)
  })

  test('Vary by encoding alone is fine', () => {
    expect(judge([...fine, ['vary', 'accept-encoding']])).toBe(10 * MiB)
    expect(judge([...fine, ['content-encoding', 'identity']])).toBe(10 * MiB)
  })

  test('where the name promises a digest, no validator is needed and none is taken', () => {
    for (const headers of [fine, without('etag')]) {
      const judgement = judgeResponse(
        { status: 200, headers: [...headers, ['vary', 'x'], ['set-cookie', 'a']] },
        update
      )
      expect(judgement).toMatchObject({ kind: 'share', head: { validator: '', promised: update.promised } })
    }
    expect(judge([...fine, ['cache-control', 'no-store']], 200, update)).toContain('no-store')
  })

  test('a digest that only a header tells is promised, and has no other effect', () => {
    const told: HeaderList = [...fine, ['repr-digest', `sha-256=:${base64}:`]]
    const promised = { algorithm: 'sha256', hex: '0f'.repeat(32) }
    expect(judgeResponse({ status: 200, headers: told }, iso)).toMatchObject({
      kind: 'share',
      head: { key: 'example.com/a.iso', validator: '"v1"', promised }
    })
    expect(judge([...told, ['vary', 'user-agent']])).toContain('varies')
    expect(judge(told.filter(([name]) => name !== 'etag'))).toContain('neither')
    const { head } = judgeResponse({ status: 200, headers: told }, iso) as { head: Head }
    expect([promisedByName(head), headLifeMs(head, 0)]).toEqual([false, 3 * secondMs])
    expect(head.headers).toContainEqual(['repr-digest', `sha-256=:${base64}:`])
  })

  test('a digest in the name counts before one in a header', () => {
    const judgement = judgeResponse(
      { status: 200, headers: [...fine, ['digest', `SHA-256=${base64}`]] },
      update
    )
    const { head } = judgement as { head: Head }
    expect([head.promised, head.validator, promisedByName(head)]).toEqual([update.promised, '', true])
  })

  test('behind a redirect nothing is fresh', () => {
    const judgement = judgeResponse(
      { status: 200, headers: [...fine, ['cache-control', 'max-age=1000'], ['expires', 'x']] },
      iso,
      { redirected: true }
    )
    const headers = judgement.kind === 'share' ? judgement.head.headers : []
    expect(headers).toEqual([
      ['content-type', 'application/octet-stream'],
      ['etag', '"v1"'],
      ['cache-control', 'no-cache']
    ])
    expect(freshForMs(headers, iso, 0)).toBe(0)
  })
})

describe('freshness', () => {
  const date: [string, string] = ['date', 'Sun, 06 Nov 1994 10:00:00 GMT']
  const now = Date.UTC(2026, 0, 1)

  test.each<[HeaderList, number]>([
    [[['cache-control', 'max-age=3600']], hourMs],
    [
      [
        ['cache-control', 'max-age=3600'],
        ['age', '600']
      ],
      3_000_000
    ],
    [
      [
        ['cache-control', 'max-age=3600'],
        ['age', '3601']
      ],
      0
    ],
    [[['cache-control', 'max-age=3600, s-maxage="60"']], 60_000],
    [[['cache-control', 'max-age=oops']], 0],
    [[['cache-control', 'max-age=3600, no-cache']], 0],
    [
      [
        ['pragma', 'no-cache'],
        ['last-modified', 'Sun, 06 Nov 1994 00:00:00 GMT']
      ],
      0
    ],
    [[date, ['expires', 'Sun, 06 Nov 1994 11:00:00 GMT']], hourMs],
    [[date, ['expires', '0']], 0],
    [[date, ['last-modified', 'Sun, 06 Nov 1994 00:00:00 GMT']], hourMs],
    [[date, ['last-modified', 'Sat, 06 Nov 1993 00:00:00 GMT']], dayMs],
    [[date, ['last-modified', 'Mon, 07 Nov 1994 00:00:00 GMT']], 0],
    [[['cache-control', `max-age=${400 * 86400}, immutable`]], 30 * dayMs],
    [[], 0]
  ])('%j', (headers, expected) => {
    expect(freshForMs(headers, iso, now)).toBe(expected)
  })

  test('what never changes is fresh for long', () => {
    expect(freshForMs([], update, now)).toBe(30 * dayMs)
  })

  test('a head lives as long as its content is fresh, but never less than a crowd needs to meet', () => {
    const life = (
      headers: HeaderList,
      contentClass = 'generic-download',
      promised = update.promised
    ): number =>
      headLifeMs({ headers, contentClass, promised, validator: promised === null ? '"v1"' : '' }, now)
    expect(life([['cache-control', 'max-age=3600']], 'generic-download', null)).toBe(hourMs)
    expect(life([['cache-control', 'no-cache']], 'generic-download', null)).toBe(3 * secondMs)
    expect(life([], 'delivery-optimization', null)).toBe(30 * dayMs)
    expect(life([], 'windows-update')).toBe(30 * dayMs)
    const own = { id: 'own', hosts: ['a'], paths: ['/**'], key: 'address', rangeFirst: false } as const
    const head = { headers: [], contentClass: 'own', promised: null, validator: '"v1"' }
    expect(headLifeMs(head, now, [{ ...own, immutable: true }])).toBe(30 * dayMs)
    expect(headLifeMs(head, now)).toBe(3 * secondMs)
  })
})
