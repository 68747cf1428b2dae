import { plainGet } from '../../../test/doubles/asking.ts'
import { createLog } from '../log.ts'
import type { UpstreamPort, UpstreamRequest, UpstreamResponse } from '../ports.ts'
import { describe, expect, it } from 'vitest'
import { onCacheHost, withCacheHosts, type CacheHostRules } from './cache-hosts.ts'

const url = 'http://dl.delivery.mp.microsoft.com/files/a?P1=1&P4=a%2fb'
const answer = (status: number, from: string): UpstreamResponse => ({
  status,
  url: from,
  headers: [],
  start: 0,
  total: 1,
  body: (async function* () {})(),
  via: 'direct',
  cancel() {}
})

/** What each host answers: a status, or nothing at all. */
function world(statuses: Readonly<Record<string, number | null>>, rules: Partial<CacheHostRules>) {
  const asked: string[] = []
  const own = { now: 0, statuses: { ...statuses } as Record<string, number | null> }
  const upstream = {
    request: async (request: UpstreamRequest) => {
      const { host } = new URL(request.url)
      asked.push(host)
      const status = own.statuses[host] ?? (host in own.statuses ? null : 206)
      if (status === null) throw new Error(`${host} does not answer`)
      return answer(status, request.url)
    }
  } as unknown as UpstreamPort
  const cached = withCacheHosts(upstream, {
    rules: () => ({
      hosts: ['gw-1', 'gw-2'],
      foregroundFallbackMs: null,
      backgroundFallbackMs: null,
      ...rules
    }),
    isForCacheHosts: one => one.includes('delivery'),
    log: createLog('silent', 'test'),
    now: () => own.now,
    pause: async ms => void (own.now += ms)
  })
  const get = (more: Partial<UpstreamRequest> = {}) => cached.request(plainGet(url, more))
  return { own, asked, get }
}
const origin = 'dl.delivery.mp.microsoft.com'

describe('DOCacheHost', () => {
  it('is asked as Delivery Optimization does: the path, the query as it was signed, and the origin behind it', () => {
    expect(onCacheHost(url, 'gw-1')).toBe(`http://gw-1/files/a?P1=1&P4=a%2fb&cacheHostOrigin=${origin}`)
    expect(onCacheHost('http://a.example:8080/x', 'fd00::1')).toBe(
      'http://[fd00::1]/x?cacheHostOrigin=a.example%3A8080'
    )
  })

  it('names who is asked first, in order, and what came is as if from the origin', async () => {
    const { asked, get } = world({}, {})
    expect(await get()).toMatchObject({ status: 206, url, via: 'cache host gw-1' })
    expect(asked).toEqual(['gw-1'])
  })

  it('that fails makes way at once, and is left alone for a minute', async () => {
    const { own, asked, get } = world({ 'gw-1': null, 'gw-2': 503 }, {})
    expect(await get()).toMatchObject({ status: 206, via: 'direct' })
    expect(asked).toEqual(['gw-1', 'gw-2', origin])
    await get()
    expect(asked.slice(3)).toEqual([origin])
    own.now = 60_000
    await get()
    expect(asked.slice(4)).toEqual(['gw-1', 'gw-2', origin])
  })

  it('is for plain GETs of what cache hosts have, and nothing else', async () => {
    const { asked, get } = world({}, {})
    await get({ method: 'HEAD' })
    await get({ url: url.replace('http:', 'https:') })
    await get({ url: 'http://other.example/x' })
    expect(asked).toEqual([origin, origin, 'other.example'])
  })
})

describe('DODelayCacheServerFallbackForeground and Background', () => {
  it.each([
    ['foreground', { foregroundFallbackMs: 3000 }, false],
    ['background', { backgroundFallbackMs: 3000 }, true]
  ])('in the %s, cache hosts are tried again until it is over', async (_, rules, isBackground) => {
    const { asked, get } = world({ 'gw-1': null, 'gw-2': null }, rules)
    expect(await get({ isBackground })).toMatchObject({ via: 'direct' })
    const round = ['gw-1', 'gw-2']
    expect(asked).toEqual([...round, ...round, ...round, ...round, origin])
    // The other kind does not wait.
    await get({ isBackground: !isBackground })
    expect(asked.slice(9)).toEqual([origin])
  })
})
