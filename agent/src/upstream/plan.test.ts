import { readFileSync } from 'node:fs'
import { codeOf, messageOf } from '@starling/shared/errors.ts'
import { describe, expect, test } from 'vitest'
import { agentConfig } from '../config.ts'
import { planOf, type PlanOptions } from './plan.ts'

const upstreamOf = (upstream: object) => agentConfig('/nowhere', { upstream } as never).upstream
const planFor = (upstream: object, more: Partial<PlanOptions> = {}) =>
  planOf({ ...upstreamOf(upstream), credentials: new Map(), ...more })
const servers = [
  { name: 'gw-1', kind: 'gateway', url: 'http://gw-1.example:17831' },
  { name: 'gw-2', kind: 'gateway', url: 'http://gw-2.example:17831', weight: 3 },
  { name: 'corp', kind: 'proxy', url: 'https://proxy.example:3128', failTimeoutMs: '30s' },
  { name: 'direct', kind: 'direct' }
]
const target = (host: string, port = 80, contentClass: string | null = null) => ({ host, port, contentClass })

describe('servers and rules', () => {
  test('without rules: gateways share, then proxies, then the direct way', () => {
    const { groupsFor, servers: planned } = planFor({ servers })
    expect(groupsFor(target('x.example'))).toEqual([['gw-1', 'gw-2'], ['corp'], ['direct']])
    expect(planned.map(({ label }) => label)).toEqual([
      'gateway gw-1',
      'gateway gw-2',
      'proxy corp',
      'direct'
    ])
    expect(planned[2]).toMatchObject({ failTimeoutMs: 30_000, maxFails: 3, weight: 1 })
  })

  test('the first rule that matches decides, by host, port and class', () => {
    const { groupsFor } = planFor({
      servers,
      rules: [
        { hosts: ['*.corp.example:8443'], use: ['direct'] },
        { hosts: ['*.corp.example'], classes: ['windows-update'], use: [['gw-1', 'gw-2']] },
        { classes: ['windows-update'], use: ['corp', 'direct'] }
      ]
    })
    expect(groupsFor(target('A.corp.example.', 8443, 'windows-update'))).toEqual([['direct']])
    expect(groupsFor(target('a.corp.example', 443, 'windows-update'))).toEqual([['gw-1', 'gw-2']])
    expect(groupsFor(target('b.example', 80, 'windows-update'))).toEqual([['corp'], ['direct']])
    expect(groupsFor(target('b.example'))).toHaveLength(3)
  })

  test("the deployment page's example is one", () => {
    const page = readFileSync(new URL('../../../docs/DEPLOY.md', import.meta.url), 'utf8')
    const example = /```json\n(\{\s*"upstream".*?)```/s.exec(page)![1]!
    const { groupsFor } = planFor((JSON.parse(example) as { upstream: object }).upstream)
    expect(groupsFor(target('wsus.corp.example', 8530))).toEqual([['direct']])
    expect(groupsFor(target('x.example', 80, 'windows-update'))).toEqual([['gw-1', 'gw-2'], ['corp']])
  })

  test('proxies and directFallback are the short way to say it', () => {
    const proxies = ['http://us%40er:pass@p.example:3128', 'http://q.example:3128']
    const plan = planFor({ proxies })
    expect(plan.groupsFor(target('x'))).toEqual([['proxy-1'], ['proxy-2'], ['direct']])
    expect(plan.servers[0]).toMatchObject({
      label: 'proxy http://p.example:3128',
      url: 'http://p.example:3128',
      credentials: 'us@er:pass'
    })
    expect(planFor({ proxies, directFallback: false }).groupsFor(target('x'))).toHaveLength(2)
    expect(planFor({}).groupsFor(target('x'))).toEqual([['direct']])
  })
})

describe('what is wrong is told with its entry and its field', () => {
  test.each([
    [{ servers: [{ name: 'A b', kind: 'proxy', url: 'http://p' }] }, /servers\[0\]\.name/],
    [{ servers: [{ name: 'a', kind: 'socks', url: 'http://p' }] }, /servers\[0\]\.kind/],
    [{ servers: [{ name: 'a', kind: 'proxy' }] }, /url.*is missing|is missing.*\n.*servers\[0\]\.url/s],
    [{ servers: [{ name: 'a', kind: 'proxy', url: 'http://u:p@p:1' }] }, /credentialsFile/],
    [{ servers: [{ name: 'a', kind: 'direct', url: 'http://p' }] }, /leave it out/],
    [{ servers: [servers[0], servers[0]] }, /is there twice/],
    [{ servers: [{ ...servers[0], weight: 1001 }] }, /1 to 1000/],
    [{ servers: [{ ...servers[0], probe: { path: '/', url: 'http://x/' } }] }, /either url/],
    [{ servers, rules: [{ hosts: ['a/b'], use: ['gw-1'] }] }, /rules\[0\]\.hosts\[0\]/],
    [{ servers, rules: [{ use: [] }] }, /at least one/],
    [
      { servers, rules: [{ use: ['gw-1', 'gw-9'] }] },
      /rules\[0\]\.use\[1\] names gw-9.*gw-1, gw-2, corp, direct/
    ],
    [{ servers, rules: [{ use: [['gw-1'], 'gw-1'] }] }, /rules\[0\]\.use\[1\] names gw-1 again/],
    [{ servers, proxies: ['http://p:1'] }, /both given/]
  ])('%j', (upstream, sentence) => {
    let problem: unknown = null
    try {
      planFor(upstream)
    } catch (error) {
      problem = error
    }
    expect(codeOf(problem)).toBe('bad-config')
    expect(messageOf(problem)).toMatch(sentence)
  })
})
