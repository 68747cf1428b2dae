import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { startOrigin } from '../doubles/origin.ts'
import { download, json } from './client.ts'
import { openHouse } from './harness.ts'
import type { AgentStatus, PolicyView, UpstreamView } from '@starling/agent/ports.ts'
import { coordinatorProgram, createTicket, quickHeartbeat, startAgent, startCoordinator } from './site.ts'

const house = openHouse()
afterAll(() => house.close())

test('a policy reaches a real agent; a coordinator that is killed in the middle of a rollout is followed by one that goes on', async () => {
  const args = ['--no-gateway', ...quickHeartbeat]
  const first = await startCoordinator(house, args)
  const agent = await startAgent(house, 'agent', { ticket: await createTicket(house, first) })
  const policy = async (...words: string[]): Promise<Record<string, unknown>> => {
    const done = await house.run(coordinatorProgram, ['policy', ...words, '--data', first.folder, '--json'])
    expect(done.code, done.stderr).toBe(0)
    return JSON.parse(done.stdout) as Record<string, unknown>
  }
  const slots = async (): Promise<number> => (await agent.status()).policy.uploadSlots
  const write = (uploadSlots: number): string => {
    const file = join(first.folder, 'policy.json')
    writeFileSync(file, JSON.stringify({ uploadSlots }))
    return file
  }

  await policy('set', write(3), '--at-once', '--hold', 'manual', '--reason', 'less')
  await expect.poll(slots, { timeout: 15_000 }).toBe(3)
  await policy('rollout', 'advance')

  await policy('set', write(5), '--stages', 'site:main,100', '--hold', '1s')
  await expect.poll(slots, { timeout: 15_000 }).toBe(5)
  await first.kill()
  const { port } = first.ready.listening as { port: number }
  await house.start('coordinator again', coordinatorProgram, [
    'run',
    '--data',
    first.folder,
    '--listen',
    `127.0.0.1:${port}`,
    '--json',
    ...args
  ])
  expect(await slots()).toBe(5)
  // Its stages go on by themselves, and end.
  await expect
    .poll(async () => (await policy('rollout', 'status')).rollout, { timeout: 60_000, interval: 1000 })
    .toMatchObject({ to: 2, phase: { kind: 'done' } })

  const back = await policy('rollout', 'rollback', '1', '--reason', 'too much')
  expect(back).toMatchObject({ current: 1 })
  await expect.poll(slots, { timeout: 15_000 }).toBe(3)
  expect(await policy('history')).toMatchObject([{ version: 2 }, { version: 1, reason: 'less' }])
}, 150_000)

test('the gateway in a coordinator takes policy like every agent, and starts with what it was told', async () => {
  const coordinator = await startCoordinator(house)
  const slots = async (page: string): Promise<number> =>
    (await json<AgentStatus>(`${page}/api/v1/status`)).policy.uploadSlots
  const file = join(coordinator.folder, 'policy.json')
  writeFileSync(
    file,
    JSON.stringify({
      uploadSlots: 3,
      cacheSmallQuotaBytes: '7MB',
      upstreamServers: [{ name: 'north', kind: 'direct' }]
    })
  )
  const done = await house.run(coordinatorProgram, [
    'policy',
    'set',
    file,
    '--data',
    coordinator.folder,
    '--at-once'
  ])
  expect(done).toMatchObject({ code: 0 })
  await expect.poll(() => slots(coordinator.gatewayPage!), { timeout: 15_000 }).toBe(3)
  const valueOf = async (page: string, wanted: string) => {
    const token = readFileSync(join(coordinator.folder, 'gateway', 'page.token'), 'utf8').trim()
    const headers = { authorization: `Bearer ${token}` }
    const { values } = await json<PolicyView>(`${page}/api/v1/policy`, { headers })
    return values.find(({ name }) => name === wanted)
  }
  const origin = { kind: 'coordinator', name: 'fleet version 1' }
  expect(await valueOf(coordinator.gatewayPage!, 'upstreamServers')).toMatchObject({
    value: [{ name: 'north' }],
    origin,
    waiting: null
  })
  // This cannot change while it runs.
  const small = await valueOf(coordinator.gatewayPage!, 'cacheSmallQuotaBytes')
  expect(small).toMatchObject({ origin: { kind: 'default' }, waiting: { origin } })

  await coordinator.stop()
  const again = await startCoordinator(house, quickHeartbeat, coordinator.folder)
  expect(await valueOf(again.gatewayPage!, 'cacheSmallQuotaBytes')).toMatchObject({ origin, waiting: null })
}, 90_000)

test('a policy that sends everybody to a dead proxy holds at once, and is given back by the agent without a restart', async () => {
  const origin = await startOrigin()
  house.keep(() => origin.close())
  const coordinator = await startCoordinator(house, ['--no-gateway', ...quickHeartbeat])
  const agent = await startAgent(house, 'misled', { ticket: await createTicket(house, coordinator) })
  let asked = 0
  /** Of something that is nowhere, so that nothing but the origin can say so. */
  const statusOf = async (): Promise<number> =>
    (await download(agent.proxy, `${origin.url}/none/${asked++}`)).status
  const upstreams = async () =>
    (await json<UpstreamView[]>(`${agent.page}/api/v1/upstreams`)).map(({ name }) => name)
  expect(await statusOf()).toBe(404)

  const file = join(coordinator.folder, 'policy.json')
  const dead = { name: 'dead', kind: 'proxy', url: 'http://127.0.0.1:9' }
  writeFileSync(file, JSON.stringify({ upstreamServers: [dead] }))
  const words = ['policy', 'set', file, '--data', coordinator.folder, '--at-once']
  expect(await house.run(coordinatorProgram, words)).toMatchObject({ code: 0 })
  await expect.poll(upstreams, { timeout: 15_000 }).toEqual(['dead'])
  for (let round = 0; round < 3; round++) expect(await statusOf()).toBe(502)

  await expect.poll(upstreams, { timeout: 75_000, interval: 500 }).toEqual(['direct'])
  expect(await statusOf()).toBe(404)
  await agent.said(/it cut this agent off: none of \d+ requests upstream succeeded any more/)
}, 150_000)
