import { expect, test } from 'vitest'
import { endToEnd, hasPassed, viaOf } from './fields.ts'

test('what is about one connection stays on it: the known names, and those that any Connection field lists', () => {
  const names = [
    'Keep-Alive',
    'Proxy-Connection',
    'Proxy-Authorization',
    'Proxy-Authenticate',
    'TE',
    'Trailer'
  ]
  const about = [...names, 'Upgrade', 'Transfer-Encoding', 'HTTP2-Settings', 'Proxy-Authentication-Info']
  expect(
    endToEnd([
      ...about.map(name => [name.toLowerCase(), '1'] as const),
      ['connection', 'close, X-One'],
      ['connection', ' x-two ,,'],
      ['x-one', '1'],
      ['x-two', '2'],
      ['x-three', '3'],
      ['x-three', '4']
    ])
  ).toEqual([
    ['x-three', '3'],
    ['x-three', '4']
  ])
})

test('Via tells everybody on the way, in order', () => {
  expect(viaOf([], '1.0', 'me')).toBe('1.0 me')
  expect(
    viaOf(
      [
        ['via', '1.1 a (x)'],
        ['via', '1.0 b']
      ],
      '1.1',
      'me'
    )
  ).toBe('1.1 a (x), 1.0 b, 1.1 me')
})

test.each<[string, boolean]>([
  ['1.1 me', true],
  ['1.1 other, HTTP/1.0 me (comment)', true],
  ['1.1 menot', false],
  ['1.1 other (me)', false],
  ['me', false]
])('Via: %s has passed us: %j', (via, expected) => {
  expect(hasPassed([['via', via]], 'me')).toBe(expected)
})
