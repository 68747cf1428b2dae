import { MiB } from '@starling/shared/units.ts'
import { afterAll, expect, test } from 'vitest'
import { seededContent } from '../doubles/content.ts'
import { startOrigin } from '../doubles/origin.ts'
import { download } from './client.ts'
import { openHouse } from './harness.ts'
import { coordinatorProgram, createTicket, startAgent, startCoordinator, untilAllMet } from './site.ts'

const house = openHouse()
afterAll(() => house.close())

test('agents first started while their coordinator is away share as soon as it is back, with no restart', async () => {
  const origin = await startOrigin()
  house.keep(() => origin.close())
  const content = seededContent('late', 8 * MiB)
  origin.put('/late.bin', content)
  const args = ['--heartbeat', '1s', '--site', 'berlin', '--no-gateway']
  const first = await startCoordinator(house, args)
  const tickets = [await createTicket(house, first), await createTicket(house, first)]
  const { port } = new URL(String(first.ready.address))
  await first.stop()

  const agents = await Promise.all(tickets.map((ticket, at) => startAgent(house, `late-${at}`, { ticket })))
  for (const agent of agents) expect((await agent.status()).site).toBe('berlin')
  await house.start('coordinator again', coordinatorProgram, [
    'run',
    '--data',
    first.folder,
    '--listen',
    `127.0.0.1:${port}`,
    '--json',
    ...args
  ])
  await untilAllMet(agents)
  await Promise.all(agents.map(agent => download(agent.proxy, `${origin.url}/late.bin`)))
  expect(origin.stats('/late.bin').bodyBytes).toBeLessThanOrEqual(content.length + 4 * MiB)
})
