import { expect, test } from 'vitest'
import { isListedOrigin } from './cache-host-origins.ts'
import { isListed } from './host-patterns.ts'

test.each<[string, string, number, boolean]>([
  ['files.example', 'files.example', 443, true],
  ['Files.Example', 'FILES.example.', 443, true],
  ['files.example', 'a.files.example', 443, false],
  ['*.files.example', 'a.b.files.example', 80, true],
  ['*.files.example', 'files.example', 80, true],
  ['*.files.example', 'otherfiles.example', 80, false],
  ['*', 'anything', 1, true],
  ['*:8530', 'wsus', 8530, true],
  ['*:8530', 'wsus', 80, false],
  ['files.example:8080', 'files.example', 8080, true],
  ['files.example:8080', 'files.example', 80, false]
])('%s lists %s on port %d: %j', (pattern, host, port, expected) => {
  expect(isListed(['other.example', pattern], host, port)).toBe(expected)
})

test.each<[string, boolean]>([
  ['http://files.example/x', true],
  ['http://files.example:8080/x', false],
  ['http://wsus.corp.example:8530/x', true],
  ['http://wsus.corp.example/x', false],
  ['http://router/x', false]
])('%s is listed: %j', (url, expected) => {
  expect(isListedOrigin(url, ['files.example', 'wsus.corp.example:8530'])).toBe(expected)
})
