import { join } from 'node:path'
import { MiB } from '@starling/shared/units.ts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { seededContent } from '../doubles/content.ts'
import { startOrigin, type Origin } from '../doubles/origin.ts'
import type { Replayed } from '../sim/replay.ts'
import { download } from './client.ts'
import { openHouse } from './harness.ts'
import { fleetSecret, poll, startMembers, type AgentHandle } from './site.ts'

const house = openHouse()
const content = seededContent('traced', 32 * MiB)
const chunks = content.length / MiB
let origin: Origin
beforeAll(async () => {
  origin = await startOrigin()
  house.keep(() => origin.close())
})
afterAll(() => house.close())

const decisionsOf = async ({ folder }: AgentHandle, trace: string): Promise<Replayed> => {
  const ran = await house.run('test/sim/main.ts', [
    '--replay',
    join(folder, trace),
    '--policy',
    'upstreamSlots=4',
    '--json'
  ])
  expect(ran.code, ran.stderr).toBe(0)
  return JSON.parse(ran.stdout) as Replayed
}

test('agents record what happens to them, and the simulator decides again as they did', async () => {
  origin.put('/traced.bin', content)
  const url = `${origin.url}/traced.bin`
  const traced = (trace: string) => ({ args: ['--trace', trace] })
  const secret = fleetSecret()

  const [first] = await startMembers(house, secret, ['traced-1'], [], traced('alone.trace'))
  await download(first!.proxy, url)
  // The client has its last bytes before they are verified and kept, and a stop in between leaves them for the next life to fetch.
  await poll(
    10_000,
    async () => (await first!.status()).transfers,
    transfers => transfers[0]?.complete === true
  )
  await first!.stop()
  const alone = await decisionsOf(first!, 'alone.trace')
  expect(alone.asItWas.upstreamRequests).toBe(origin.stats('/traced.bin').requests)
  expect(alone.asItWas.upstreamBytes).toBe(content.length)
  expect(alone.other).not.toBeNull()

  // In its second life it begins with what it has.
  const again = { ...traced('again.trace'), folder: first!.folder }
  const [seeder] = await startMembers(house, secret, ['traced-1'], [], again)
  const late = await startMembers(house, secret, ['traced-2', 'traced-3'], [seeder!], traced('late.trace'))
  await Promise.all(late.map(agent => download(agent.proxy, url)))
  for (const agent of [seeder!, ...late]) {
    const trace = agent === seeder ? 'again.trace' : 'late.trace'
    const { totals } = await agent.status()
    await agent.stop()
    const { asItWas } = await decisionsOf(agent, trace)
    expect(asItWas.upstreamRequests, agent.name).toBe(0)
    expect(totals.fromPeers / MiB, agent.name).toBe(agent === seeder ? 0 : chunks)
    for (const [decided, bytes] of [
      [asItWas.served, totals.toPeers],
      [asItWas.peerRequests, totals.fromPeers]
    ] as const) {
      // A request that was cut off because another was quicker is a decision, too.
      expect(decided, agent.name).toBeGreaterThanOrEqual(bytes / MiB)
      expect(decided, agent.name).toBeLessThanOrEqual(bytes / MiB + 2)
    }
  }
})
