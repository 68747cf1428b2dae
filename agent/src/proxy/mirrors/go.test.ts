import { describe, expect, test } from 'vitest'
import type { GoMirror } from '../../mirror-config.ts'
import { goAim } from './go.ts'

const config: GoMirror = {
  kind: 'go',
  name: 'go',
  upstream: 'https://goproxy.example/base/',
  hosts: [],
  allow: [],
  deny: [],
  private: [],
  sumdb: null
}
const told = (given: Partial<GoMirror>, rest: string, method = 'GET'): string => {
  const aimed = goAim({ ...config, ...given })(method, rest)
  return aimed.kind === 'target' ? aimed.url : `${aimed.status} ${aimed.text}`
}
const up = (path: string): string => config.upstream + path

describe('the paths of the protocol', () => {
  test.each<[string, string]>([
    ['example.com/mod/@v/list', 'example.com/mod/@v/list'],
    ['example.com/mod/@latest', 'example.com/mod/@latest'],
    ['example.com/mod/@v/v1.2.3.zip', 'example.com/mod/@v/v1.2.3.zip'],
    ['example.com/mod/v2/@v/v2.0.0+incompatible.info', 'example.com/mod/v2/@v/v2.0.0+incompatible.info'],
    ['example.com/mod/@v/master.info', 'example.com/mod/@v/master.info'],
    // The go command encodes the mark of a capital; a key must not depend on that.
    ['example.com/%21burnt%21sushi/toml/@v/v1.0.0.mod', 'example.com/!burnt!sushi/toml/@v/v1.0.0.mod'],
    ['gopkg.in/yaml.v3/@v/list?x=1', 'gopkg.in/yaml.v3/@v/list']
  ])('%s', (rest, path) => {
    expect(told({}, rest)).toBe(up(path))
  })

  test.each([
    '',
    'example.com/mod',
    'example.com/mod/@v/',
    'example.com/mod/@v/v1.0.0.exe',
    'cached-only/example.com/mod/@v/list',
    'example.com/../mod/@v/list',
    'example.com/%2e%2e/mod/@v/list',
    'example.com//mod/@v/list',
    'example.com/./mod/@v/list',
    'example.com/mod/@v/x%2f..%2fy.info',
    'example.com/Mod/@v/list',
    'http://evil.example/mod/@v/list',
    '/evil.example/mod/@v/list'
  ])('%s is none', rest => {
    expect(told({}, rest)).toMatch(/^404 .*GOPROXY protocol/)
  })

  test('are only read', () => {
    expect(told({}, 'example.com/mod/@v/list', 'PUT')).toMatch(/^405 /)
  })
})

describe('rules', () => {
  test.each<[string, string, boolean]>([
    ['corp.example', 'corp.example/team/mod', true],
    ['corp.example', 'corp.example.org/mod', false],
    ['*.corp.example', 'git.corp.example/mod', true],
    ['*.corp.example', 'corp.example/mod', false],
    ['github.com/acme/*', 'github.com/acme/tool/v2', true],
    ['github.com/acme/*', 'github.com/acme', false],
    ['github.com/acme', 'github.com/!acme/tool', true],
    ['github.com/a*e', 'github.com/apple/pie', true],
    ['github.com/a*e', 'github.com/ab/ce', false]
  ])('%s and %s: %s', (pattern, module, matches) => {
    expect(told({ deny: [pattern] }, `${module}/@latest`)).toMatch(matches ? /^404 .*deny/ : /^https:/)
    expect(told({ private: [pattern] }, `${module}/@latest`)).toMatch(matches ? /^404 .*private/ : /^https:/)
    expect(told({ allow: [pattern] }, `${module}/@latest`)).toMatch(matches ? /^https:/ : /^404 .*allow/)
  })

  test('tell the module as people write it, the rule and the mirror', () => {
    expect(told({ private: ['a.example', 'corp.example/*'] }, 'corp.example/!x/@v/v1.0.0.zip')).toBe(
      '404 corp.example/X is private by the rule corp.example/* in the mirror go (private): have GOPRIVATE name it, and fetch it directly'
    )
  })
})

describe('the checksum database', () => {
  const sumdb = { name: 'sum.example', url: 'https://sums.example/db/' }

  test.each<[string, string, boolean]>([
    ['latest', 'latest', false],
    ['lookup/example.com/!x@v1.0.0', 'lookup/example.com/!x@v1.0.0', false],
    ['lookup/example.com/x@v2.0.0+incompatible', 'lookup/example.com/x@v2.0.0+incompatible', false],
    ['tile/8/0/x001/234', 'tile/8/0/x001/234', true],
    ['tile/8/1/003.p/17', 'tile/8/1/003.p/17', true],
    ['tile/8/data/x001/x234/067', 'tile/8/data/x001/x234/067', true]
  ])('%s is passed on', (asked, path, isImmutable) => {
    const aimed = goAim({ ...config, sumdb })('GET', `sumdb/sum.example/${asked}`)
    expect(aimed).toMatchObject({ kind: 'target', url: sumdb.url + path, isImmutable })
  })

  test('is said to be here when it is, and only it', () => {
    expect(told({ sumdb }, 'sumdb/sum.example/supported')).toMatch(/^200 /)
    expect(told({ sumdb }, 'sumdb/other.example/supported')).toMatch(/^404 .*sum\.example only/)
    expect(told({}, 'sumdb/sum.example/supported')).toMatch(/^404 /)
  })

  test('has no other paths, and hears of no private module', () => {
    for (const asked of ['', 'x', 'lookup/../x@v1', 'tile/8/0/../../x', 'tile/8/0/1', 'lookup/x@v1.0.0'])
      expect(told({ sumdb }, `sumdb/sum.example/${asked}`)).toMatch(/^404 .*protocol/)
    expect(
      told({ sumdb, private: ['corp.example'] }, 'sumdb/sum.example/lookup/corp.example/x@v1.0.0')
    ).toMatch(/^404 corp\.example\/x is private .*GONOSUMDB/)
  })
})
