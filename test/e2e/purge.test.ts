import { MiB } from '@starling/shared/units.ts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { bytesContent, seededContent, sha256Of } from '../doubles/content.ts'
import { startOrigin, type Origin } from '../doubles/origin.ts'
import { download } from './client.ts'
import { openHouse } from './harness.ts'
import {
  agentProgram,
  coordinatorProgram,
  fleetSecret,
  startAgent,
  startFleet,
  startMembers,
  untilAllMet,
  type AgentHandle
} from './site.ts'

const house = openHouse()
let origin: Origin
const extent = 4 * MiB
/** Without a purge it is given out for an hour, whatever the origin has by then. */
const fresh = { headers: { 'cache-control': 'max-age=3600' } }

beforeAll(async () => {
  origin = await startOrigin()
  house.keep(() => origin.close())
})
afterAll(() => house.close())

const keeps = async (agent: AgentHandle, path: string): Promise<boolean> =>
  (await agent.transfers()).some(({ key }) => key.endsWith(path))
const untilForgotten = (agents: readonly AgentHandle[], path: string): Promise<void> =>
  expect
    .poll(() => Promise.all(agents.map(agent => keeps(agent, path))), { timeout: 15_000 })
    .toEqual(agents.map(() => false))

async function getAll(agents: readonly AgentHandle[], path: string, sha256: string): Promise<void> {
  const got = await Promise.all(agents.map(agent => download(agent.proxy, `${origin.url}${path}`)))
  expect(got.map(one => [one.status, one.sha256])).toEqual(agents.map(() => [200, sha256]))
}

test('a purge at one machine: all forget, the new version comes as one copy, and no sleeper brings the old one back', async () => {
  const path = '/purged.bin'
  const [old, renewed] = [seededContent('old', 16 * MiB), seededContent('new', 16 * MiB)]
  origin.put(path, old)
  origin.setFaults(path, fresh)
  const secret = fleetSecret()
  const [one, two, sleeper] = await startMembers(house, secret, ['one', 'two', 'sleeper'])
  await getAll([one!, two!, sleeper!], path, await sha256Of(old))
  origin.put(path, renewed)
  // What is fresh is given out without a question to the origin: that is what there is a purge for.
  await getAll([two!], path, await sha256Of(old))
  await sleeper!.stop()

  const purged = await house.run(agentProgram, [
    'cache',
    'purge',
    `${origin.url}${path}`,
    '--data',
    one!.folder
  ])
  expect([purged.code, purged.stdout.trim()], purged.stderr).toEqual([
    0,
    `purged ${origin.url}${path}: 1 forgotten here, 1 agents told, who tell the others`
  ])
  await untilForgotten([one!, two!], path)

  const before = origin.stats(path).bodyBytes
  await getAll([one!, two!], path, await sha256Of(renewed))
  const wan = origin.stats(path).bodyBytes - before
  expect(wan).toBeGreaterThanOrEqual(renewed.length)
  expect(wan).toBeLessThanOrEqual(renewed.length + extent)

  const back = await startAgent(house, 'sleeper again', {
    folder: sleeper!.folder,
    secret,
    peers: [one!, two!]
  })
  await untilAllMet([one!, two!, back])
  await untilForgotten([back], path)
  await getAll([back, one!], path, await sha256Of(renewed))
  expect(origin.stats(path).bodyBytes - before, 'the sleeper got it from the site').toBe(wan)

  // Purged while it is stopped, that counts when it starts, and for it alone.
  await back.stop()
  const stopped = await house.run(agentProgram, [
    'cache',
    'purge',
    `${origin.url}${path}`,
    '--data',
    back.folder
  ])
  expect(stopped.stdout).toMatch(/1 forgotten here; the site was not told: the agent is stopped/)
  const latest = seededContent('latest', 16 * MiB)
  origin.put(path, latest)
  const again = await startAgent(house, 'sleeper, third', {
    folder: back.folder,
    secret,
    peers: [one!, two!]
  })
  await untilAllMet([one!, two!, again])
  await getAll([again], path, await sha256Of(latest))
  await getAll([one!], path, await sha256Of(renewed))
})

test('a purge at the coordinator: its agents and its gateway forget with their next heartbeat', async () => {
  const path = '/withdrawn.bin'
  const [old, renewed] = [seededContent('withdrawn', 8 * MiB), seededContent('mended', 8 * MiB)]
  origin.put(path, old)
  origin.setFaults(path, fresh)
  const { agents, coordinator } = await startFleet(house, ['first', 'second'], {
    coordinatorArgs: ['--heartbeat', '1s']
  })
  await getAll(agents, path, await sha256Of(old))
  origin.put(path, renewed)
  const purged = await house.run(coordinatorProgram, [
    'cache',
    'purge',
    'generic-download',
    '--reason',
    'withdrawn by its vendor',
    '--data',
    coordinator.folder
  ])
  expect(purged.code, purged.stderr).toBe(0)
  await untilForgotten(agents, path)
  const gatewayKeeps = async (): Promise<boolean> => {
    const response = await fetch(`${coordinator.gatewayPage}/api/v1/cache`)
    return (await response.text()).includes(path)
  }
  await expect.poll(gatewayKeeps, { timeout: 15_000 }).toBe(false)

  const before = origin.stats(path).bodyBytes
  await getAll(agents, path, await sha256Of(renewed))
  expect(origin.stats(path).bodyBytes - before).toBeLessThanOrEqual(renewed.length + extent)
})

test('a small thing that is purged while the agent is stopped is not given out when it starts again', async () => {
  const path = '/small.cab'
  const [old, renewed] = ['old', 'new'].map(text => bytesContent(Buffer.alloc(5000, text)))
  origin.put(path, old!)
  origin.setFaults(path, fresh)
  const first = await startAgent(house, 'small', { secret: fleetSecret() })
  await getAll([first], path, await sha256Of(old!))
  origin.put(path, renewed!)
  await getAll([first], path, await sha256Of(old!))
  await first.stop()

  const purge = ['cache', 'purge', `${origin.url}${path}`, '--data', first.folder]
  expect((await house.run(agentProgram, purge)).code).toBe(0)
  const again = await startAgent(house, 'small again', { folder: first.folder, secret: first.secret! })
  await getAll([again], path, await sha256Of(renewed!))
})
