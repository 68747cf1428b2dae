/** Orders of the coordinator on real processes: told through the command line, done by agents, one copy over the WAN. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { OrderView } from '@starling/shared/admin-api/orders.ts'
import { KiB, MiB, minuteMs } from '@starling/shared/units.ts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { seededContent, sha256Of } from '../doubles/content.ts'
import { startOrigin, type Origin } from '../doubles/origin.ts'
import { download } from './client.ts'
import { openHouse } from './harness.ts'
import {
  coordinatorProgram,
  createTicket,
  startAgent,
  startCoordinator,
  untilAllMet,
  type AgentHandle,
  type CoordinatorHandle
} from './site.ts'

type Shown = OrderView & {
  readonly sites: ReadonlyArray<{ readonly site: string; readonly done: number; readonly reasons: object }>
}

const house = openHouse()
const extent = 4 * MiB
let origin: Origin
let coordinator: CoordinatorHandle
let agents: AgentHandle[]

beforeAll(async () => {
  origin = await startOrigin()
  house.keep(() => origin.close())
  coordinator = await startCoordinator(house, ['--heartbeat', '1s', '--no-gateway', '--site', 'office'])
  agents = await Promise.all(
    ['one', 'two'].map(async name =>
      startAgent(house, name, { ticket: await createTicket(house, coordinator) })
    )
  )
  await untilAllMet(agents)
}, 2 * minuteMs)
afterAll(() => house.close(), minuteMs)

async function command<Answer>(...words: readonly string[]): Promise<Answer> {
  const ran = await house.run(coordinatorProgram, [...words, '--data', coordinator.folder, '--json'])
  expect(ran.code, ran.stderr).toBe(0)
  return JSON.parse(ran.stdout) as Answer
}

const prestage = async (path: string, ...words: readonly string[]): Promise<string> =>
  (await command<OrderView>('prestage', `${origin.url}${path}`, '--by', '1h', ...words)).id
const show = (id: string): Promise<Shown> => command<Shown>('prestage', 'show', id)

async function untilShown(id: string, counts: Partial<Shown>): Promise<Shown> {
  await expect.poll(() => show(id), { timeout: minuteMs, interval: 500 }).toMatchObject(counts)
  return await show(id)
}

const ordersOf = async (agent: AgentHandle) => (await agent.status()).orders

function put(path: string, bytes: number): ReturnType<typeof seededContent> {
  const content = seededContent(path, bytes)
  origin.put(path, content)
  return content
}

test(
  'a file is on each agent of the site before anybody asks for it, for one copy over the WAN',
  async () => {
    const content = put('/staged.bin', 24 * MiB)
    const id = await prestage('/staged.bin', '--sites', 'office')
    const shown = await untilShown(id, { agents: 2, done: 2, unheard: 0, failed: 0 })
    expect(shown.sites).toMatchObject([{ site: 'office', done: 2, reasons: {} }])
    expect([shown.bytes, shown.length]).toEqual([48 * MiB, 24 * MiB])
    const wan = origin.stats('/staged.bin').bodyBytes
    expect(wan).toBeLessThanOrEqual(content.length + extent)
    for (const agent of agents) {
      const got = await download(agent.proxy, `${origin.url}/staged.bin`)
      expect([got.status, got.sha256]).toEqual([200, await sha256Of(content)])
    }
    expect(origin.stats('/staged.bin').bodyBytes).toBe(wan)

    const pin = await command<OrderView>('pin', `${origin.url}/staged.bin`, '--scope', 'fleet')
    await untilShown(pin.id, { done: 2 })
    const pinned = async () =>
      (await Promise.all(agents.map(agent => agent.transfers()))).map(list =>
        list.some(one => one.key.endsWith('/staged.bin') && one.pinned)
      )
    expect(await pinned()).toEqual([true, true])
    await command('unpin', `${origin.url}/staged.bin`)
    await expect.poll(pinned, { timeout: 15_000 }).toEqual([false, false])
  },
  3 * minuteMs
)

test(
  'what is withdrawn stops at once, and nothing more of it crosses the WAN',
  async () => {
    put('/withdrawn.bin', 64 * MiB)
    const id = await prestage('/withdrawn.bin', '--scope', 'fleet', '--rate', '1MiB')
    await expect
      .poll(async () => (await ordersOf(agents[0]!)).find(order => order.id === id)?.bytes, {
        timeout: minuteMs
      })
      .toBeGreaterThan(0)
    await command('prestage', 'withdraw', id)
    for (const agent of agents)
      await expect
        .poll(async () => (await ordersOf(agent)).some(order => order.id === id), { timeout: 15_000 })
        .toBe(false)
    const wan = origin.stats('/withdrawn.bin').bodyBytes
    expect(wan).toBeLessThan(32 * MiB)
    // As long as something else takes.
    put('/after.bin', 16 * MiB)
    await untilShown(await prestage('/after.bin', '--scope', 'fleet', '--rate', '2MiB'), { done: 2 })
    expect(origin.stats('/withdrawn.bin').bodyBytes - wan).toBeLessThanOrEqual(2 * extent)
    expect(await show(id)).toMatchObject({ state: 'withdrawn', done: 0 })
  },
  3 * minuteMs
)

test(
  'an agent that is killed in the middle goes on where it was when it starts again',
  async () => {
    const content = put('/killed.bin', 24 * MiB)
    const [, two] = agents
    const id = await prestage('/killed.bin', '--scope', `device:${two!.id}`, '--rate', '2MiB')
    await expect
      .poll(async () => (await ordersOf(two!)).find(order => order.id === id)?.bytes, { timeout: minuteMs })
      .toBeGreaterThanOrEqual(8 * MiB)
    await two!.kill()
    const before = origin.stats('/killed.bin').bodyBytes
    expect(before).toBeLessThan(content.length)
    agents[1] = await startAgent(house, 'two again', { folder: two!.folder })
    await untilShown(id, { agents: 1, done: 1 })
    expect(origin.stats('/killed.bin').bodyBytes).toBeLessThanOrEqual(content.length + 2 * extent)
  },
  3 * minuteMs
)

test(
  "an order is no way round an agent's rules: it fails with what the rule says",
  async () => {
    put('/denied.bin', 8 * MiB)
    const folder = house.folder('denied')
    const rules = [{ name: 'no-files', action: 'deny', hosts: ['127.0.0.1'] }]
    await writeFile(join(folder, 'config.json'), JSON.stringify({ proxy: { rules } }))
    const ticket = await createTicket(house, coordinator, ['--site', 'guarded'])
    const guarded = await startAgent(house, 'guarded', { folder, ticket })
    const id = await prestage('/denied.bin', '--sites', 'guarded', '--rate', `${64 * KiB}B`)
    const shown = await untilShown(id, { agents: 1, failed: 1 })
    expect(Object.entries(shown.sites[0]!.reasons)).toEqual([[expect.stringContaining('no-files'), 1]])
    expect(origin.stats('/denied.bin').requests).toBe(0)
    const said = await house.run('agent/src/main.ts', ['orders', '--data', guarded.folder])
    expect(said.stdout).toMatch(/failed.*denied\.bin\n.*no-files/s)
  },
  3 * minuteMs
)
