import type { AgentId } from '@starling/shared/ids.ts'
import { Prng } from '@starling/shared/prng.ts'
import { secondMs } from '@starling/shared/units.ts'
import { describe, expect, it } from 'vitest'
import { createCoordinatorCore, type CoordinatorCore } from './coordinator.ts'
import type { CoordinatorEffect } from './events.ts'

const heartbeatMs = 30 * secondMs
const id = (n: number): AgentId => `12D3KooW${String(n).padStart(44, 'z').replaceAll('0', 'o')}`
const addressOf = (agent: AgentId): string[] => [`/dns4/${agent}/tcp/1`]

function fleetOf(agents: number, site = 'office'): CoordinatorCore {
  const core = createCoordinatorCore({ heartbeatMs })
  for (let n = 0; n < agents; n++) core.step({ type: 'agent-enrolled', agent: id(n), site, role: 'agent' }, 0)
  return core
}

function beat(
  core: CoordinatorCore,
  agent: AgentId,
  now: number,
  swarm: Array<{ transfer: string; complete: boolean }> = []
): CoordinatorEffect[] {
  return core.step({ type: 'heartbeat', request: 1, agent, addresses: addressOf(agent), swarm }, now)
}

function handoutOf(effects: CoordinatorEffect[]): AgentId[] {
  const found = effects.flatMap(effect => (effect.type === 'hand-out' ? [effect] : []))
  expect(found).toHaveLength(1)
  return found[0]!.peers.map(peer => peer.id)
}

describe('presence', () => {
  it('comes with the first heartbeat and ends after three that did not come', () => {
    const core = fleetOf(2)
    expect(core.wakeAt()).toBeNull()
    expect(beat(core, id(0), 0)).toContainEqual({ type: 'came-online', agent: id(0) })
    expect(beat(core, id(0), heartbeatMs)).not.toContainEqual({ type: 'came-online', agent: id(0) })
    beat(core, id(1), heartbeatMs + 1)
    const silentAt = heartbeatMs * 4.5
    expect(core.wakeAt()).toBe(silentAt)
    expect(core.step({ type: 'woke' }, silentAt - 1)).toEqual([])
    expect(core.step({ type: 'woke' }, silentAt)).toEqual([{ type: 'went-offline', agent: id(0) }])
    expect(core.wakeAt()).toBe(silentAt + 1)
    expect(core.fleet.onlineCount).toBe(1)
  })

  it('is not had by strangers, and lost by the revoked', () => {
    const core = fleetOf(1)
    expect(handoutOf(beat(core, id(7), 0))).toEqual([])
    beat(core, id(0), 0)
    expect(core.step({ type: 'agent-revoked', agent: id(0) }, 1)).toEqual([
      { type: 'went-offline', agent: id(0) }
    ])
    expect(beat(core, id(0), 2)).not.toContainEqual({ type: 'came-online', agent: id(0) })
    expect(core.fleet.onlineCount).toBe(0)
  })

  it('moves with the agent to another site', () => {
    const core = fleetOf(2)
    beat(core, id(0), 0)
    core.step({ type: 'agent-enrolled', agent: id(0), site: 'branch', role: 'agent' }, 1)
    beat(core, id(0), 2)
    expect(handoutOf(beat(core, id(1), 3))).toEqual([])
  })

  it('stays right while agents come and go for a long time', () => {
    const core = fleetOf(60)
    const prng = new Prng(7)
    const heardAt = new Map<AgentId, number>()
    let now = 0
    for (let step = 0; step < 3000; step++) {
      now += prng.below(2000)
      const agent = id(prng.below(60))
      const effects = beat(core, agent, now)
      heardAt.set(agent, now)
      const alive = [...heardAt].filter(([, at]) => at + heartbeatMs * 3.5 > now).map(([name]) => name)
      expect(core.fleet.onlineCount, `step ${step}`).toBe(alive.length)
      const peers = handoutOf(effects)
      expect(alive).toEqual(expect.arrayContaining(peers))
      expect(new Set(peers).size).toBe(peers.length)
      expect(peers).not.toContain(agent)
      // A full mesh in a site this small; a sample in one that is larger.
      expect(peers.length, `step ${step}`).toBe(alive.length <= 33 ? alive.length - 1 : 10)
    }
  })
})

describe('a hand-out', () => {
  it('names all of a small site, with the addresses they gave', () => {
    const core = fleetOf(5)
    for (let n = 0; n < 4; n++) beat(core, id(n), n)
    const effects = beat(core, id(4), 9)
    expect(handoutOf(effects).toSorted()).toEqual([0, 1, 2, 3].map(id).toSorted())
    expect(effects).toContainEqual(
      expect.objectContaining({
        peers: expect.arrayContaining([{ id: id(2), addresses: addressOf(id(2)) }]) as unknown
      })
    )
  })

  it('leaves out whoever gave no address', () => {
    const core = fleetOf(2)
    core.step({ type: 'heartbeat', request: 1, agent: id(0), addresses: [], swarm: [] }, 0)
    expect(handoutOf(beat(core, id(1), 1))).toEqual([])
  })

  it('begins with gateways, then with those who have all of what the asker lacks', () => {
    const core = fleetOf(6)
    core.step({ type: 'agent-enrolled', agent: id(9), site: 'office', role: 'gateway' }, 0)
    beat(core, id(9), 0)
    for (let n = 0; n < 5; n++) {
      beat(
        core,
        id(n),
        1,
        n === 3 ? [{ transfer: 'a', complete: true }] : n === 1 ? [{ transfer: 'a', complete: false }] : []
      )
    }
    expect(handoutOf(beat(core, id(5), 2, [{ transfer: 'a', complete: false }])).slice(0, 3)).toEqual([
      id(9),
      id(3),
      id(1)
    ])
  })

  it('is the same again for the same agent, and spreads a large site evenly', () => {
    const core = fleetOf(1000)
    core.step({ type: 'agent-enrolled', agent: id(5000), site: 'office', role: 'gateway' }, 0)
    beat(core, id(5000), 0)
    for (let n = 0; n < 1000; n++) beat(core, id(n), 1)
    const named = new Map<AgentId, number>()
    for (let n = 0; n < 1000; n++) {
      const first = handoutOf(beat(core, id(n), 2))
      expect(first).toHaveLength(11)
      expect(first[0]).toBe(id(5000))
      expect(handoutOf(beat(core, id(n), 3))).toEqual(first)
      for (const peer of first.slice(1)) named.set(peer, (named.get(peer) ?? 0) + 1)
    }
    expect(named.size).toBeGreaterThan(990)
    expect(Math.max(...named.values())).toBeLessThan(40)
  })
})
