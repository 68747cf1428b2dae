import { readdir, writeFile } from 'node:fs/promises'
import { MiB } from '@starling/shared/units.ts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { seededContent, sha256Of } from '../doubles/content.ts'
import { startOrigin, type Origin } from '../doubles/origin.ts'
import { download } from './client.ts'
import { openHouse } from './harness.ts'
import {
  agentProgram,
  bytesOf,
  coordinatorProgram,
  createTicket,
  fleetSecret,
  revoke,
  startAgent,
  startCoordinator,
  startFleet,
  startMembers,
  type CoordinatorHandle
} from './site.ts'

const house = openHouse()
let origin: Origin
let coordinator: CoordinatorHandle

beforeAll(async () => {
  origin = await startOrigin()
  house.keep(() => origin.close())
  coordinator = await startCoordinator(house)
})
afterAll(() => house.close())

const join = (ticket: string, folder = house.folder('join')) =>
  house.run(agentProgram, ['join', ticket, '--data', folder])

test('a ticket works once, and the second machine is told why it does not', async () => {
  const ticket = await createTicket(house, coordinator)
  const first = await join(ticket)
  expect(first.code, first.stderr).toBe(0)
  const second = await join(ticket)
  expect(second.code).not.toBe(0)
  expect(second.stderr).toMatch(/used/i)
})

test('an expired ticket is refused by name', async () => {
  const ticket = await createTicket(house, coordinator, ['--expires', '1s'])
  // No sleep: the refusal is awaited, which an unexpired ticket would never give.
  await expect
    .poll(async () => (await join(ticket)).stderr, { timeout: 10_000, interval: 1200 })
    .toMatch(/expired/i)
})

test('a ticket with one letter wrong, and a text that is no ticket, are told apart from a refusal', async () => {
  const ticket = await createTicket(house, coordinator)
  const middle = ticket.length >> 1
  const wrong = ticket.slice(0, middle) + (ticket[middle] === 'a' ? 'b' : 'a') + ticket.slice(middle + 1)
  for (const text of [wrong, 'hello']) {
    const result = await join(text)
    expect(result.code).not.toBe(0)
    expect(result.stderr).toMatch(/ticket/i)
    expect(result.stderr, 'no stack').not.toMatch(/\n\s+at .*:\d+:\d+/)
  }
})

test("an installation's ticket file makes the agent a member at its first start, and is gone then", async () => {
  const folder = house.folder('installed')
  const ticket = await createTicket(house, coordinator)
  await writeFile(`${folder}/ticket`, `${ticket}\r\n`, { mode: 0o600 })
  const agent = await startAgent(house, 'installed', { folder })
  await expect.poll(async () => await readdir(folder), { timeout: 10_000 }).not.toContain('ticket')
  expect(await readdir(folder)).toContain('membership.cbor')
  expect(agent.tail()).not.toContain(ticket)
  await agent.stop()
  // A member needs none.
  await (await startAgent(house, 'installed', { folder })).stop()
})

test('a peer without a credential of the fleet gets nothing, and is counted', async () => {
  const content = seededContent('members only', 8 * MiB)
  origin.put('/members-only.bin', content)
  const url = `${origin.url}/members-only.bin`
  const [member] = await startMembers(house, fleetSecret(), ['insider'])
  await download(member!.proxy, url)
  const before = origin.stats('/members-only.bin').bodyBytes

  const [stranger] = await startMembers(house, fleetSecret(), ['stranger'], [member!])
  expect((await download(stranger!.proxy, url)).sha256).toBe(await sha256Of(content))
  expect(origin.stats('/members-only.bin').bodyBytes - before, 'all of it from the origin').toBe(
    content.length
  )
  expect((await bytesOf(stranger!, '/members-only.bin')).fromPeers).toBe(0)
  expect(await stranger!.peers()).toEqual([])
  expect(await member!.peers()).toEqual([])
  expect((await bytesOf(member!, '/members-only.bin')).toPeers).toBe(0)
})

test('a revoked agent loses its peers and gets nothing from them any more', async () => {
  const {
    agents: [first, second],
    coordinator
  } = await startFleet(house, ['stays', 'leaves'])
  await expect
    .poll(async () => (await first!.peers()).map(({ id }) => id), { timeout: 15_000 })
    .toContain(second!.id)
  await revoke(house, coordinator, second!.id)
  await expect
    .poll(async () => (await first!.peers()).map(({ id }) => id), { timeout: 45_000 })
    .not.toContain(second!.id)

  const content = seededContent('after the revocation', 8 * MiB)
  origin.put('/revoked.bin', content)
  await download(first!.proxy, `${origin.url}/revoked.bin`)
  const before = origin.stats('/revoked.bin').bodyBytes
  expect((await download(second!.proxy, `${origin.url}/revoked.bin`)).sha256).toBe(await sha256Of(content))
  expect(origin.stats('/revoked.bin').bodyBytes - before, 'all of it from the origin').toBe(content.length)
})

test('agents that their admin moves to another site are of that site at once, and find each other there', async () => {
  const { agents, coordinator } = await startFleet(house, ['mover', 'other mover'])
  for (const { id } of agents) {
    const moved = await house.run(coordinatorProgram, [
      'agents',
      'move',
      id,
      '--site',
      'paris',
      '--data',
      coordinator.folder,
      '--json'
    ])
    expect(moved.code, moved.stderr).toBe(0)
  }
  // An agent that is made anew may have other ports: its folder says which.
  const ask = async (command: string, { folder }: { folder: string }) => {
    const { stdout } = await house.run(agentProgram, [command, '--json', '--data', folder])
    return stdout === '' ? null : (JSON.parse(stdout) as unknown)
  }
  for (const [at, agent] of agents.entries()) {
    await expect
      .poll(() => ask('status', agent), { timeout: 30_000 })
      .toMatchObject({ site: 'paris', pid: agent.pid })
    await expect
      .poll(async () => JSON.stringify(await ask('peers', agent)), { timeout: 30_000 })
      .toContain(agents[1 - at]!.id)
  }
})
