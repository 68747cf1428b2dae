import { expect, test } from 'vitest'
import { sha256Of, type HeaderList } from './http-fields.ts'

/** Of 32 bytes 0x0f, and of 32 zeros. */
const one = 'Dw8PDw8PDw8PDw8PDw8PDw8PDw8PDw8PDw8PDw8PDw8='
const other = `${'A'.repeat(43)}=`

test.each<[HeaderList]>([
  [[['repr-digest', `sha-256=:${one}:`]]],
  [[['repr-digest', `sha-512=:AAAA:, sha-256=:${one}:;x=1`]]],
  [[['digest', `SHA-256=${one}`]]],
  [[['digest', `md5=AAAA==, sha-256=${one}`]]],
  [
    [
      ['digest', `sha-256=${one}`],
      ['repr-digest', `sha-256=:${one}:`]
    ]
  ]
])('%j tells the SHA-256 of the whole', headers => {
  expect(sha256Of(headers)).toBe('0f'.repeat(32))
})

test.each<[HeaderList]>([
  [[]],
  [[['content-digest', `sha-256=:${one}:`]]],
  [[['repr-digest', `sha-256=${one}`]]],
  [[['repr-digest', `SHA-256=:${one}:`]]],
  [[['repr-digest', `sha-256=:${one.slice(4)}:`]]],
  [[['repr-digest', `sha-256=:${one.replace('D', '*')}:`]]],
  [[['repr-digest', `sha-256=:${one}:, sha-256=:${other}:`]]],
  [
    [
      ['digest', `sha-256=${other}`],
      ['repr-digest', `sha-256=:${one}:`]
    ]
  ],
  [[['digest', 'sha-512=AAAA']]]
])('%j tells none', headers => {
  expect(sha256Of(headers)).toBeNull()
})
