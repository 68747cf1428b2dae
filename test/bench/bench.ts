/** What a bench is, and how its rounds become one row of figures. */
import type { Bytes } from '@starling/shared/units.ts'
import { median } from '../demo/words.ts'

export type Figures = Readonly<Record<string, number>>

export interface Bench {
  readonly name: string
  readonly says: string
  readonly rounds: number
  /** What its figures are held to, by their names. */
  readonly bars?: Readonly<Record<string, Bar>>
  /** Why it cannot run here, with what to do about it; null when it can. */
  whyNot?(): string | null
  open(setup: BenchSetup): Promise<BenchRun>
}

export interface BenchSetup {
  readonly say: (text: string) => void
  /** A smaller file than the bench's own, for trying it out; null: its own. */
  readonly sizeBytes: Bytes | null
  /** Another size of fleet, or length of the watch, than the bench's own, for trying it out; null: its own. */
  readonly agents: number | null
  readonly minutes: number | null
}

/** A bench that has been set up: rounds share what one of them cannot spoil for the next. */
export interface BenchRun {
  /** Names carry units. */
  round(): Promise<Figures>
  /** What a reader must know of how the figures came to be; asked for after the last round. */
  notes(): Promise<readonly string[]>
  close(): Promise<void>
}

export interface Bar {
  readonly atLeast?: number
  readonly atMost?: number
}

export interface BenchResult {
  readonly name: string
  readonly rounds: number
  readonly medians: Figures
  /** Lowest and highest of each figure: a median without its spread hides too much. */
  readonly spread: Readonly<Record<string, readonly [low: number, high: number]>>
  readonly bars: Readonly<Record<string, Bar & { readonly isReached: boolean }>>
  readonly notes: readonly string[]
}

/** For a bench whose every round goes from nothing to nothing left. */
export function eachAfresh(round: (say: (text: string) => void) => Promise<Figures>): Bench['open'] {
  return async ({ say }) => ({ round: () => round(say), notes: async () => [], close: async () => {} })
}

export async function measure(bench: Bench, rounds: number, setup: BenchSetup): Promise<BenchResult> {
  const figures: Figures[] = []
  const run = await bench.open(setup)
  try {
    for (let round = 1; round <= rounds; round++) {
      setup.say(`${bench.name}: round ${round} of ${rounds} …`)
      figures.push(await run.round())
    }
    return resultOf(bench, figures, await run.notes())
  } finally {
    await run.close()
  }
}

function resultOf(bench: Bench, figures: readonly Figures[], notes: readonly string[]): BenchResult {
  const names = Object.keys(figures[0] ?? {})
  const valuesOf = (name: string): number[] => figures.map(one => one[name]!)
  const medians = Object.fromEntries(names.map(name => [name, median(valuesOf(name))]))
  // A figure may be missing because a program is: its bar is then neither reached nor missed.
  const held = Object.entries(bench.bars ?? {}).filter(([name]) => medians[name] !== undefined)
  return {
    name: bench.name,
    rounds: figures.length,
    medians,
    spread: Object.fromEntries(
      names.map(name => [name, [Math.min(...valuesOf(name)), Math.max(...valuesOf(name))] as const])
    ),
    bars: Object.fromEntries(
      held.map(([name, bar]) => [name, { ...bar, isReached: reaches(medians[name]!, bar) }])
    ),
    notes
  }
}

function reaches(value: number, { atLeast = -Infinity, atMost = Infinity }: Bar): boolean {
  return value >= atLeast && value <= atMost
}
