import { MiB } from '@starling/shared/units.ts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { seededContent, sha256Of } from '../doubles/content.ts'
import { startOrigin, type Origin } from '../doubles/origin.ts'
import { download } from './client.ts'
import { openHouse } from './harness.ts'
import { fleetSecret, poll, startAgent, startMembers, type AgentHandle } from './site.ts'

const house = openHouse()
let origin: Origin
beforeAll(async () => {
  origin = await startOrigin()
  house.keep(() => origin.close())
})
afterAll(() => house.close())

test('kill -9 of an agent in mid-extent: the others finish, and it resumes without fetching what it had', async () => {
  const content = seededContent('crash', 48 * MiB)
  const sha256 = await sha256Of(content)
  origin.put('/crash.bin', content)
  const url = `${origin.url}/crash.bin`
  const secret = fleetSecret()
  const [first, second, third] = await startMembers(house, secret, ['first', 'second', 'third'])

  origin.setRate(12 * MiB)
  const victim = download(first!.proxy, url).catch(() => 'gone' as const)
  const others = [download(second!.proxy, url), download(third!.proxy, url)]
  const keptBytes = async (agent: AgentHandle): Promise<number> =>
    (await agent.transfers()).find(({ key }) => key.endsWith('/crash.bin'))?.keptBytes ?? 0
  const keptBefore = await poll(
    30_000,
    () => keptBytes(first!),
    kept => kept > 6 * MiB
  )
  expect(origin.stats('/crash.bin').flowsNow, 'extents are under way').toBeGreaterThan(0)
  await first!.kill()
  expect(await victim).toBe('gone')
  for (const { sha256: got } of await Promise.all(others)) expect(got).toBe(sha256)
  // What the dead one had under way is lost with it and fetched once more: at most its two slots of one extent.
  expect(origin.stats('/crash.bin').bodyBytes).toBeLessThanOrEqual(content.length * 1.05 + 8 * MiB)

  // Alone, so that what it had is told from what others could give it.
  await Promise.all([second!.stop(), third!.stop()])
  const again = await startAgent(house, 'first again', { folder: first!.folder, secret })
  const kept = await keptBytes(again)
  expect(kept, 'what was kept before the power cut').toBeGreaterThanOrEqual(keptBefore)
  const before = origin.stats('/crash.bin').bodyBytes
  expect((await download(again.proxy, url)).sha256).toBe(sha256)
  const fetched = origin.stats('/crash.bin').bodyBytes - before
  expect(fetched).toBeGreaterThanOrEqual(content.length - kept)
  expect(fetched).toBeLessThanOrEqual(content.length - kept + 4 * MiB)
})
