import { expect, test } from 'vitest'
import { matchGlob, parseGlob } from './glob.ts'

const matches = (glob: string, path: string): boolean => matchGlob(parseGlob(glob), path) !== null

test.each([
  ['/', '/', true],
  ['/a', '/a/', false],
  ['/a', '/A', true],
  ['/*', '/abc', true],
  ['/*', '/a/b', false],
  ['/*/b', '/a/b', true],
  ['/*/b', '/a/c/b', false],
  ['/*b', '/abab', true],
  ['/*a*/x*', '/aa/xy', true],
  ['**', '/any/thing', true],
  ['**/b', '/a/c/b', true],
  ['**/b', '/b', true],
  ['/a**', '/a', true],
  ['/v*/**.cab', '/v9/1/x/muv4.cab', true],
  ['/v*/**.cab', '/w9/1/x/muv4.cab', false],
  ['/*.{ext}', '/x.cab', true],
  ['/*.{ext}', '/x.', false],
  ['/*.{ext}', '/x.cab/', false],
  ['/*.{ext}', '/x.abcdefghijklm', false],
  ['/f/{guid}', '/f/2f1a7435-ec48-4398-b0c7-f00797412777', true],
  ['/f/{guid}', '/f/2f1a7435-ec48-4398-b0c7-f0079741277', false],
  ['/a.b', '/axb', false]
])('%s against %s: %s', (glob, path, expected) => {
  expect(matches(glob, path)).toBe(expected)
})

test('the digest is read from where it stands, although other digits stand before it', () => {
  const one = '1'.repeat(40)
  const two = 'B'.repeat(40)
  expect(matchGlob(parseGlob('/**_{sha1}.{ext}'), `/x_${one}_${two}.cab`)).toEqual({
    sha1: two.toLowerCase(),
    sha256: null
  })
  expect(matchGlob(parseGlob('/{sha256}'), `/${'0a'.repeat(32)}`)).toEqual({
    sha1: null,
    sha256: '0a'.repeat(32)
  })
})

test.each([
  ['v1.2.3', true],
  ['V1.2.3', true],
  ['v2.0.0-rc.1', true],
  ['v2.0.0+incompatible', true],
  ['v0.0.0-20191109021931-daa7c04131f5', true],
  ['v1.2', false],
  ['v1.2.x', false],
  ['1.2.3', false],
  ['v1.2.3-', false],
  ['master', false],
  ['v1.2.3/x', false]
])('%s is a whole version: %s', (version, expected) => {
  expect(matches('**/@v/{version}.zip', `/a/@v/${version}.zip`)).toBe(expected)
})

test('a hostile path does not keep {version} busy', { timeout: 1000 }, () => {
  expect(matches('/**{version}.{ext}', `/${'v1.1.1'.repeat(1300)}-`)).toBe(false)
})
