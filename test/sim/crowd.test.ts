import { requestsPerPeerMax } from '@starling/agent/core/limits.ts'
import { MiB, secondMs } from '@starling/shared/units.ts'
import { describe, expect, test } from 'vitest'
import { makeCrowd, runCrowd } from './crowd.ts'

describe('a flash crowd at one site', () => {
  test.each([1, 3, 10, 20])('%i agents: one copy over the WAN, and everybody is done when it is', agents => {
    const result = runCrowd(makeCrowd({ seed: agents, agents }))
    expect(result.failures).toEqual([])
    expect(result.allDone).toBe(true)
    expect(result.wanAmplification).toBeLessThanOrEqual(1.02)
    expect(result.slowestOverLowerBound).toBeLessThanOrEqual(1.05)
  })

  test('with a gateway: it uploads about one copy, not one for each agent', () => {
    const result = runCrowd(makeCrowd({ seed: 2, agents: 20, gateway: true }))
    expect(result.failures).toEqual([])
    expect(result.allDone).toBe(true)
    expect(result.wanAmplification).toBeLessThanOrEqual(1.01)
    expect(result.gatewayUploadCopies).toBeLessThanOrEqual(1.5)
    expect(result.slowestOverLowerBound).toBeLessThanOrEqual(1.05)
  })

  test('latecomers start nothing that is under way or here already', () => {
    const result = runCrowd(makeCrowd({ seed: 3, agents: 8, staggerMs: secondMs }))
    expect(result.failures).toEqual([])
    expect(result.allDone).toBe(true)
    expect(result.wanAmplification).toBeLessThanOrEqual(1.01)
  })

  test('three of ten lose power in mid-run: the others finish, and little is fetched again', () => {
    const crowd = makeCrowd({ seed: 4, agents: 10 })
    for (const index of [1, 4, 7])
      crowd.world.after(4 * secondMs + index * 300, () => {
        crowd.agents[index]!.crash()
      })
    const result = runCrowd(crowd)
    expect(result.failures).toEqual([])
    expect(result.allDone).toBe(true)
    expect(result.wanAmplification).toBeLessThanOrEqual(1.1)
  })

  test('an agent that comes back goes on with what it has', () => {
    const crowd = makeCrowd({ seed: 5, agents: 3 })
    const [first] = crowd.agents
    crowd.world.after(5 * secondMs, () => {
      first!.crash()
    })
    crowd.world.after(8 * secondMs, () => {
      first!.start()
      first!.want(crowd.content)
    })
    const result = runCrowd(crowd)
    expect(result.allDone).toBe(true)
    expect(crowd.world.duplicateBytes).toBe(0)
    expect(result.wanAmplification).toBeLessThanOrEqual(1.1)
  })

  test('the gateway dies in mid-run: the agents finish the copy among themselves', () => {
    const crowd = makeCrowd({ seed: 6, agents: 6, gateway: true })
    crowd.world.after(5 * secondMs, () => {
      crowd.gateway!.crash()
    })
    const result = runCrowd(crowd)
    expect(result.failures).toEqual([])
    expect(result.allDone).toBe(true)
    // Lost: a chunk of each of its six flows, and the few that it had not passed on.
    expect(result.wanAmplification).toBeLessThanOrEqual(1 + 12 / 64)
  })

  test('a liar is named and then avoided, and harms nobody', () => {
    const crowd = makeCrowd({ seed: 7, agents: 6, liars: [2] })
    const result = runCrowd(crowd)
    expect(result.failures).toEqual([])
    expect(result.allDone).toBe(true)
    const blamed = crowd.world.facts.filter(({ fact }) => fact.what === 'peer-blamed')
    expect(blamed.length).toBeGreaterThan(0)
    expect(new Set(blamed.map(({ fact }) => (fact.what === 'peer-blamed' ? fact.peer : '')))).toEqual(
      new Set(['agent-002'])
    )
    // Each of the others falls for what it had already asked for, and for nothing more.
    expect(blamed.length).toBeLessThanOrEqual(5 * requestsPerPeerMax)
  })

  test('an origin that limits each connection is used by several at a time', () => {
    const crowd = makeCrowd({ seed: 8, agents: 6, perFlowRate: 1_500_000 })
    const result = runCrowd(crowd)
    expect(result.allDone).toBe(true)
    expect(result.wanAmplification).toBeLessThanOrEqual(1.02)
    expect(result.slowestOverLowerBound).toBeLessThanOrEqual(1.25)
  })

  test('the line stalls for ten seconds: nobody gives up, and the copy stays one', () => {
    const crowd = makeCrowd({ seed: 9, agents: 5 })
    const line = crowd.world.wanOf(0)
    crowd.world.after(4 * secondMs, () => {
      line.stall(true)
    })
    crowd.world.after(14 * secondMs, () => {
      line.stall(false)
    })
    const result = runCrowd(crowd)
    expect(result.allDone).toBe(true)
    expect(result.wanAmplification).toBeLessThanOrEqual(1.3)
  })

  test('the same seed gives the same run, another seed another', () => {
    const run = (seed: number): string => {
      const crowd = makeCrowd({ seed, agents: 5, size: 16 * MiB })
      const told: string[] = []
      crowd.world.onEvent = (agent, event, now) => {
        told.push(`${now} ${agent.id} ${event.type}`)
      }
      runCrowd(crowd)
      return told.join('\n')
    }
    expect(run(11)).toBe(run(11))
    expect(run(11)).not.toBe(run(12))
  })
})
