/** A run as one self-contained page: its report and three plots in inline SVG. Nothing is loaded, nothing runs. */
import { MiB, secondMs, type Millis } from '@starling/shared/units.ts'
import type { Sample } from './meter.ts'
import { optionsText } from './options.ts'
import { reportText, type Report, type Tally } from './report.ts'
import type { Options, Scenario } from './scenarios/scenario.ts'

interface Curve {
  readonly name: string
  readonly points: ReadonlyArray<readonly [at: Millis, value: number]>
}

/** Sites are many and alike: beyond so many curves are drawn for some of them only. */
const curvesMax = 12
const colours = [
  '#1f6feb',
  '#d29922',
  '#2da44e',
  '#cf222e',
  '#8250df',
  '#57606a',
  '#bf3989',
  '#1b7c83',
  '#9a6700',
  '#0a3069',
  '#116329',
  '#82071e'
]
const size = { width: 860, height: 260, left: 62, right: 150, top: 14, bottom: 34 }

export function pageOf(
  scenario: Scenario,
  options: Options,
  report: Report,
  doneAt: Tally['doneAt'],
  samples: readonly Sample[]
): string {
  const plots = [
    plot('Agents that are done, by site (share)', completionCurves(options, doneAt), 1),
    plot('Bytes by source (MiB)', [
      { name: 'from upstream', points: samples.map(({ at, upstream }) => [at, upstream / MiB]) },
      { name: 'from agents', points: samples.map(({ at, agents }) => [at, agents / MiB]) },
      { name: 'from gateways', points: samples.map(({ at, gateways }) => [at, gateways / MiB]) }
    ]),
    plot('Flows on the lines of all sites', [
      { name: 'flows', points: samples.map(({ at, flows }) => [at, flows]) }
    ])
  ]
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${escaped(report.scenario)}, seed ${report.seed}</title>
<style>body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:${size.width}px;padding:0 1rem;color:#1f2328;background:#fff}
pre{background:#f6f8fa;padding:1rem;overflow:auto}h2{font-size:1.05rem;margin:1.6rem 0 .4rem}svg{width:100%;height:auto}text{font:12px system-ui,sans-serif;fill:#57606a}</style></head>
<body><h1>${escaped(scenario.name)}</h1><p>${escaped(scenario.says)}</p>
<pre>${escaped(optionsText(options))}\n${escaped(reportText(report))}${report.violations.length === 0 ? '' : `\n  BROKEN: ${escaped(report.violations.join(', '))}`}</pre>
${plots.join('\n')}
</body></html>
`
}

function completionCurves({ agents, sites }: Options, doneAt: Tally['doneAt']): Curve[] {
  return doneAt.slice(0, curvesMax).map((times, site) => {
    // Agents are dealt to sites in turn.
    const here = Math.ceil((agents - site) / sites)
    const sorted = times.toSorted((one, other) => one - other)
    const points: Array<readonly [Millis, number]> = [[0, 0]]
    for (const [index, at] of sorted.entries()) points.push([at, index / here], [at, (index + 1) / here])
    return { name: `site ${site}`, points }
  })
}

function plot(title: string, curves: readonly Curve[], topLeast = 0): string {
  const { width, height, left, right, top, bottom } = size
  const ends = curves.flatMap(({ points }) => points)
  const lastMs = Math.max(1, ...ends.map(([at]) => at))
  const most = Math.max(topLeast, 1e-9, ...ends.map(([, value]) => value))
  const x = (at: Millis): string => (left + (at / lastMs) * (width - left - right)).toFixed(1)
  const y = (value: number): string => (height - bottom - (value / most) * (height - top - bottom)).toFixed(1)
  const grid = [0, 0.25, 0.5, 0.75, 1].map(part => {
    const level = y(most * part)
    return `<line x1="${left}" x2="${width - right}" y1="${level}" y2="${level}" stroke="#d0d7de"/><text x="${left - 6}" y="${Number(level) + 4}" text-anchor="end">${short(most * part)}</text>
<text x="${x(lastMs * part)}" y="${height - bottom + 18}" text-anchor="middle">${((lastMs * part) / secondMs).toFixed(0)} s</text>`
  })
  const lines = curves.map(({ name, points }, index) => {
    const colour = colours[index % colours.length]!
    const path = points.map(([at, value], place) => `${place === 0 ? 'M' : 'L'}${x(at)} ${y(value)}`).join('')
    return `<path d="${path}" fill="none" stroke="${colour}" stroke-width="1.6"/><text x="${width - right + 10}" y="${top + 12 + index * 17}" style="fill:${colour}">${escaped(name)}</text>`
  })
  return `<h2>${escaped(title)}</h2><svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${escaped(title)}">${grid.join('')}${lines.join('')}</svg>`
}

function short(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toFixed(value >= 10 ? 1 : 2)
}

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, sign => `&#${sign.charCodeAt(0)};`)
}
