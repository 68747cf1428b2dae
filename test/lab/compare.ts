/**
 * The lab and the simulator on the same scenario, side by side. The simulator's line gets the rate that the lab's line
 * had for payload (measured by the direct download), so that headers are no difference; what remains is what
 * the model misses.
 */
import { table } from '../demo/words.ts'
import { makeCrowd, runCrowd } from '../sim/crowd.ts'
import type { LabFigures } from './figures.ts'
import type { Plan } from './options.ts'

export interface Comparison {
  readonly agents: number
  readonly lab: Pick<
    LabFigures,
    'wanAmplification' | 'slowestOverLowerBound' | 'cpuIdlePercent' | 'violations'
  >
  readonly sim: { readonly wanAmplification: number; readonly slowestOverLowerBound: number }
  /** Lab over sim. */
  readonly ratio: { readonly wanAmplification: number; readonly slowestOverLowerBound: number }
}

/** What the issue asks for. */
const toleratedRatio = 1.1

export function compare(plan: Plan, figures: LabFigures): Comparison {
  const crowd = makeCrowd({
    seed: plan.seed,
    agents: plan.agents,
    gateway: plan.gateway !== 'none',
    size: plan.sizeBytes,
    wanRate: plan.sizeBytes / (figures.lowerBoundMs / 1000),
    staggerMs: plan.staggerMs / plan.agents
  })
  const sim = runCrowd(crowd)
  const ratioOf = (name: 'wanAmplification' | 'slowestOverLowerBound'): number =>
    Number(((figures[name] ?? Infinity) / sim[name]).toFixed(3))
  const { wanAmplification, slowestOverLowerBound, cpuIdlePercent } = figures
  return {
    agents: plan.agents,
    lab: {
      wanAmplification,
      slowestOverLowerBound,
      cpuIdlePercent,
      violations: [...figures.violations, ...sim.failures]
    },
    sim: { wanAmplification: sim.wanAmplification, slowestOverLowerBound: sim.slowestOverLowerBound },
    ratio: {
      wanAmplification: ratioOf('wanAmplification'),
      slowestOverLowerBound: ratioOf('slowestOverLowerBound')
    }
  }
}

export function comparisonLines(all: readonly Comparison[]): string[] {
  const row = ({ agents, lab, sim, ratio }: Comparison): string[] => [
    `${agents} agents`,
    lab.wanAmplification.toFixed(3),
    sim.wanAmplification.toFixed(3),
    ratio.wanAmplification.toFixed(2),
    lab.slowestOverLowerBound?.toFixed(3) ?? 'not done',
    sim.slowestOverLowerBound.toFixed(3),
    ratio.slowestOverLowerBound.toFixed(2),
    `${lab.cpuIdlePercent} %`
  ]
  const isFar = ({ ratio }: Comparison): boolean =>
    Object.values(ratio).some(value => value > toleratedRatio || value < 1 / toleratedRatio)
  const far = all.filter(isFar).map(({ agents }) => agents)
  return [
    ...table([
      ['', 'copies: lab', 'sim', 'lab/sim', 'slowest: lab', 'sim', 'lab/sim', 'CPU idle'],
      ...all.map(row)
    ]),
    '',
    far.length === 0
      ? 'Within 10 % of each other throughout.'
      : `More than 10 % apart with ${far.join(', ')} agents. The model knows no CPU: where the lab's was busy, that is what it misses.`
  ]
}
