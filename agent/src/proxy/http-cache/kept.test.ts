import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { recognise } from '@starling/shared/content-classes/recognise.ts'
import type { HeaderList } from '@starling/shared/http-fields.ts'
import { dayMs, hourMs, secondMs } from '@starling/shared/units.ts'
import { confirmed, mayCoverError, termsOf, useOf, type Asked, type Kept } from './kept.ts'

const page = recognise('http://a.example/page')
const download = recognise('http://a.example/a.cab')
const immutable = recognise(
  'http://dl.delivery.mp.microsoft.com/filestreamingservice/files/00000000-0000-0000-0000-000000000001'
)
const startMs = Date.parse('2026-01-01T00:00:00Z')
const date = (atMs: number): string => new Date(atMs).toUTCString()

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'], now: startMs })
})
afterEach(() => void vi.useRealTimers())

function keep(headers: HeaderList, { asked = {}, status = 200, recognised = page } = {}): Kept | null {
  const terms = termsOf(asked, { status, headers }, recognised)
  const { key, contentClass } = recognised
  return terms === null ? null : { key, contentClass, status, headers, body: new Uint8Array(), ...terms }
}
const use = (kept: Kept | null, asked: Asked = {}): string =>
  kept === null ? 'not kept' : useOf(kept, asked).kind

/** How long it is fresh, to the second. */
function freshMs(kept: Kept | null): number {
  let [fresh, stale] = [0, 400 * dayMs]
  while (stale - fresh > secondMs) {
    const middle = Math.floor((fresh + stale) / 2)
    vi.setSystemTime(startMs + middle)
    if (use(kept) === 'fresh') fresh = middle
    else stale = middle
  }
  vi.setSystemTime(startMs)
  return Math.round(stale / secondMs) * secondMs
}

describe('fresh is', () => {
  test.each<[string, HeaderList, number]>([
    [
      'what is a year old for a day, not for a month',
      [['last-modified', date(startMs - 365 * dayMs)]],
      dayMs
    ],
    ['what is ten hours old for one', [['last-modified', date(startMs - 10 * hourMs)]], hourMs],
    [
      'that to the origin\u2019s clock, not to ours',
      [
        ['last-modified', date(startMs - 100 * dayMs)],
        ['date', date(startMs - 100 * dayMs + 10 * hourMs)]
      ],
      hourMs
    ],
    [
      'what says that it is immutable for no longer than it is fresh',
      [
        ['cache-control', 'immutable'],
        ['expires', date(startMs + hourMs)]
      ],
      hourMs
    ]
  ])('%s', (_name, headers, expected) => {
    expect(freshMs(keep(headers))).toBe(expected)
  })

  test('what its class knows never to change, for thirty days, whatever the headers say', () => {
    const headers: HeaderList = [
      ['cache-control', 'no-cache, max-age=1'],
      ['etag', '"1"']
    ]
    expect(freshMs(keep(headers, { recognised: immutable }))).toBe(30 * dayMs)
  })

  test.each<[string, HeaderList]>([
    ['what will change tomorrow', [['last-modified', date(startMs + dayMs)]]],
    ['what changed in no year', [['last-modified', '0']]],
    [
      'what expires at no date',
      [
        ['expires', '9999'],
        ['etag', '"1"']
      ]
    ],
    [
      'what says first that it is not',
      [
        ['cache-control', 'max-age=0, Max-Age=60'],
        ['etag', '"1"']
      ]
    ],
    [
      'what says so in HTTP/1.0',
      [
        ['pragma', 'no-cache'],
        ['expires', date(startMs + dayMs)],
        ['etag', '"1"']
      ]
    ]
  ])('not %s', (_name, headers) => {
    expect(use(keep(headers))).toBe('validate')
  })
})

test('what can neither be fresh nor validated is not kept', () => {
  expect(keep([['cache-control', 'max-age=0']])).toBeNull()
  expect(keep([])).toBeNull()
})

test('a download is kept with a validator, as nothing but a 200, and not as a page', () => {
  const fresh = ['cache-control', 'max-age=60'] as const
  const known = [fresh, ['etag', '"1"']] as const
  const kept = (headers: HeaderList, status = 200): boolean =>
    keep(headers, { status, recognised: download }) !== null
  expect([kept(known), kept([fresh]), kept(known, 404), kept(known, 301)]).toEqual([
    true,
    false,
    false,
    false
  ])
  expect(kept([...known, ['content-type', 'Text/HTML; charset=utf-8']])).toBe(false)
})

describe('a variant', () => {
  test('is for those who ask alike', () => {
    const kept = keep(
      [
        ['cache-control', 'max-age=60'],
        ['vary', 'Accept-Encoding'],
        ['vary', 'x-tenant']
      ],
      { asked: { 'accept-encoding': 'gzip', 'user-agent': 'me' } }
    )
    expect(use(kept, { 'accept-encoding': 'gzip', 'user-agent': 'you' })).toBe('fresh')
    expect(use(kept, { 'accept-encoding': 'br, gzip' })).toBe('other')
    expect(use(kept, { 'accept-encoding': 'gzip', 'x-tenant': '1' })).toBe('other')
    expect(use(kept, {})).toBe('other')
  })

  test('does not remember more of who asked', () => {
    const kept = keep(
      [
        ['cache-control', 'max-age=60'],
        ['vary', 'accept-encoding']
      ],
      { asked: { 'user-agent': 'my machine' } }
    )
    expect(JSON.stringify([kept, kept?.policy.toObject()])).not.toContain('my machine')
  })

  test('of a download is one for all that Accept says', () => {
    const headers: HeaderList = [
      ['cache-control', 'max-age=60'],
      ['etag', '"1"']
    ]
    expect(use(keep(headers, { recognised: download }), { accept: '*/*' })).toBe('fresh')
    expect(use(keep(headers), { accept: '*/*' })).toBe('other')
  })
})

describe('a 304', () => {
  const stored = keep([
    ['cache-control', 'max-age=60'],
    ['etag', 'W/"1"'],
    ['age', '50'],
    ['content-length', '0'],
    ['x-old', '1']
  ])!
  const confirm = (headers: HeaderList, asked: Asked = {}): Kept | null =>
    confirmed(stored, asked, { status: 304, headers }, page)

  test('replaces what it names, and leaves the rest, but for the age', () => {
    const headers = Object.fromEntries(
      confirm([
        ['etag', 'W/"1"'],
        ['cache-control', 'max-age=30'],
        ['content-length', '77'],
        ['date', date(startMs)]
      ])!.headers
    )
    expect(headers).toEqual({
      'cache-control': 'max-age=30',
      etag: 'W/"1"',
      'content-length': '0',
      'x-old': '1',
      date: date(startMs)
    })
  })

  test('of another version, or for one whose question others could not ask, is none', () => {
    expect(confirm([['etag', '"2"']])).toBeNull()
    expect(confirm([['last-modified', date(startMs)]])).toBeNull()
    expect(confirm([['cache-control', 'private']])).toBeNull()
    expect(confirm([], { 'x-forwarded-host': 'evil.example' })).toBeNull()
    expect(confirm([])).not.toBeNull()
  })
})

test('an error is covered for as long as the origin says, and never where it forbids what is stale', () => {
  const covers = (control: string): boolean => {
    vi.setSystemTime(startMs)
    const kept = keep([
      ['cache-control', control],
      ['etag', '"1"']
    ])!
    vi.setSystemTime(startMs + 30 * secondMs)
    return mayCoverError(kept)
  }
  expect(covers('max-age=10, stale-if-error=21')).toBe(true)
  expect(covers('max-age=10, stale-if-error=20')).toBe(false)
  for (const forbidden of ['must-revalidate', 'proxy-revalidate', 'no-cache'])
    expect(covers(`max-age=10, stale-if-error=60, ${forbidden}`)).toBe(false)
})
