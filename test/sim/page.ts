/** A run as one self-contained page: its report, and how it went over time. Nothing is loaded, nothing runs. */
import { MiB, type Bytes, type Millis } from '@starling/shared/units.ts'
import type { Sample } from './meter.ts'
import { optionsText } from './options.ts'
import { startMs } from './play.ts'
import { curvesMax, drawn, escaped, plotStyle, type Curve, type Plot } from './plot.ts'
import { reportText, type Report, type Tally } from './report.ts'
import { megabit, type Options, type Scenario } from './scenarios/scenario.ts'

export function pageOf(
  scenario: Scenario,
  options: Options,
  report: Report,
  doneAt: Tally['doneAt'],
  samples: readonly Sample[]
): string {
  const curve = (name: string, of: (sample: Sample) => number): Curve => ({
    name,
    points: samples.map(sample => [sample.at, of(sample)])
  })
  const oneCopy = { at: startMs + report.lowerBoundMs, says: 'one copy could be here' }
  // One colour is for all agents together.
  const drawnSites = Math.min(options.sites, curvesMax - 1)
  const few = options.sites > drawnSites ? `, and of ${drawnSites} sites of ${options.sites}` : ''
  const plots: Plot[] = [
    {
      title: `Agents that are done${few}`,
      unit: '%',
      curves: completionCurves(options, doneAt, drawnSites),
      topLeast: 100,
      marks: [oneCopy]
    },
    {
      title: `Content over the WAN, ${options.sites === 1 ? 'the line of the site' : `the lines of ${options.sites} sites together`}`,
      unit: 'Mbit/s',
      curves: [
        { name: 'in use', points: ratesOf(samples) },
        { ...curve('what there is', () => (options.wan * options.sites) / megabit), isBound: true }
      ],
      marks: [oneCopy]
    },
    {
      title: 'Flows from upstream, over all lines',
      unit: 'flows',
      curves: [curve('flows', ({ flows }) => flows)]
    },
    {
      title: 'Bytes by source, so far (each line is ten times the one below)',
      unit: 'MiB',
      curves: [
        curve('from upstream', ({ upstream }) => upstream / MiB),
        curve('from agents', ({ agents }) => agents / MiB),
        ...(options.gateway === 'none' ? [] : [curve('from gateways', ({ gateways }) => gateways / MiB)])
      ],
      isLogarithmic: true
    },
    {
      title: 'Spread of copies: so many agents of a site hold a chunk',
      unit: '%',
      curves: [
        curve('commonest chunk', ({ copies }) => copies.most * 100),
        curve('all chunks, mean', ({ copies }) => copies.mean * 100),
        curve('rarest chunk', ({ copies }) => copies.least * 100)
      ],
      topLeast: 100
    }
  ]
  const broken = report.violations.length === 0 ? '' : `\n  BROKEN: ${report.violations.join(', ')}`
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escaped(report.scenario)}, seed ${report.seed}</title>
<style>:root{color-scheme:light dark}body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:62rem;padding:0 1rem;color:light-dark(#1f2328,#e6edf3);background:light-dark(#fff,#0d1117)}
pre{font-size:13px;background:light-dark(#f6f8fa,#161b22);padding:1rem;white-space:pre-wrap}h2{font-size:1.05rem;margin:1.6rem 0 .2rem}
${plotStyle}</style></head>
<body><h1>${escaped(scenario.name)}</h1><p>${escaped(scenario.says)}</p>
<pre>${escaped(`${optionsText(options)}\n${reportText(report)}${broken}`)}</pre>
${plots.map(drawn).join('\n')}
</body></html>
`
}

/** All agents, and those of some sites if there are several. */
function completionCurves({ agents, sites }: Options, doneAt: Tally['doneAt'], drawnSites: number): Curve[] {
  const all = stairs('all agents', doneAt.flat(), agents)
  if (sites === 1) return [all]
  // Agents are dealt to sites in turn.
  const bySite = doneAt
    .slice(0, drawnSites)
    .map((times, site) => stairs(`site ${site}`, times, Math.ceil((agents - site) / sites)))
  return [all, ...bySite]
}

function stairs(name: string, times: readonly Millis[], count: number): Curve {
  const points: Array<readonly [Millis, number]> = [[0, 0]]
  for (const [index, at] of times.toSorted((one, other) => one - other).entries())
    points.push([at, (100 * index) / count], [at, (100 * (index + 1)) / count])
  return { name, points }
}

/** From one look to the next, in Mbit/s. */
function ratesOf(samples: readonly Sample[]): Array<readonly [Millis, number]> {
  const rate = (bytes: Bytes, ms: Millis): number => (ms === 0 ? 0 : (bytes * 1000) / ms / megabit)
  return samples.flatMap((sample, index) => {
    const before = samples[index - 1] ?? sample
    const value = rate(sample.wan - before.wan, sample.at - before.at)
    return [[before.at, value] as const, [sample.at, value] as const]
  })
}
