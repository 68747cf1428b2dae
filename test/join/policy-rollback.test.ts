/**
 * A policy that cuts agents off, in virtual time: the coordinator's rollout core and the agents' own judgement of their trial, with heartbeats
 * that are spread and clients that go on asking. Both have tests of their own; that together they are quick enough is shown here.
 */
import { beforeOf, trialMs, whyCutOff, type Reach } from '@starling/agent/coordinator-link/policy-trial.ts'
import { createRolloutCore, type RolloutCore } from '@starling/coordinator/core/rollout.ts'
import { Prng } from '@starling/shared/prng.ts'
import { begin, versionFor, type ScopePolicy, type Stage } from '@starling/shared/rollout-plan.ts'
import { minuteMs, secondMs, type Millis } from '@starling/shared/units.ts'
import { expect, it } from 'vitest'

const heartbeatMs: Millis = 30 * secondMs
/** How often clients of an agent ask for something that is not at the site. */
const askEveryMs: Millis = 10 * secondMs
const agentsOfFleet = 300
const bad = 2
const beganAt: Millis = 2 * minuteMs

interface Machine {
  readonly agent: string
  readonly site: string
  readonly group: null
  version: number | null
  refusal: string | null
  /** Of the version on trial. */
  takenAt: Millis | null
  before: Reach
  reach: Reach
  /** Cannot reach anything upstream since then; null: it can. */
  cutOffAt: Millis | null
  cutOffForMs: Millis
  beatAt: Millis
}

function fleetOf(prng: Prng): Machine[] {
  const reach = { peers: 20, upstreamTried: 9, upstreamFailed: 0 }
  return Array.from({ length: agentsOfFleet }, (_, number) => ({
    agent: `12D3KooW${String(number).padStart(44, 'z').replaceAll('0', 'o')}`,
    site: `site-${number % 10}`,
    group: null,
    version: 1,
    refusal: null,
    takenAt: null,
    before: reach,
    reach,
    cutOffAt: null,
    cutOffForMs: 0,
    beatAt: prng.fraction() * heartbeatMs
  }))
}

function play(seed: number, stages: readonly Stage[]) {
  const prng = new Prng(seed)
  const machines = fleetOf(prng)
  const core: RolloutCore = createRolloutCore()
  let policy: ScopePolicy = { scope: 'fleet', current: 1, rollout: null }
  let rolledBackAt: Millis | null = null
  let now: Millis = 0

  function step(event: Parameters<RolloutCore['step']>[0]): void {
    for (const effect of core.step(event, now)) {
      policy = effect.after
      if (effect.what === 'rolled-back') rolledBackAt ??= now
    }
  }

  /** Pushes are at once. */
  function follow(one: Machine): void {
    const due = versionFor(policy, one)
    if (due === one.version || (due === bad && one.refusal !== null)) return
    one.version = due
    one.takenAt = due === bad ? now : null
    one.before = one.reach
    if (due === bad) one.cutOffAt = now
    else restore(one)
  }

  function restore(one: Machine): void {
    if (one.cutOffAt !== null) one.cutOffForMs = Math.max(one.cutOffForMs, now - one.cutOffAt)
    one.cutOffAt = null
  }

  function endTrial(one: Machine): void {
    one.takenAt = null
    one.refusal = whyCutOff(beforeOf(one.before), one.reach, true)
    if (one.refusal === null) return
    one.version = 1
    restore(one)
    // It is told at once.
    one.beatAt = now
  }

  for (const { agent, site, group } of machines) step({ type: 'member', agent, site, group })
  step({ type: 'scope', policy })
  for (; now < 20 * minuteMs; now += secondMs) {
    if (now === beganAt) {
      policy = begin(policy, { id: 'fleet/2', to: bad, stages }, now)
      step({ type: 'scope', policy })
    }
    for (const one of machines) {
      follow(one)
      if ((now / secondMs + machines.indexOf(one)) % (askEveryMs / secondMs) === 0) {
        const { upstreamTried, upstreamFailed } = one.reach
        one.reach = {
          peers: 20,
          upstreamTried: upstreamTried + 1,
          upstreamFailed: upstreamFailed + (one.cutOffAt === null ? 0 : 1)
        }
      }
      if (one.takenAt !== null && now >= one.takenAt + trialMs) endTrial(one)
      if (one.beatAt > now) continue
      one.beatAt = now + heartbeatMs * (0.9 + prng.fraction() / 5)
      const due = versionFor(policy, one)
      step({
        type: 'heard',
        agent: one.agent,
        at: now,
        standing:
          due === one.version
            ? { kind: 'has' }
            : one.refusal === null
              ? { kind: 'awaited' }
              : { kind: 'refused', reason: one.refusal },
        downloads: one.reach.upstreamTried,
        errors: one.reach.upstreamFailed
      })
    }
    const wakeAt = core.wakeAt()
    if (wakeAt !== null && wakeAt <= now) step({ type: 'woke' })
  }
  return { machines, policy, rolledBackAt }
}

it.each([1, 2, 3, 4, 5])(
  'a policy that cuts agents off is rolled back within 90 s, and reaches nobody beyond its first stage (seed %i)',
  seed => {
    const stages = [10, 50, 100].map(percent => ({ who: { percent }, holdMs: 10 * minuteMs }))
    const { machines, policy, rolledBackAt } = play(seed, stages)
    expect(policy).toMatchObject({ current: 1, rollout: { stage: 0, phase: { kind: 'rolled-back' } } })
    // Their failed downloads are enough, before a trial is over.
    expect(rolledBackAt! - beganAt).toBeLessThan(trialMs)
    const hit = machines.filter(({ cutOffForMs }) => cutOffForMs > 0)
    expect(hit.length).toBeGreaterThan(10)
    expect(hit.length).toBeLessThan(60)
    for (const { version, cutOffAt, cutOffForMs } of machines) {
      expect([version, cutOffAt]).toEqual([1, null])
      expect(cutOffForMs).toBeLessThanOrEqual(90 * secondMs)
    }
  }
)

it('one that everybody gets at once is given back by each machine itself, and by the coordinator for all', () => {
  const { machines, policy, rolledBackAt } = play(7, [{ who: { percent: 100 }, holdMs: null }])
  const why = expect.stringContaining('requests upstream') as string
  expect(policy).toMatchObject({ current: 1, rollout: { phase: { kind: 'rolled-back', why } } })
  expect(rolledBackAt! - beganAt).toBeLessThan(90 * secondMs)
  for (const { version, cutOffForMs } of machines) {
    expect(version).toBe(1)
    expect(cutOffForMs).toBeGreaterThan(0)
    expect(cutOffForMs).toBeLessThanOrEqual(90 * secondMs)
  }
})
