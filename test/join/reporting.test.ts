/** What agents report over real HTTPS: in little, counted once, over outages and restarts of both sides. */
import { wholeFleet } from '@starling/shared/fleet-series.ts'
import { dayMs } from '@starling/shared/units.ts'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Coordinator } from '@starling/coordinator/coordinator.ts'
import { createJoinLab, movableClock, type JoinLab, type TestAgent } from './lab.ts'

const eventually = (check: () => unknown): Promise<unknown> =>
  vi.waitFor(check, { timeout: 8000, interval: 10 })

let lab: JoinLab
beforeEach(() => {
  lab = createJoinLab()
})
afterEach(() => lab.end())

const names = Array.from({ length: 60 }, (_, index) => `http://files.example/a-rather-long-name-${index}.cab`)

function count(agent: TestAgent, fromPeers: number): void {
  agent.report = { ...agent.report, counters: { ...agent.report.counters, fromPeers } }
}
async function peerBytes(coordinator: Coordinator): Promise<number> {
  await coordinator.flush()
  const { points } = await coordinator.fleetView.series('minute', undefined, undefined, undefined)
  return points.reduce((sum, { peers }) => sum + peers, 0)
}
const heardOf = async (coordinator: Coordinator, agent: TestAgent) =>
  (await coordinator.fleetView.agent(agent.identity.agentId)).counters.fromPeers

it('says how an agent stands to its policy', async () => {
  const coordinator = await lab.coordinator()
  const agent = await lab.agent(await lab.ticket(coordinator))
  const standing = async () => (await coordinator.fleetView.agent(agent.identity.agentId)).policy
  await agent.link.start()
  await eventually(async () => {
    expect(await standing()).toEqual({ standing: 'has', reason: '' })
  })
})

describe('counters', () => {
  it('count once, with an outage and restarts of both sides in between', async () => {
    const data = await lab.folder()
    const first = await lab.coordinator({ data })
    const ticket = await lab.ticket(first)
    const agent = await lab.agent(ticket)
    await agent.link.start()
    count(agent, 10)
    await eventually(async () => {
      expect(await peerBytes(first)).toBe(10)
    })
    await first.stop()
    // Counted while nobody listened, and the agent ends before anybody does again.
    count(agent, 25)
    await agent.link.stop()
    const second = await lab.coordinator({ data, listen: `127.0.0.1:${first.listening.port}` })
    const again = await lab.agent(null, agent)
    count(again, 4)
    await again.link.start()
    await eventually(async () => {
      expect(await peerBytes(second)).toBe(29)
    })
    count(again, 5)
    await eventually(async () => {
      expect(await heardOf(second, again)).toBe(5)
    })
    expect(await peerBytes(second)).toBe(30)
  })

  it('are those of the next run also when the clock was set back', async () => {
    const coordinator = await lab.coordinator()
    const agent = await lab.agent(await lab.ticket(coordinator))
    count(agent, 7)
    await agent.link.start()
    await eventually(async () => {
      expect(await peerBytes(coordinator)).toBe(7)
    })
    await agent.link.stop()
    const clock = movableClock()
    clock.offsetMs = 0 - dayMs
    const again = await lab.agent(null, { ...agent, clock })
    count(again, 3)
    await again.link.start()
    await eventually(async () => {
      expect(await peerBytes(coordinator)).toBe(10)
    })
  })
})

it('what an agent has and fetches is known, changes included, and is asked for again by a coordinator that was restarted', async () => {
  const data = await lab.folder()
  const first = await lab.coordinator({ data })
  const agent = await lab.agent(await lab.ticket(first))
  const swarm = names.map((name, index) => ({
    transfer: String(index).padStart(64, '0'),
    complete: false,
    share: 0.5,
    name,
    length: 1000
  }))
  agent.report = { counters: {}, host: { hostName: 'PC-1', diskFreeBytes: 5 }, swarm, problems: ['low-disk'] }
  await agent.link.start()
  await eventually(async () => {
    const { contents } = first.fleetView.contents(undefined, 100)
    expect(contents.map(({ name }) => name).sort()).toEqual(names.toSorted())
  })
  agent.report = { ...agent.report, problems: [], swarm: [{ ...swarm[0]!, complete: true, share: 1 }] }
  await eventually(() => {
    expect(first.fleetView.contents('office', 100).contents).toMatchObject([
      { name: names[0], complete: 1, fetching: 0, availability: 1, length: 1000 }
    ])
  })
  await first.flush()
  expect(await first.fleetView.agents({ search: 'pc-1', count: 5 })).toMatchObject({
    agents: [{ problems: [], online: true }]
  })
  await first.stop()
  const second = await lab.coordinator({ data, listen: `127.0.0.1:${first.listening.port}` })
  await eventually(() => {
    expect(second.fleetView.contents(undefined, 100).contents).toHaveLength(1)
  })
  await second.flush()
  expect(
    (await second.fleetView.series('minute', wholeFleet, undefined, undefined)).points.at(0)?.fresh
  ).toBe(500)
  await second.enrolment.revoke(agent.identity.agentId, 'sold')
  await eventually(() => {
    expect(second.fleetView.contents(undefined, 100).contents).toEqual([])
  })
})

describe('a machine that was set up anew', () => {
  const machine = 'ab'.repeat(32)

  it('replaces its old self once it has joined with a ticket, and keeps its group', async () => {
    const clock = movableClock()
    const coordinator = await lab.coordinator({}, clock)
    const ticket = await lab.ticket(coordinator, { uses: 2, group: 'pilots' })
    const old = await lab.agent(ticket, { machine })
    await old.link.start()
    await eventually(async () => {
      expect((await coordinator.status()).online).toBe(1)
    })
    await old.link.stop()
    clock.offsetMs = dayMs
    const young = await lab.agent(await lab.ticket(coordinator), { machine, clock })
    await young.link.start()
    await eventually(async () => {
      await coordinator.flush()
      expect(await coordinator.fleetView.agents({ count: 9 })).toMatchObject({
        agents: [{ agent: young.identity.agentId, group: 'pilots', revokedAt: null, online: true }]
      })
    })
    expect(await coordinator.status()).toMatchObject({ agents: 1 })
    const back = await lab.agent(null, { ...old, clock })
    await back.link.start()
    await eventually(() => {
      expect(back.link.state().problem).toContain('revoked')
    })
  })
})
