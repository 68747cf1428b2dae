import { describe, expect, test } from 'vitest'
import { isUnkeyed, variedBy } from './unkeyed.ts'

const ofPage = { isDownload: false, isEncoded: false }

describe('a request is one that others could have made', () => {
  test.each(['user-agent', 'accept', 'accept-encoding', 'ms-cv', 'sec-fetch-mode', 'sec-ch-ua'])(
    'with %s',
    name => {
      expect(isUnkeyed([name], variedBy(null, ofPage))).toBe(false)
    }
  )

  test('when the origin says that it varies by what is odd in it', () => {
    expect(isUnkeyed(['x-tenant'], variedBy('Accept, X-Tenant', ofPage))).toBe(false)
  })
})

test.each([
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-original-url',
  'x-http-method-override',
  'forwarded',
  'x-api-key',
  'private-token'
])('with %s it is his alone', name => {
  expect(isUnkeyed(['user-agent', name], variedBy('accept', ofPage))).toBe(true)
})

test('what is encoded varies by what can be read, and a page by what is asked for', () => {
  expect(variedBy('Vary-Me', { isDownload: true, isEncoded: false })).toEqual(new Set(['vary-me']))
  expect(variedBy(null, { isDownload: true, isEncoded: true })).toEqual(new Set(['accept-encoding']))
  expect(variedBy(null, ofPage)).toEqual(new Set(['accept', 'accept-language', 'origin']))
})
