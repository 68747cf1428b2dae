import { MiB } from '@starling/shared/units.ts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { seededContent, sha256Of } from '../doubles/content.ts'
import { startOrigin, type Origin } from '../doubles/origin.ts'
import { download } from './client.ts'
import { openHouse } from './harness.ts'
import { agentArgs, agentProgram, startAgent } from './site.ts'

const house = openHouse()
let origin: Origin
beforeAll(async () => {
  origin = await startOrigin()
  house.keep(() => origin.close())
})
afterAll(() => house.close())

test('content larger than the cache streams through; what does not fit is not kept', async () => {
  const agent = await startAgent(house, 'small', { args: ['--cache-quota', '16MiB', '--cache-floor', '0'] })
  const content = seededContent('too large', 48 * MiB)
  origin.put('/large.bin', content)
  const got = await download(agent.proxy, `${origin.url}/large.bin`)
  expect([got.status, got.sha256]).toEqual([200, await sha256Of(content)])
  // What was fetched ahead of the client and could not be kept is fetched again: little, not everything.
  expect(origin.stats('/large.bin').bodyBytes).toBeLessThanOrEqual(content.length * 1.2)
  const kept = (await agent.transfers()).reduce((sum, { keptBytes }) => sum + keptBytes, 0)
  expect(kept).toBeLessThanOrEqual(16 * MiB)
})

test('a disk with no room at all stops the caching, never the download', async () => {
  // The floor is what must stay free: more than any disk has means that nothing may be written.
  const agent = await startAgent(house, 'full', { args: ['--cache-floor', '1024GiB'] })
  const content = seededContent('no room', 24 * MiB)
  origin.put('/no-room.bin', content)
  const got = await download(agent.proxy, `${origin.url}/no-room.bin`)
  expect([got.status, got.sha256]).toEqual([200, await sha256Of(content)])
  const kept = (await agent.transfers()).reduce((sum, { keptBytes }) => sum + keptBytes, 0)
  expect(kept).toBe(0)
})

test('a second agent on the same folder ends at once and says why; the first is not disturbed', async () => {
  const agent = await startAgent(house, 'owner', {})
  const second = await house.run(agentProgram, agentArgs(agent.folder, {}))
  expect(second.code).not.toBe(0)
  expect(second.code).not.toBeNull()
  expect(second.stderr).toContain(agent.folder)
  expect(second.stderr).toMatch(/already|in use|another/i)
  expect(second.stderr, 'a sentence, not a stack').not.toMatch(/\n\s+at .*\(.*:\d+:\d+\)/)
  const content = seededContent('undisturbed', 2 * MiB)
  origin.put('/undisturbed.bin', content)
  expect((await download(agent.proxy, `${origin.url}/undisturbed.bin`)).sha256).toBe(await sha256Of(content))
})
