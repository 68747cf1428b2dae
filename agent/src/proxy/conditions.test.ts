import type { HeaderList } from '@starling/shared/http-fields.ts'
import { expect, test } from 'vitest'
import { judgeConditions, rangeStillGood } from './conditions.ts'

const modified = 'Sun, 06 Nov 1994 08:49:37 GMT'
const later = 'Mon, 07 Nov 1994 08:49:37 GMT'
const earlier = 'Sat, 05 Nov 1994 08:49:37 GMT'
const has: HeaderList = [
  ['etag', '"v,1"'],
  ['last-modified', modified]
]

test.each<[HeaderList, string]>([
  [[], 'go-on'],
  [[['if-none-match', '"v,1"']], 'not-modified'],
  [[['if-none-match', '"a", W/"v,1"']], 'not-modified'],
  [[['if-none-match', '*']], 'not-modified'],
  [[['if-none-match', '"v2"']], 'go-on'],
  [
    [
      ['if-none-match', '"v2"'],
      ['if-modified-since', later]
    ],
    'go-on'
  ],
  [[['if-modified-since', modified]], 'not-modified'],
  [[['if-modified-since', earlier]], 'go-on'],
  [[['if-modified-since', 'never']], 'go-on'],
  [[['if-match', '"v,1"']], 'go-on'],
  [[['if-match', '*']], 'go-on'],
  [[['if-match', 'W/"v,1"']], 'failed'],
  [[['if-match', '"v2"']], 'failed'],
  [
    [
      ['if-match', '"v,1"'],
      ['if-unmodified-since', earlier]
    ],
    'go-on'
  ],
  [[['if-unmodified-since', modified]], 'go-on'],
  [[['if-unmodified-since', earlier]], 'failed'],
  [
    [
      ['if-match', '"v2"'],
      ['if-none-match', '"v,1"']
    ],
    'failed'
  ]
])('%j: %s', (asked, verdict) => {
  expect(judgeConditions(asked, has)).toBe(verdict)
})

test('without validators only the absence of the content is certain', () => {
  expect(judgeConditions([['if-none-match', '"v"']], [])).toBe('go-on')
  expect(judgeConditions([['if-match', '"v"']], [])).toBe('failed')
  expect(judgeConditions([['if-modified-since', later]], [])).toBe('go-on')
})

test.each<[string | null, boolean]>([
  [null, true],
  ['"v,1"', true],
  ['W/"v,1"', false],
  ['"v2"', false],
  [modified, true],
  [later, false],
  ['nonsense', false]
])('If-Range %s: %s', (value, expected) => {
  expect(rangeStillGood(value === null ? [] : [['if-range', value]], has)).toBe(expected)
})
