/** One whole run: natures and faults are drawn from the seed, the play is staged and performed, the promises are checked. */
import { Prng } from '@starling/shared/prng.ts'
import { minuteMs, secondMs, type Millis } from '@starling/shared/units.ts'
import { checkAll, type Violation } from './checkers/index.ts'
import type { Outcome } from './checkers/checker.ts'
import { drawFaults, drawNatures, dressAll, unleash, type Fault, type Nature } from './faults.ts'
import { optionsText } from './options.ts'
import { perform, stage, type Dress, type Play } from './play.ts'
import type { Options, Scenario } from './scenarios/scenario.ts'

export interface Run {
  readonly outcome: Outcome
  readonly violations: readonly Violation[]
}

export interface RunInit {
  readonly untilMs?: Millis | undefined
  /** A sabotage, or whatever else a test does to agents before they are made. */
  readonly dress?: Dress
  /** Instead of what would be drawn. */
  readonly faults?: readonly Fault[]
  readonly natures?: readonly Nature[]
  /** Called before the first event: to watch. */
  readonly prepare?: (play: Play) => void
}

/** Long after the last fault: who has not finished by then never will. */
const patienceMs: Millis = 30 * minuteMs

export function runScenario(scenario: Scenario, options: Options, init: RunInit = {}): Run {
  const { untilMs, dress, prepare } = init
  // A stream of its own, so that faults do not change what else is drawn.
  const prng = new Prng(options.seed + 0x5eed)
  // Most of a site are sound: nothing is promised to the one honest agent among three liars.
  const unsound = Math.min(Math.floor(options.faults / 2), Math.floor((options.agents - 1) / 2))
  const natures = init.natures ?? drawNatures(prng, unsound, options.agents)
  const spreadMs = (options.size * 1000) / options.wan
  const helpers = { gateway: options.gateway !== 'none', coordinator: options.coordinator }
  const faults =
    init.faults ?? drawFaults(prng, Math.ceil(options.faults / 2), options.agents, spreadMs, helpers)
  const natural = dressAll(natures)
  const play = stage(
    scenario,
    options,
    dress === undefined ? natural : (init, index) => dress(natural(init, index), index)
  )
  unleash(play, faults)
  prepare?.(play)
  const done = perform(
    play,
    untilMs ?? scenario.arriveOverMs + patienceMs,
    Math.max(0, ...faults.map(fault => fault.endsAt))
  )
  const outcome: Outcome = { play, done, faults, natures }
  return { outcome, violations: untilMs === undefined ? checkAll(outcome) : [] }
}

/** How to see a broken run again up to its end, with the log of one agent. */
export function againText({ play }: Outcome): string {
  const untilS = Math.ceil(play.world.now / secondMs)
  return `broken by ${untilS} s; again, with a log: ${optionsText(play.options)} --until ${untilS}s --log ${play.agents[0]!.id}`
}

/** What was drawn, in sentences. */
export function drawnText({ faults, natures }: Outcome): string[] {
  return [...natures, ...faults].map(({ what }) => what)
}
