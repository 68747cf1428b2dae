/** An agent that was installed without anything, and is then told by its admin (in a policy, in config.json) to which fleet it belongs. */
import { writeFile } from 'node:fs/promises'
import { afterAll, expect, test } from 'vitest'
import { openHouse } from './harness.ts'
import { agentProgram, createTicket, startAgent, startCoordinator } from './site.ts'

const house = openHouse()
afterAll(() => house.close())

test('an agent that runs in no fleet joins as soon as its admin gives it a ticket, and needs no restart by hand', async () => {
  const coordinator = await startCoordinator(house)
  const agent = await startAgent(house, 'given a ticket', {})
  expect((await agent.status()).coordinator.kind).toBe('none')
  const ticket = await createTicket(house, coordinator)
  await writeFile(`${agent.folder}/config.json`, JSON.stringify({ ticket }))
  // Made anew, it may have another port: its folder says which.
  const status = async () =>
    (await house.run(agentProgram, ['status', '--json', '--data', agent.folder])).stdout
  await expect.poll(status, { timeout: 30_000 }).toContain('"kind":"connected"')
  expect(await status()).not.toContain(ticket)
})
