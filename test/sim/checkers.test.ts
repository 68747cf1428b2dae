import { Prng } from '@starling/shared/prng.ts'
import { GiB, MiB, minuteMs, secondMs } from '@starling/shared/units.ts'
import { describe, expect, test } from 'vitest'
import { checkAll } from './checkers/index.ts'
import { faultKinds, natureKinds, type Fault, type Nature } from './faults.ts'
import { optionsFor, type Dress } from './play.ts'
import { runScenario, type Run } from './run.ts'
import { hundredSites } from './scenarios/hundred-sites.ts'
import { patchTuesday } from './scenarios/patch-tuesday.ts'
import { megabit, type Options } from './scenarios/scenario.ts'
import { withoutRates, withoutRelaying, withoutTakeover } from './wraps.ts'

interface Case {
  readonly options?: Partial<Options>
  readonly faults?: readonly Fault[]
  readonly natures?: readonly Nature[]
  readonly dress?: Dress
}

function play({ options, faults = [], natures = [], dress }: Case): Run {
  return runScenario(
    patchTuesday,
    optionsFor(patchTuesday, { agents: 8, size: 32 * MiB, seed: 3, ...options }),
    {
      faults,
      natures,
      ...(dress === undefined ? {} : { dress })
    }
  )
}

/** A run that the soak found broken, before it was mended. */
const drawn = (seed: number): Options =>
  optionsFor(hundredSites, { seed, agents: 17, sites: 2, size: 36 * MiB, gateway: 'site', faults: 6 })

const names = ({ violations }: Run): string[] => violations.map(({ checker }) => checker)

describe('promises hold when something goes wrong', () => {
  test.each(Object.entries(faultKinds))('%s', (name, kind) => {
    const options = {
      gateway: name === 'gatewayDies' ? 'site' : 'none',
      coordinator: name === 'coordinatorDies'
    } as const
    expect(play({ options, faults: [kind(4 * secondMs, 6 * secondMs, 2)] }).violations).toEqual([])
  })

  test.each(Object.entries(natureKinds))('%s', (_name, kind) => {
    expect(play({ natures: [kind(2, new Prng(1))] }).violations).toEqual([])
  })

  // Two copies and twice the time before: its haves held the site up, and its claims stood although nobody got a byte.
  test.each([1, 2, 3])(
    'a mute liar that says it has it all costs no more than it takes itself, seed %i',
    seed => {
      const options = { agents: 20, size: 128 * MiB, seed }
      const { outcome, violations } = play({ options, natures: [natureKinds.muteLiar(2)] })
      expect(violations).toEqual([])
      const { world, agents, content } = outcome.play
      const copies = (world.wanOf(0).bytes - agents[2]!.fromUpstream) / content.length
      expect(copies).toBeLessThanOrEqual(1.05)
    }
  )

  // It did not tell that it was done with an extent whose last chunk it could not keep: all waited for its claim to end.
  test('a full disk on a slow line: nobody waits for the claim of one who cannot keep what it fetched', () => {
    const faults = [faultKinds.fullDisk(20.3 * secondMs, 4 * secondMs, 8)]
    const options = { agents: 13, size: 26 * MiB, wan: 10 * megabit, seed: 1614 }
    expect(play({ options, faults }).violations).toEqual([])
  })

  // Each of the gateway's five flows counted as one failure more than the last: it paused for eight seconds.
  test('the origin breaks off all flows of a gateway at once: it is back after one pause', () => {
    const options = { agents: 7, size: 17 * MiB, gateway: 'site', seed: 2643 } as const
    const { violations, outcome } = play({
      options,
      faults: [faultKinds.originBreaksOff(2.4 * secondMs, 0, 0)]
    })
    expect(violations).toEqual([])
    expect(outcome.play.world.facts.filter(({ fact }) => fact.what === 'foreground-escape')).toEqual([])
  })

  // The idle liar claimed again as soon as its claim was void, and all waited for it, for ever; in a stalled line on the
  // other hand all are silent, and taking each other for dead cost up to half a copy.
  test('who claims and brings nothing holds nobody up, and a stalled line is not held against anybody', () => {
    const { outcome, violations } = runScenario(hundredSites, drawn(50014))
    expect(violations).toEqual([])
    const twoLiars = { agents: 11, sites: 2, size: 17 * MiB, wan: 10 * megabit, seed: 50491, faults: 6 }
    expect(runScenario(patchTuesday, optionsFor(patchTuesday, twoLiars)).violations).toEqual([])
    // Of those who are owed anything: an idle liar may wait for itself as long as it likes.
    const { agents, content } = outcome.play
    const doneAt = agents.map(agent => agent.completedAt.get(content.transfer) ?? 0)
    expect(Math.max(...doneAt)).toBeLessThan(minuteMs)
    const stall = play({
      options: { agents: 10 },
      faults: [faultKinds.originStalls(4 * secondMs, 10 * secondMs, 2)]
    })
    expect(stall.outcome.play.world.wanOf(0).bytes).toBeLessThanOrEqual(32 * MiB * 1.2)
  })

  test('a quota of half the content: it is never exceeded, and the client gets everything', () => {
    const run = play({ dress: (init, index) => (index === 1 ? { ...init, quotaBytes: 16 * MiB } : init) })
    expect(names(run)).not.toContain('disk-quota')
    expect(names(run)).not.toContain('everyone-finishes')
    expect(run.outcome.play.agents[1]!.disk.peakBytes).toBeGreaterThan(8 * MiB)
  })
})

describe('what an agent takes and gives stays within the rates of its policy', () => {
  const rates = {
    maxWanDownloadBytesPerSecond: 300_000,
    maxForegroundDownloadBytesPerSecond: 300_000,
    maxBackgroundDownloadBytesPerSecond: 300_000,
    maxLanDownloadBytesPerSecond: 1_500_000,
    maxLanUploadBytesPerSecond: 1_000_000
  }

  test.each(Object.entries(rates))('%s', (name, rate) => {
    for (const background of [false, true]) {
      const run = play({
        dress: init => ({ ...init, background, policy: { ...init.policy, [name]: rate } })
      })
      expect(names(run)).not.toContain('policy-rates')
      expect(names(run)).not.toContain('everyone-finishes')
    }
  })

  test('the limit of the hour holds, and no other once it is over', () => {
    // The virtual world begins on a Monday at 8.
    const hoursToLimitBackgroundDownload = ['mon 8-8:01 100KB']
    const run = play({
      dress: init => ({
        ...init,
        background: true,
        policy: { ...init.policy, hoursToLimitBackgroundDownload, maxBackgroundQueueDelayMs: 0 }
      })
    })
    const [completedAt] = run.outcome.play.agents[0]!.completedAt.values()
    // 8 agents, of which 3 fetch at a time: 18 MB in the first minute, and the rest of 32 MiB in a few seconds.
    expect(completedAt).toBeGreaterThan(minuteMs)
    expect(completedAt).toBeLessThan(minuteMs + 15 * secondMs)
  })
})

describe('a promise that is switched off turns its checker red', () => {
  /** Whoever is fetching over the line just then. */
  const loses: Fault = {
    ...faultKinds.powerLoss(4 * secondMs, 0, 0),
    begin: ({ agents }) => {
      agents.find(agent => agent.flows.size > 0)!.crash()
    }
  }

  test('without takeover, who waits for a dead claimant never finishes', () => {
    const dress: Dress = init => ({ ...init, wrap: withoutTakeover })
    expect(names(play({ faults: [loses] }))).toEqual([])
    expect(names(play({ faults: [loses], dress }))).toContain('everyone-finishes')
  })

  test('without verification, clients are given what a liar sends', () => {
    const natures = [natureKinds.corruptLiar(2)]
    expect(names(play({ natures, dress: init => ({ ...init, believes: true }) }))).toContain('verified-bytes')
    expect(names(play({ natures }))).not.toContain('verified-bytes')
  })

  test('without word of rates, an agent takes more than its policy allows', () => {
    const limited: Dress = init => ({
      ...init,
      policy: { ...init.policy, maxForegroundDownloadBytesPerSecond: 200_000 }
    })
    expect(names(play({ dress: init => ({ ...limited(init, 0), wrap: withoutRates }) }))).toContain(
      'policy-rates'
    )
  })

  test('without relaying, a site that is no full mesh fetches more than one copy', () => {
    const options = { agents: 60, mesh: 8, degree: 4 }
    const run = play({ options, dress: init => ({ ...init, wrap: withoutRelaying }) })
    expect(names(run)).toContain('one-copy')
  })

  test('nobody but the world is believed: a run that was cut short is red', () => {
    const generous: Dress = init => ({
      ...init,
      policy: { ...init.policy, maxLanUploadBytesPerSecond: 1e9 }
    })
    const { outcome } = play({ dress: generous })
    const [agent] = outcome.play.agents
    agent!.completedAt.clear()
    expect(checkAll(outcome).map(({ checker }) => checker)).toContain('everyone-finishes')
    agent!.completedAt.set(outcome.play.content.transfer, 10 * minuteMs)
    expect(checkAll(outcome).map(({ checker }) => checker)).toContain('client-not-slower')
    agent!.idleWakes = 1000
    agent!.usage.serving.note(99)
    agent!.peaks.uploaded.note(99 * GiB, 0)
    agent!.disk.peakBytes = 2
    agent!.disk.quotaBytes = 1
    agent!.corruptReceived = 99
    outcome.play.world.wanOf(0).bytes += 64 * MiB
    expect(checkAll(outcome).map(({ checker }) => checker)).toEqual([
      'one-copy',
      'client-not-slower',
      'policy-slots',
      'policy-rates',
      'disk-quota',
      'liar-harmless',
      'no-spinning'
    ])
  })
})
