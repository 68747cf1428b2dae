import { MiB } from '@starling/shared/units.ts'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { seededContent, sha256Of } from '../doubles/content.ts'
import { startOrigin, type Origin } from '../doubles/origin.ts'
import { download } from './client.ts'
import { openHouse } from './harness.ts'
import { startAgent } from './site.ts'
import { findSquid, squidInstall, startSquid } from './squid.ts'

const squid = findSquid()
const house = openHouse()
let origin: Origin
const content = seededContent('through squid', 12 * MiB + 5)

if (squid === null)
  console.warn(
    `\n*** no squid here: the tests with a real upstream proxy are skipped. Run: ${squidInstall}\n`
  )

test.runIf(squid === null && process.env.CI === 'true')('squid is installed, as it must be in CI', () => {
  expect.fail(`squid is missing: ${squidInstall}`)
})

describe.skipIf(squid === null)('a real squid between the agent and the origin', () => {
  beforeAll(async () => {
    origin = await startOrigin()
    house.keep(() => origin.close())
  })
  afterAll(() => house.close())

  test('everything goes through it, ranges and all', async () => {
    const proxy = await startSquid(house, squid!)
    const agent = await startAgent(house, 'behind squid', { args: ['--upstream-proxies', proxy] })
    origin.put('/squid.bin', content)
    const url = `${origin.url}/squid.bin`
    const range = await download(agent.proxy, url, { headers: { range: 'bytes=5000000-' } })
    expect([range.status, range.sha256]).toEqual([206, await sha256Of(content, 5_000_000)])
    const whole = await download(agent.proxy, url)
    expect([whole.status, whole.sha256]).toEqual([200, await sha256Of(content)])
    const { served, bodyBytes } = origin.stats('/squid.bin')
    expect(
      served.filter(({ via }) => via === null || !/squid/i.test(via)),
      'answers that did not pass squid'
    ).toEqual([])
    expect(bodyBytes).toBeLessThanOrEqual(content.length + 8 * MiB)
  })

  test('a proxy that is down is gone around, and with no fallback allowed the client is told', async () => {
    origin.put('/around.bin', content)
    // Nothing listens on the discard port of loopback.
    const dead = ['--upstream-proxies', 'http://127.0.0.1:9']
    const free = await startAgent(house, 'goes around', { args: dead })
    expect((await download(free.proxy, `${origin.url}/around.bin`)).sha256).toBe(await sha256Of(content))
    const bound = await startAgent(house, 'stays', { args: [...dead, '--upstream-direct-fallback', 'false'] })
    expect((await download(bound.proxy, `${origin.url}/around.bin`)).status).toBe(502)
  })
})
