/** What a bench is, and how its rounds become one row of figures. */
import { median } from '../demo/words.ts'

export interface Bench {
  readonly name: string
  readonly says: string
  readonly rounds: number
  /** One round, from nothing to nothing left. Names carry units. */
  run(say: (text: string) => void): Promise<Readonly<Record<string, number>>>
}

export interface BenchResult {
  readonly name: string
  readonly rounds: number
  readonly medians: Readonly<Record<string, number>>
  /** Lowest and highest of each figure: a median without its spread hides too much. */
  readonly spread: Readonly<Record<string, readonly [low: number, high: number]>>
}

export async function measure(
  bench: Bench,
  rounds: number,
  say: (text: string) => void
): Promise<BenchResult> {
  const figures: Array<Readonly<Record<string, number>>> = []
  for (let round = 1; round <= rounds; round++) {
    say(`${bench.name}: round ${round} of ${rounds} …`)
    figures.push(await bench.run(say))
  }
  const names = Object.keys(figures[0] ?? {})
  const valuesOf = (name: string): number[] => figures.map(one => one[name]!)
  return {
    name: bench.name,
    rounds,
    medians: Object.fromEntries(names.map(name => [name, median(valuesOf(name))])),
    spread: Object.fromEntries(
      names.map(name => [name, [Math.min(...valuesOf(name)), Math.max(...valuesOf(name))] as const])
    )
  }
}
