/** Runs with faults and fresh seeds until stopped, or until a promise is broken: then it says how to see it again. */
import { Prng } from '@starling/shared/prng.ts'
import { MiB } from '@starling/shared/units.ts'
import { optionsText } from './options.ts'
import { optionsFor } from './play.ts'
import { againText, drawnText, runScenario } from './run.ts'
import { scenarios } from './scenarios/index.ts'
import type { GatewayPlace, Options, Scenario } from './scenarios/scenario.ts'

/** A run of the soak: small, so that many are made. */
export function drawRun(seed: number): { scenario: Scenario; options: Options } {
  const prng = new Prng(seed * 2 + 1)
  const scenario = prng.pick(scenarios.filter(each => each.lan.shared === false))
  const agents = 4 + prng.below(16)
  return {
    scenario,
    options: optionsFor(scenario, {
      seed,
      agents,
      sites: 1 + prng.below(2),
      size: (8 + prng.below(40)) * MiB,
      gateway: prng.pick<GatewayPlace>(['none', 'none', 'site']),
      coordinator: scenario.subnets > 1 || prng.below(2) === 0,
      faults: prng.below(7)
    })
  }
}

/** @param runs how many at the most; Infinity: until stopped. @returns the exit code. */
export function soak(firstSeed: number, runs: number, say: (text: string) => void): number {
  for (let seed = firstSeed; seed < firstSeed + runs; seed++) {
    const { scenario, options } = drawRun(seed)
    const { outcome, violations } = runScenario(scenario, options)
    say(
      `${violations.length === 0 ? 'kept  ' : 'BROKEN'} ${outcome.play.world.hash.text} ${optionsText(options)}`
    )
    if (violations.length === 0) continue
    for (const sentence of drawnText(outcome)) say(`       drawn: ${sentence}`)
    for (const { checker, sentences } of violations)
      for (const sentence of sentences.slice(0, 3)) say(`       ${checker}: ${sentence}`)
    say(`       ${againText(outcome)}`)
    return 1
  }
  return 0
}
