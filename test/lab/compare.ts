/**
 * The lab and the simulator on the same scenario, side by side: size, number, arrivals, gateway on the site or none, the
 * agents' own policy, and the lines' rates without headers (the WAN's as the direct download had it). What remains is what the model
 * misses; power cuts and a gateway beyond the WAN are not compared (options.ts).
 */
import { corePolicyDefaults } from '@starling/shared/policy/effective.ts'
import type { Millis } from '@starling/shared/units.ts'
import { table } from '../demo/words.ts'
import { makeCrowd, runCrowd } from '../sim/crowd.ts'
import type { LabFigures } from './figures.ts'
import type { Plan } from './options.ts'
import { wirePerByteUsual } from './run.ts'

export interface Comparison {
  readonly agents: number
  readonly lab: Pick<
    LabFigures,
    'wanAmplification' | 'slowestOverLowerBound' | 'cpuIdlePercent' | 'violations'
  >
  readonly sim: { readonly wanAmplification: number; readonly slowestOverLowerBound: number }
  /** Lab over sim. */
  readonly ratio: { readonly wanAmplification: number; readonly slowestOverLowerBound: number }
  readonly withinTenPercent: boolean
}

/** What the issue asks for. */
const toleratedRatio = 1.1
/** Namespaces of one machine are some tens of microseconds apart. */
const labLatencyMs: Millis = 0.05

export function compare(plan: Plan, figures: LabFigures): Comparison {
  const crowd = makeCrowd({
    seed: plan.seed,
    agents: plan.agents,
    gateway: plan.gateway !== 'none',
    size: plan.sizeBytes,
    wanRate: plan.sizeBytes / (figures.lowerBoundMs / 1000),
    wanLatencyMs: labLatencyMs,
    lanRate: (plan.lanRate ?? Infinity) / wirePerByteUsual,
    policy: corePolicyDefaults,
    staggerMs: plan.staggerMs / plan.agents
  })
  const sim = runCrowd(crowd)
  const ratioOf = (name: 'wanAmplification' | 'slowestOverLowerBound'): number =>
    Number(((figures[name] ?? Infinity) / sim[name]).toFixed(3))
  const ratio = {
    wanAmplification: ratioOf('wanAmplification'),
    slowestOverLowerBound: ratioOf('slowestOverLowerBound')
  }
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
    ratio,
    withinTenPercent: Object.values(ratio).every(
      value => value <= toleratedRatio && value >= 1 / toleratedRatio
    )
  }
}

export function comparisonLines(all: readonly Comparison[]): string[] {
  const row = ({ agents, lab, sim, ratio, withinTenPercent }: Comparison): string[] => [
    `${agents} agents`,
    lab.wanAmplification.toFixed(3),
    sim.wanAmplification.toFixed(3),
    ratio.wanAmplification.toFixed(2),
    lab.slowestOverLowerBound?.toFixed(3) ?? 'not done',
    sim.slowestOverLowerBound.toFixed(3),
    ratio.slowestOverLowerBound.toFixed(2),
    `${lab.cpuIdlePercent} %`,
    withinTenPercent ? 'pass' : 'FAIL'
  ]
  const far = all.filter(({ withinTenPercent }) => !withinTenPercent).map(({ agents }) => agents)
  return [
    ...table([
      ['', 'copies: lab', 'sim', 'lab/sim', 'slowest: lab', 'sim', 'lab/sim', 'CPU idle', 'within 10 %'],
      ...all.map(row)
    ]),
    '',
    far.length === 0
      ? 'Within 10 % of each other throughout.'
      : `More than 10 % apart with ${far.join(', ')} agents. The model knows no CPU: where the lab's was busy, that is what it misses.`
  ]
}
