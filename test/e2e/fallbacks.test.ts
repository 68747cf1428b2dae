import { MiB } from '@starling/shared/units.ts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { seededContent, sha256Of } from '../doubles/content.ts'
import { startOrigin, type Origin } from '../doubles/origin.ts'
import { download } from './client.ts'
import { openHouse } from './harness.ts'
import { quickHeartbeat, startAgent, startFleet } from './site.ts'

const house = openHouse()
let origin: Origin
const content = seededContent('fallback', 24 * MiB)

beforeAll(async () => {
  origin = await startOrigin()
  house.keep(() => origin.close())
})
afterAll(() => house.close())

test('an agent with nobody at all is a plain proxy that keeps what it fetched', async () => {
  origin.put('/alone.bin', content)
  const agent = await startAgent(house, 'alone', {})
  expect((await download(agent.proxy, `${origin.url}/alone.bin`)).sha256).toBe(await sha256Of(content))
  expect(origin.stats('/alone.bin').bodyBytes).toBe(content.length)
  await agent.stop()
})

test('a fleet without a gateway shares what its members fetch and sign', async () => {
  origin.put('/no-gateway.bin', content)
  const { agents } = await startFleet(house, ['plain-1', 'plain-2'], {
    coordinatorArgs: ['--no-gateway', ...quickHeartbeat]
  })
  const got = await Promise.all(agents.map(agent => download(agent.proxy, `${origin.url}/no-gateway.bin`)))
  const sha256 = await sha256Of(content)
  for (const one of got) expect([one.status, one.sha256]).toEqual([200, sha256])
  expect(origin.stats('/no-gateway.bin').bodyBytes).toBeLessThanOrEqual(content.length + 4 * MiB)
  await Promise.all(agents.map(agent => agent.stop()))
})

test('an enrolled agent whose coordinator and gateway are gone in the middle finishes from the origin', async () => {
  origin.put('/orphan.bin', content)
  const { agents, coordinator } = await startFleet(house, ['orphan-1', 'orphan-2'])
  origin.setRate(8 * MiB)
  const downloads = agents.map(agent => download(agent.proxy, `${origin.url}/orphan.bin`))
  await origin.when('/orphan.bin', ({ bodyBytes }) => bodyBytes > 6 * MiB)
  await coordinator.kill()
  origin.setRate(null)
  const sha256 = await sha256Of(content)
  for (const one of await Promise.all(downloads)) expect([one.status, one.sha256]).toEqual([200, sha256])

  // Nobody to ask from the start on: agents that were enrolled still know each other's credentials.
  const next = seededContent('after the coordinator', 24 * MiB)
  origin.put('/later.bin', next)
  const later = await Promise.all(agents.map(agent => download(agent.proxy, `${origin.url}/later.bin`)))
  for (const one of later) expect(one.sha256).toBe(await sha256Of(next))
  expect(origin.stats('/later.bin').bodyBytes / next.length).toBeLessThanOrEqual(1.05)

  // And a restart while the coordinator is away.
  await agents[0]!.stop()
  const again = await startAgent(house, 'orphan-1 again', { folder: agents[0]!.folder })
  expect((await download(again.proxy, `${origin.url}/later.bin`)).sha256).toBe(await sha256Of(next))
})
