import { describe, expect, test } from 'vitest'
import type { ProxyRule } from '@starling/shared/policy/access.ts'
import { createFilters, createRedirectCheck, type Asked } from './filters.ts'

const asked = (given: Partial<Asked> = {}): Asked => ({
  method: 'GET',
  host: 'files.example',
  port: 80,
  path: '/a/b.iso',
  client: '10.1.2.3',
  ...given
})
const deny = (given: Partial<ProxyRule>): ProxyRule => ({ name: 'no', action: 'deny', ...given })
const denies = (rule: Partial<ProxyRule>, given: Partial<Asked>): boolean =>
  createFilters([deny(rule)]).denialOf(asked(given)) !== null

test('without rules everything is allowed, and so is what no rule fits', () => {
  expect(createFilters([]).denialOf(asked())).toBeNull()
  expect(denies({ hosts: ['other.example'] }, {})).toBe(false)
})

test('the first rule that fits decides', () => {
  const rules: ProxyRule[] = [
    { name: 'updates', action: 'allow', hosts: ['*.windowsupdate.com'] },
    { name: 'lab', action: 'allow', clients: ['10.9.0.0/16'] },
    { name: 'all-else', action: 'deny' }
  ]
  const rule = (given: Partial<Asked>) => createFilters(rules).denialOf(asked(given))?.rule ?? null
  expect(rule({ host: 'dl.windowsupdate.com' })).toBeNull()
  expect(rule({ client: '10.9.1.1' })).toBeNull()
  expect(rule({})).toBe('all-else')
})

test.each<[string, Partial<ProxyRule>, Partial<Asked>, boolean]>([
  ['host', { hosts: ['*.example'] }, { host: 'files.example' }, true],
  ['host in capitals, with its last dot', { hosts: ['files.example'] }, { host: 'FILES.example.' }, true],
  ['host that only ends alike', { hosts: ['*.example'] }, { host: 'filesexample' }, false],
  ['port', { hosts: ['files.example:8080'] }, { port: 8080 }, true],
  ['other port', { hosts: ['files.example:8080'] }, {}, false],
  ['method', { methods: ['POST', 'PUT'] }, { method: 'PUT' }, true],
  ['other method', { methods: ['POST', 'PUT'] }, {}, false],
  ['client', { clients: ['10.1.0.0/16'] }, {}, true],
  ['client on a socket for both families', { clients: ['10.1.0.0/16'] }, { client: '::ffff:10.1.2.3' }, true],
  ['other client', { clients: ['10.2.0.0/16'] }, {}, false],
  ['all of them must fit', { hosts: ['files.example'], methods: ['POST'] }, {}, false],
  ['tunnel', { methods: ['CONNECT'] }, { method: 'CONNECT', path: null }, true],
  ['a tunnel shows no path', { paths: ['/**'] }, { method: 'CONNECT', path: null }, false]
])('a rule fits by %s', (_, rule, given, expected) => {
  expect(denies(rule, given)).toBe(expected)
})

test.each([
  '/private/x',
  '/PRIVATE/x',
  '/%70rivate/x',
  '/%2570rivate/x',
  '//private//x',
  '/a/../private/x',
  '/a/%2e%2e/private/x',
  '/a/%252e%252e/private/x',
  '/./private/x',
  '/private%2fx',
  '/private\\x'
])('a denied path stays denied when it is written %s', path => {
  expect(denies({ paths: ['/private/**'] }, { path })).toBe(true)
})

test.each(['/privateer/x', '/public/private/x', '/', '/private'])('%s is not /private/**', path => {
  expect(denies({ paths: ['/private/**'] }, { path })).toBe(false)
})

test('a path beyond ASCII is written in a rule as people write it', () => {
  expect(denies({ paths: ['/größe/*'] }, { path: '/gr%C3%B6%c3%9fe/x' })).toBe(true)
})

describe('a refusal', () => {
  test('names the rule and the setting', () => {
    const denial = createFilters([deny({ name: 'no-iso' })]).denialOf(asked())!
    expect(denial).toMatchObject({ rule: 'no-iso', status: 403, allow: [] })
    expect(denial.text).toMatch(/no-iso of proxy\.rules .*GET files\.example for 10\.1\.2\.3/)
  })

  test('of a method tells which ones may be used', () => {
    const filters = createFilters([deny({ methods: ['POST', 'PUT', 'DELETE', 'PATCH'] })])
    expect(filters.denialOf(asked({ method: 'PUT' }))).toMatchObject({
      status: 405,
      allow: ['GET', 'HEAD', 'OPTIONS']
    })
    // Whom nothing is allowed anyway has not chosen the wrong method.
    const closed = createFilters([deny({ methods: ['PUT'] }), deny({ name: 'closed' })])
    expect(closed.denialOf(asked({ method: 'PUT' }))).toMatchObject({ status: 403, allow: [] })
  })
})

test('a redirect must not lead where a request may not, unless that is for some clients only', () => {
  const check = createRedirectCheck([
    deny({ hosts: ['bad.example'] }),
    deny({ name: 'some', hosts: ['half.example'], clients: ['10.0.0.0/8'] })
  ])
  expect(() => check('https://bad.example/x')).toThrow(/redirects to bad\.example.*rule no /)
  expect(() => check('http://half.example/x')).not.toThrow()
  expect(() => check('http://good.example/x')).not.toThrow()
})
