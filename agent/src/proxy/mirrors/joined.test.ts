import { expect, test } from 'vitest'
import { joined } from './joined.ts'

const base = 'https://packages.example/debian/'

test.each<[string, string]>([
  ['pool/main/h/hello/hello_2.10-3_amd64.deb', `${base}pool/main/h/hello/hello_2.10-3_amd64.deb`],
  ['', base],
  ['dists/./InRelease', `${base}dists/InRelease`],
  ['a//b', `${base}a//b`],
  ['/evil.example/x', `${base}/evil.example/x`],
  ['http://evil.example/x', `${base}http://evil.example/x`],
  ['a%20b%2Bc?x=%2F..%2F', `${base}a%20b%2Bc?x=%2F..%2F`],
  ['g++_12%3a1..2_amd64.deb', `${base}g++_12%3a1..2_amd64.deb`],
  ['caf%E9', `${base}caf%E9`]
])('%s stays below', (rest, url) => {
  expect(joined(base, rest)).toBe(url)
})

test.each([
  '..',
  '../secret',
  'a/../../secret',
  'a/..',
  '%2e%2e/secret',
  '.%2E/secret',
  '%252e%252e/secret',
  'a%2fb',
  'a%2F..%2F..%2Fsecret',
  'a%252fb',
  'a\\..\\secret',
  'a%5c..%5csecret',
  '..;/secret',
  '%2e%2e;x=1/secret',
  'a%00b',
  'a#b',
  'a%2525252525b'
])('%s is refused', rest => {
  expect(joined(base, rest)).toBeNull()
})

test('nothing at all leads above the base', () => {
  const pieces = ['..', '.', '/', '\\', '%2e', '%2F', '%5c', '%25', ';', '@', '?', 'a', '//h']
  const texts = pieces.flatMap(a => pieces.flatMap(b => pieces.flatMap(c => pieces.map(d => a + b + c + d))))
  const above = texts.filter(text => {
    const url = joined(base, text)
    return url !== null && !new URL(url).href.startsWith(base)
  })
  expect(above).toEqual([])
  expect(texts.some(text => joined(base, text) !== null)).toBe(true)
})
