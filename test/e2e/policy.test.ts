import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { json } from './client.ts'
import { openHouse } from './harness.ts'
import type { AgentStatus, PolicyView } from '@starling/agent/ports.ts'
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
    JSON.stringify({ uploadSlots: 3, upstreamServers: [{ name: 'north', kind: 'direct' }] })
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
  const servers = async (page: string) => {
    const token = readFileSync(join(coordinator.folder, 'gateway', 'page.token'), 'utf8').trim()
    const headers = { authorization: `Bearer ${token}` }
    const { values } = await json<PolicyView>(`${page}/api/v1/policy`, { headers })
    return values.find(({ name }) => name === 'upstreamServers')
  }
  const origin = { kind: 'coordinator', name: 'fleet version 1' }
  // Those cannot change while it runs.
  expect(await servers(coordinator.gatewayPage!)).toMatchObject({ value: [], waiting: { origin } })

  await coordinator.stop()
  const again = await startCoordinator(house, quickHeartbeat, coordinator.folder)
  expect(await servers(again.gatewayPage!)).toMatchObject({
    value: [{ name: 'north' }],
    origin,
    waiting: null
  })
}, 90_000)
