import { MiB } from '@starling/shared/units.ts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { seededContent, sha256Of } from '../doubles/content.ts'
import { startOrigin, type Origin } from '../doubles/origin.ts'
import { download } from './client.ts'
import { openHouse } from './harness.ts'
import { bytesOf, fleetSecret, startFleet, startMembers } from './site.ts'

const house = openHouse()
let origin: Origin
const content = seededContent('shared', 64 * MiB)
const extent = 4 * MiB

beforeAll(async () => {
  origin = await startOrigin()
  house.keep(() => origin.close())
})
afterAll(() => house.close())

test('three agents, coordinator and gateway: one copy crosses the WAN, and most bytes come from the LAN', async () => {
  origin.put('/fleet.bin', content)
  const { agents } = await startFleet(house, ['fleet-1', 'fleet-2', 'fleet-3'])
  const got = await Promise.all(agents.map(agent => download(agent.proxy, `${origin.url}/fleet.bin`)))
  const sha256 = await sha256Of(content)
  for (const one of got) expect([one.status, one.sha256]).toEqual([200, sha256])

  const wan = origin.stats('/fleet.bin').bodyBytes
  expect(wan).toBeGreaterThanOrEqual(content.length)
  expect(wan).toBeLessThanOrEqual(content.length + extent)

  const bytes = await Promise.all(agents.map(agent => bytesOf(agent, '/fleet.bin')))
  const fromLan = bytes.reduce((sum, { fromPeers, fromGateway }) => sum + fromPeers + fromGateway, 0)
  const fromOrigin = bytes.reduce((sum, { fromUpstream }) => sum + fromUpstream, 0)
  expect(fromLan + fromOrigin).toBeGreaterThanOrEqual(3 * content.length)
  expect(fromLan / (fromLan + fromOrigin)).toBeGreaterThanOrEqual(0.6)
  // Told to stop, an agent ends in order: what it was writing is kept, and its peers know that it left.
  for (const ended of await Promise.all(agents.map(agent => agent.stop())))
    expect(ended).toEqual({ code: 0, signal: null })
})

test('a fleet secret and no coordinator: still one copy', async () => {
  // Large enough that one extent fetched twice, which happens when all begin in the same moment, is within 5 %.
  const content = seededContent('shared by members', 96 * MiB)
  origin.put('/members.bin', content)
  const agents = await startMembers(house, fleetSecret(), ['member-1', 'member-2', 'member-3'])
  const got = await Promise.all(agents.map(agent => download(agent.proxy, `${origin.url}/members.bin`)))
  const sha256 = await sha256Of(content)
  for (const one of got) expect([one.status, one.sha256]).toEqual([200, sha256])
  expect(origin.stats('/members.bin').bodyBytes / content.length).toBeLessThanOrEqual(1.05)

  // One who comes late gets everything from the others.
  const [late] = await startMembers(house, agents[0]!.secret!, ['late'], agents)
  const before = origin.stats('/members.bin').bodyBytes
  expect((await download(late!.proxy, `${origin.url}/members.bin`)).sha256).toBe(sha256)
  expect(origin.stats('/members.bin').bodyBytes).toBe(before)
})
