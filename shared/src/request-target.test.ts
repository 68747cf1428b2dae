import { expect, test } from 'vitest'
import { addressAsSpelled, requestTargetOf } from './request-target.ts'

test.each([
  ['http://Files.example:80/a?s=\'|[]{}"<>^`', 'http://files.example/a?s=\'|[]{}"<>^`'],
  ['http://files.example//a//..%2fb/%7e', 'http://files.example//a//..%2fb/%7e'],
  ['http://files.example/a/../b/./%2e%2e/c', 'http://files.example/a/../b/./%2e%2e/c'],
  ['http://files.example/a\\b', 'http://files.example/a\\b'],
  ['http://files.example/a?', 'http://files.example/a?'],
  ['http://files.example?x#y', 'http://files.example/?x'],
  ['https://me:pw@files.example:8443/a#b', 'https://me:pw@files.example:8443/a']
])('path and query of %s stay as they are spelled', (text, expected) => {
  expect(addressAsSpelled(text)).toBe(expected)
  expect(URL.parse(expected)?.href).toBe(URL.parse(text)?.href.replace(/#.*$/, '').replace('e?x', 'e/?x'))
})

test.each([
  // Two opinions about where the host ends: the parser's counts, for all of it.
  ['http://files.example\\@evil.example/x', 'http://files.example/@evil.example/x'],
  ['http:\\\\files.example\\x', 'http://files.example/x'],
  ['http:/files.example/x', 'http://files.example/x'],
  // What no request line can carry.
  ['http://files.example/a b', 'http://files.example/a%20b'],
  ['http://files.example/a\tb', 'http://files.example/ab'],
  ['http://files.example/caf\u00e9', 'http://files.example/caf%C3%A9']
])('%s is spelled as it is understood', (text, expected) => {
  expect(addressAsSpelled(text)).toBe(expected)
})

test('there is none for what is no web address', () => {
  expect(addressAsSpelled('ftp://files.example/a')).toBeNull()
  expect(addressAsSpelled('/a')).toBeNull()
  expect(requestTargetOf('http://[::')).toBeNull()
})

test('the request target is what stands behind the host', () => {
  expect(requestTargetOf("http://me:pw@files.example:81/a/..?b='")).toBe("/a/..?b='")
  expect(requestTargetOf('https://files.example')).toBe('/')
})
