import type { AgentId } from '@starling/shared/ids.ts'
import { Prng } from '@starling/shared/prng.ts'
import { minuteMs, secondMs, type Millis } from '@starling/shared/units.ts'
import { describe, expect, it } from 'vitest'
import type { RolloutEffect, RolloutEvent } from './rollout-events.ts'
import { lostAfterMs } from './rollout-health.ts'
import {
  begin,
  isActive,
  isReached,
  resume,
  rollBack,
  versionFor,
  type ScopePolicy,
  type Stage,
  type Standing
} from '@starling/shared/rollout-plan.ts'
import { createRolloutCore, judgeEveryMs, type RolloutCore } from './rollout.ts'

const id = (n: number): AgentId => `12D3KooW${String(n).padStart(44, 'z').replaceAll('0', 'o')}`
const holdMs = 10 * minuteMs
const stages: Stage[] = [1, 10, 50, 100].map(percent => ({ who: { percent }, holdMs }))
const heartbeatMs = 30 * secondMs

/** What the new version does to an agent that has it. */
interface Effect {
  /** Share of its downloads that fail. */
  readonly errors?: number
  readonly refuses?: boolean
  /** It is never heard of again. */
  readonly silences?: boolean
}

interface Virtual {
  agent: AgentId
  site: string
  group: string | null
  beatAt: Millis
  downloads: number
  errors: number
  version: number | null
  refused: boolean
  silent: boolean
}

/** A fleet that heartbeats in virtual time; pushes are instant. `play` runs it until a moment or an effect. */
class VirtualFleet {
  now: Millis = 0
  core: RolloutCore = createRolloutCore()
  policy: ScopePolicy = { scope: 'fleet', current: 1, rollout: null }
  readonly decided: Array<RolloutEffect & { at: Millis }> = []
  readonly agents: Virtual[]
  readonly prng: Prng
  /** The last of each, as it is written down. */
  readonly #heard = new Map<AgentId, RolloutEvent>()
  errorsOfAll = 0.02
  /** Of version 2, from the moment on that it comes. */
  effect: Effect = {}

  constructor(seed: number, count: number) {
    this.prng = new Prng(seed)
    this.agents = Array.from({ length: count }, (_, n) => ({
      agent: id(n),
      site: `site-${n % 7}`,
      group: n % 5 === 0 ? 'pilots' : null,
      beatAt: this.prng.fraction() * heartbeatMs,
      downloads: 0,
      errors: 0,
      version: 1,
      refused: false,
      silent: false
    }))
    this.takeOver()
  }

  /** Another coordinator goes on, with what was written down and nothing else. */
  takeOver(): void {
    this.core = createRolloutCore()
    for (const { agent, site, group } of this.agents) this.#step({ type: 'member', agent, site, group })
    this.change(JSON.parse(JSON.stringify(this.policy)) as ScopePolicy)
    for (const heard of this.#heard.values()) this.#step(heard)
  }

  /** Nobody is heard of and nothing is decided: the database is gone, or the coordinator. Then agents come back, each in its time. */
  outage(forMs: Millis): void {
    this.now += forMs
    for (const one of this.agents) one.beatAt = this.now + this.prng.fraction() * heartbeatMs
  }

  change(policy: ScopePolicy): void {
    this.policy = policy
    this.#step({ type: 'scope', policy })
  }

  begin(with_: readonly Stage[] = stages, rollout = 'fleet/2'): void {
    this.change(begin(this.policy, { id: rollout, to: 2, stages: with_ }, this.now))
  }

  #step(event: Parameters<RolloutCore['step']>[0]): void {
    for (const effect of this.core.step(event, this.now)) {
      if (JSON.stringify(effect.before) !== JSON.stringify(this.policy))
        throw new Error('it decided about something that is not so any more')
      this.policy = effect.after
      this.decided.push({ ...effect, at: this.now })
    }
  }

  #beat(one: Virtual): void {
    one.beatAt = this.now + heartbeatMs * (0.8 + 0.4 * this.prng.fraction())
    if (one.silent) return
    const due = versionFor(this.policy, one)
    if (due !== one.version) one.refused = due === 2 && this.effect.refuses === true
    if (!one.refused) one.version = due
    one.silent = one.version === 2 && this.effect.silences === true
    const failing = one.version === 2 ? (this.effect.errors ?? this.errorsOfAll) : this.errorsOfAll
    one.downloads++
    if (this.prng.fraction() < failing) one.errors++
    const standing: Standing = one.refused
      ? { kind: 'refused', reason: 'nobody can be reached' }
      : { kind: one.version === due ? 'has' : 'awaited' }
    const { agent, downloads, errors } = one
    const heard = { type: 'heard', agent, at: this.now, standing, downloads, errors } as const
    this.#heard.set(agent, heard)
    this.#step(heard)
  }

  play(forMs: Millis, until: () => boolean = () => false): void {
    for (const end = this.now + forMs; this.now < end && !until(); this.now += secondMs) {
      for (const one of this.agents) if (one.beatAt <= this.now) this.#beat(one)
      const wakeAt = this.core.wakeAt()
      if (wakeAt !== null && wakeAt <= this.now) this.#step({ type: 'woke' })
    }
  }

  get having(): number {
    return this.agents.filter(one => versionFor(this.policy, one) === 2).length
  }
}

const ended = (fleet: VirtualFleet) => (): boolean => !isActive(fleet.policy.rollout)

describe('who is in a stage', () => {
  it('is about as many as it says, stays in, and is somebody else the next time', () => {
    const fleet = new VirtualFleet(1, 2000)
    fleet.begin()
    const members = stages.map((_, stage) =>
      fleet.agents
        .filter(one => isReached({ ...fleet.policy.rollout!, stage }, one))
        .map(({ agent }) => agent)
    )
    expect(members[0]!.length).toBeGreaterThan(8)
    expect(members[0]!.length).toBeLessThan(35)
    expect(members[1]!.length / 2000).toBeCloseTo(0.1, 1)
    expect(members[2]!.length / 2000).toBeCloseTo(0.5, 1)
    expect(members[3]).toHaveLength(2000)
    for (const [at, later] of members.slice(1).entries())
      expect(members[at]!.every(agent => later.includes(agent))).toBe(true)
    const next = fleet.agents.filter(one => isReached({ ...fleet.policy.rollout!, id: 'fleet/3' }, one))
    expect(next.map(({ agent }) => agent)).not.toEqual(members[0])
  })

  it('can be said by site and by group, and only within the scope', () => {
    const fleet = new VirtualFleet(1, 70)
    const by: Stage[] = [
      { who: { groups: ['pilots'] }, holdMs },
      { who: { sites: ['site-1', 'site-2'] }, holdMs },
      { who: { percent: 100 }, holdMs }
    ]
    fleet.begin(by)
    expect(fleet.having).toBe(14)
    const policy = { ...fleet.policy, scope: 'site:site-1' }
    expect(fleet.agents.filter(one => versionFor(policy, one) !== null)).toHaveLength(10)
    expect(fleet.agents.filter(one => versionFor(policy, one) === 2)).toHaveLength(2)
  })
})

describe('a rollout', () => {
  it.each([1, 2, 3, 4, 5])('of a good version reaches everybody, stage by stage (seed %i)', seed => {
    const fleet = new VirtualFleet(seed, 400)
    fleet.play(minuteMs)
    fleet.begin()
    fleet.play(4 * holdMs + 5 * minuteMs, ended(fleet))
    expect(fleet.decided.map(({ what }) => what)).toEqual(['advanced', 'advanced', 'advanced', 'done'])
    expect(fleet.policy.current).toBe(2)
    const gaps = fleet.decided.map(({ at }, index) => at - (fleet.decided[index - 1]?.at ?? minuteMs))
    for (const gap of gaps) {
      expect(gap).toBeGreaterThanOrEqual(holdMs)
      expect(gap).toBeLessThan(holdMs + 2 * judgeEveryMs)
    }
  })

  it('of which everybody has as many failures as before goes on, however many these are', () => {
    const fleet = new VirtualFleet(7, 400)
    fleet.errorsOfAll = 0.4
    fleet.begin()
    fleet.play(20 * minuteMs)
    expect(fleet.decided.map(({ what }) => what)).not.toContain('rolled-back')
  })

  it.each([11, 12, 13, 14])('of a version that spoils downloads is rolled back (seed %i)', seed => {
    const fleet = new VirtualFleet(seed, 400)
    fleet.play(minuteMs)
    fleet.effect = { errors: 0.6 }
    fleet.begin([{ who: { percent: 10 }, holdMs }, ...stages.slice(3)])
    fleet.play(30 * minuteMs, ended(fleet))
    expect(fleet.decided).toMatchObject([{ what: 'rolled-back' }])
    expect(fleet.decided[0]!.why).toMatch(/downloads failed; of the others/)
    expect(fleet.policy.current).toBe(1)
    expect(fleet.having).toBe(0)
    expect(fleet.now).toBeLessThan(minuteMs + 4 * minuteMs)
  })

  it.each([21, 22, 23, 24])('of a version that agents refuse is rolled back within 90 s (seed %i)', seed => {
    const fleet = new VirtualFleet(seed, 400)
    fleet.play(minuteMs)
    fleet.effect = { refuses: true }
    fleet.begin()
    fleet.play(10 * minuteMs, ended(fleet))
    expect(fleet.decided).toMatchObject([{ what: 'rolled-back' }])
    expect(fleet.decided[0]!.why).toContain('nobody can be reached')
    expect(fleet.now).toBeLessThan(minuteMs + 90 * secondMs)
  })

  it.each([31, 32, 33, 34])('of a version that silences agents is rolled back in time (seed %i)', seed => {
    const fleet = new VirtualFleet(seed, 400)
    fleet.play(minuteMs)
    fleet.effect = { silences: true }
    fleet.begin([{ who: { percent: 10 }, holdMs }, ...stages.slice(3)])
    let silentAt: Millis | null = null
    fleet.play(10 * minuteMs, () => {
      if (silentAt === null && fleet.agents.filter(({ silent }) => silent).length >= 5) silentAt = fleet.now
      return !isActive(fleet.policy.rollout)
    })
    expect(fleet.decided).toMatchObject([{ what: 'rolled-back' }])
    expect(fleet.now - silentAt!).toBeLessThan(lostAfterMs + 90 * secondMs)
  })

  it('does not blame its version for an evening in which machines are switched off', () => {
    const fleet = new VirtualFleet(41, 400)
    fleet.play(minuteMs)
    fleet.begin([{ who: { percent: 50 }, holdMs: 30 * minuteMs }, ...stages.slice(3)])
    fleet.play(minuteMs)
    for (const one of fleet.agents) one.silent = fleet.prng.fraction() < 0.6
    fleet.play(20 * minuteMs)
    expect(fleet.decided).toEqual([])
    // All at once: the line of the coordinator, not the agents.
    for (const one of fleet.agents) one.silent = true
    fleet.play(3 * minuteMs)
    expect(fleet.decided).toEqual([])
    expect(fleet.core.view('fleet', fleet.now)?.held).toBe('no agent is heard of at all')
  })

  it.each([81, 82, 83])('is not blamed for the outage of those who listen (seed %i)', seed => {
    const fleet = new VirtualFleet(seed, 400)
    fleet.begin([{ who: { percent: 50 }, holdMs: 2 * minuteMs }, ...stages.slice(3)])
    fleet.play(4 * minuteMs)
    expect(fleet.decided).toMatchObject([{ what: 'advanced' }])
    // Everybody has it, and there is nobody to compare with but those of before.
    fleet.outage(2 * minuteMs)
    fleet.play(2 * minuteMs)
    for (const one of fleet.agents) one.silent = true
    fleet.play(2 * minuteMs)
    expect(fleet.core.view('fleet', fleet.now)?.held).toBe('no agent is heard of at all')
    for (const one of fleet.agents) one.silent = false
    fleet.outage(minuteMs)
    fleet.takeOver()
    fleet.play(10 * minuteMs)
    expect(fleet.decided.map(({ what }) => what)).toEqual(['advanced', 'done'])
  })

  it('does not go on while those of its stage are not there', () => {
    const fleet = new VirtualFleet(43, 400)
    fleet.begin([{ who: { sites: ['site-1'] }, holdMs }, ...stages.slice(3)])
    for (const one of fleet.agents) if (one.site === 'site-1') one.silent = true
    fleet.play(3 * holdMs)
    expect(fleet.decided).toEqual([])
    expect(fleet.core.view('fleet', fleet.now)?.held).toBe('no agent of this stage is there')
  })

  it('passes over a stage without members', () => {
    const fleet = new VirtualFleet(44, 50)
    fleet.begin([{ who: { groups: ['nobody'] }, holdMs }, ...stages.slice(3)])
    fleet.play(2 * judgeEveryMs)
    expect(fleet.decided).toMatchObject([{ what: 'advanced', why: 'no agent is in this stage' }])
  })

  it('waits for its admin in a stage without members, too', () => {
    const fleet = new VirtualFleet(49, 50)
    fleet.begin([{ who: { groups: ['nobody'] }, holdMs: null }, ...stages.slice(3)])
    fleet.play(2 * holdMs)
    expect(fleet.decided).toEqual([])
  })

  it('that was paused for what it had done is watched anew when an admin resumes it', () => {
    const fleet = new VirtualFleet(50, 100)
    fleet.effect = { errors: 0.6 }
    fleet.begin(stages.slice(3))
    fleet.play(5 * minuteMs)
    expect(fleet.decided).toMatchObject([{ what: 'paused' }])
    fleet.effect = {}
    fleet.change(resume(fleet.policy, fleet.now))
    fleet.play(4 * minuteMs)
    expect(fleet.decided).toHaveLength(1)
  })

  it('that began with everybody and goes badly is paused, for there is nobody to compare with', () => {
    const fleet = new VirtualFleet(45, 100)
    fleet.effect = { errors: 0.6 }
    fleet.begin(stages.slice(3))
    fleet.play(5 * minuteMs)
    expect(fleet.decided).toMatchObject([{ what: 'paused' }])
    fleet.play(20 * minuteMs)
    expect(fleet.decided).toHaveLength(1)
  })

  it('waits for an admin where it was told to, and while it is paused; refusals count all the same', () => {
    const fleet = new VirtualFleet(46, 200)
    fleet.begin([{ who: { percent: 50 }, holdMs: null }, ...stages.slice(3)])
    fleet.play(3 * holdMs)
    expect(fleet.decided).toEqual([])
    expect(fleet.core.view('fleet', fleet.now)?.held).toBe('it waits for an admin to advance it')
    fleet.change({
      ...fleet.policy,
      rollout: { ...fleet.policy.rollout!, phase: { kind: 'paused', why: 'lunch' } }
    })
    fleet.effect = { refuses: true }
    for (const one of fleet.agents) one.version = 1
    fleet.play(2 * minuteMs, ended(fleet))
    expect(fleet.decided).toMatchObject([{ what: 'rolled-back' }])
  })

  it('holds its stage anew after a pause', () => {
    const fleet = new VirtualFleet(47, 200)
    fleet.begin()
    fleet.play(holdMs - minuteMs)
    fleet.change(resume(fleet.policy, fleet.now))
    fleet.play(holdMs - minuteMs)
    expect(fleet.decided).toEqual([])
    fleet.play(2 * minuteMs)
    expect(fleet.decided).toMatchObject([{ what: 'advanced' }])
  })

  it('rolled back by hand to any version is over, for everybody', () => {
    const fleet = new VirtualFleet(48, 200)
    fleet.begin()
    fleet.change(rollBack(fleet.policy, 'wrong file', 7))
    fleet.play(2 * holdMs)
    expect(fleet.decided).toEqual([])
    expect(fleet.core.wakeAt()).toBeNull()
    expect(new Set(fleet.agents.map(one => versionFor(fleet.policy, one)))).toEqual(new Set([7]))
  })
})

describe('a coordinator that is killed in the middle', () => {
  it.each([51, 52, 53])('leaves everything that another one needs to go on (seed %i)', seed => {
    const fleet = new VirtualFleet(seed, 400)
    fleet.begin()
    // Killed every few minutes: what is seen of the agents is forgotten, where the rollout stands is not.
    for (let round = 0; round < 30 && isActive(fleet.policy.rollout); round++) {
      const before = fleet.agents.map(one => versionFor(fleet.policy, one))
      fleet.takeOver()
      expect(fleet.agents.map(one => versionFor(fleet.policy, one))).toEqual(before)
      fleet.play(2 * minuteMs + fleet.prng.below(60) * secondMs)
    }
    expect(fleet.decided.map(({ what }) => what)).toEqual(['advanced', 'advanced', 'advanced', 'done'])
  })

  it.each([61, 62, 63])('does not save a bad version from being rolled back (seed %i)', seed => {
    const fleet = new VirtualFleet(seed, 400)
    fleet.play(minuteMs)
    fleet.effect = { refuses: true }
    fleet.begin()
    fleet.play(5 * secondMs)
    fleet.takeOver()
    fleet.play(10 * minuteMs, ended(fleet))
    expect(fleet.decided).toMatchObject([{ what: 'rolled-back' }])
  })

  it.each([64, 65, 66])('does not forget whom the version has silenced (seed %i)', seed => {
    const fleet = new VirtualFleet(seed, 400)
    fleet.play(minuteMs)
    fleet.effect = { silences: true }
    fleet.begin([{ who: { percent: 10 }, holdMs }, ...stages.slice(3)])
    fleet.play(40 * secondMs)
    fleet.outage(90 * secondMs)
    fleet.takeOver()
    const tookOverAt = fleet.now
    fleet.play(10 * minuteMs, ended(fleet))
    expect(fleet.decided).toMatchObject([
      { what: 'rolled-back', why: expect.stringContaining('fell silent') }
    ])
    expect(fleet.now - tookOverAt).toBeLessThan(lostAfterMs + 90 * secondMs)
  })
})

it('the same events at the same times give the same decisions', () => {
  const run = () => {
    const fleet = new VirtualFleet(71, 300)
    fleet.effect = { errors: 0.3 }
    fleet.begin()
    fleet.play(40 * minuteMs)
    return fleet.decided
  }
  expect(run()).toEqual(run())
})
