/**
 * Figures over time, drawn by uPlot: a canvas and small enough to be served from the process itself. Whoever does not see it, or wants
 * to know exactly, has the same as a table; a screen reader is told the sentence in `summary`, and of the switch after it.
 */
import { useEffect, useRef, useState } from 'preact/hooks'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { useWords } from './page-words.tsx'

/** Round numbers as people read bytes: 50 MiB, not 47.7. */
const binarySteps = [1, 1024, 1024 ** 2, 1024 ** 3, 1024 ** 4, 1024 ** 5].flatMap(unit =>
  [1, 2, 5, 10, 20, 50, 100, 200, 500].map(count => count * unit)
)
const wholeSteps = Array.from({ length: 16 }, (_, power) =>
  [1, 2, 5].map(count => count * 10 ** power)
).flat()

/** In seconds: what is shown are sums of minutes and more, so a fleet of a minute ago has no ticks between. */
const [minute, hour, day] = [60, 3600, 86_400]
const timeSteps = [
  ...[1, 2, 5, 10, 15, 30].map(count => count * minute),
  ...[1, 2, 3, 4, 6, 8, 12].map(count => count * hour),
  ...[1, 2, 3, 5, 7, 14, 30, 60, 90, 180, 365].map(count => count * day)
]

export interface Line {
  readonly label: string
  /** A CSS custom property of look.css: `--peers`. */
  readonly color: string
  readonly values: ReadonlyArray<number | null>
}

interface ChartWords {
  /** On the switch between the two. */
  readonly asTable: string
  readonly asChart: string
  /** Over the column of times. */
  readonly time: string
}

interface TimeChartProps {
  /** Ms since 1970, ascending. */
  readonly times: readonly number[]
  readonly lines: readonly Line[]
  readonly summary: string
  /** How a value is written on the axis and in the legend. */
  readonly write: (value: number) => string
  /** Each line on top of the ones before it. */
  readonly stacked?: boolean
  /** What is counted; left out: bytes. */
  readonly unit?: 'bytes' | 'things'
  readonly heightPx?: number
  readonly words: ChartWords
}

export function TimeChart(props: TimeChartProps) {
  const [isTable, setIsTable] = useState(false)
  const { words } = props
  return (
    <div class="time-chart">
      {isTable ? <FiguresTable {...props} /> : <Picture {...props} />}
      <button onClick={() => setIsTable(!isTable)}>{isTable ? words.asChart : words.asTable}</button>
    </div>
  )
}

/** The last first: it is what is asked about. Times at which nothing is known, or (of what adds up) nothing happened, are left out. */
function FiguresTable({ times, lines, summary, write, stacked = false, words }: TimeChartProps) {
  const { format } = useWords()
  const rows = times
    .map((at, index) => ({ at, values: lines.map(({ values }) => values[index] ?? null) }))
    .filter(({ values }) => values.some(value => value !== null && !(stacked && value === 0)))
    .reverse()
  return (
    <div class="figures" tabIndex={0} role="region" aria-label={summary}>
      <table>
        <thead>
          <tr>
            <th scope="col">{words.time}</th>
            {lines.map(({ label }) => (
              <th key={label} scope="col" class="num">
                {label}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(({ at, values }) => (
            <tr key={at}>
              <th scope="row">{format.at(at)}</th>
              {values.map((value, index) => (
                <td key={lines[index]?.label} class="num" data-column={lines[index]?.label}>
                  {value === null ? '–' : write(value)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

function Picture(props: TimeChartProps) {
  const box = useRef<HTMLDivElement>(null)
  const { locale } = useWords()
  const { times, lines, stacked = false, unit = 'bytes', heightPx = 220, write } = props
  useEffect(() => {
    const node = box.current
    if (node === null) return undefined
    const css = getComputedStyle(node)
    // light-dark() of a custom property is resolved where it is used as a colour, so ask for a colour.
    const probe = document.createElement('span')
    node.append(probe)
    const colorOf = (name: string) => {
      probe.style.color = `var(${name})`
      return getComputedStyle(probe).color
    }
    const quiet = colorOf('--quiet')
    const grid = { stroke: colorOf('--line'), width: 1 }
    const heights = stacked ? stack(lines) : lines.map(line => line.values)
    // The topmost first, so that each is painted over by what is below it.
    const order = stacked ? lines.map((_, index) => lines.length - 1 - index) : lines.map((_, index) => index)
    const options: uPlot.Options = {
      width: Math.max(200, node.clientWidth),
      height: heightPx,
      cursor: { y: false },
      legend: { live: true },
      // The last label stands half beyond the last tick.
      padding: [null, 36, null, null],
      // The day under the time, as the template has it: beside it they would run into the next tick.
      fmtDate: template => {
        const written = template.split('\n').map(line => new Intl.DateTimeFormat(locale, partsOf(line)))
        return date => written.map(line => line.format(date)).join('\n')
      },
      scales: { y: { range: (_plot, _low, high) => [0, Math.max(high, 1)] } },
      axes: [
        { stroke: quiet, grid, ticks: grid, incrs: timeSteps, space: 64, font: `12px ${css.fontFamily}` },
        {
          stroke: quiet,
          grid,
          ticks: grid,
          size: 76,
          incrs: unit === 'bytes' ? binarySteps : wholeSteps,
          font: `12px ${css.fontFamily}`,
          values: (_plot, splits) => splits.map(write)
        }
      ],
      series: [
        {
          // An empty one becomes an English word.
          label: '\u00a0',
          value: (_plot, value) => (value == null ? '' : new Date(value * 1000).toLocaleString(locale))
        },
        ...order.map(index => {
          const line = lines[index]
          const color = colorOf(line?.color ?? '--text')
          return {
            label: line?.label ?? '',
            stroke: color,
            width: 1.5,
            ...(stacked ? { fill: color } : {}),
            points: { show: false },
            value: (_plot: uPlot, _value: number, _series: number, at: number | null) =>
              at === null ? '' : write(line?.values[at] ?? 0)
          }
        })
      ]
    }
    const data = [times.map(time => time / 1000), ...order.map(index => [...(heights[index] ?? [])])]
    const plot = new uPlot(options, data as uPlot.AlignedData, node)
    const watcher = new ResizeObserver(() =>
      plot.setSize({ width: Math.max(200, node.clientWidth), height: heightPx })
    )
    watcher.observe(node)
    return () => {
      watcher.disconnect()
      plot.destroy()
      probe.remove()
    }
  }, [times, lines, stacked, unit, heightPx, locale, write])
  return <div class="chart" ref={box} role="img" aria-label={props.summary} />
}

function stack(lines: readonly Line[]): ReadonlyArray<readonly number[]> {
  let below: readonly number[] = []
  return lines.map(line => {
    const heights = line.values.map((value, index) => (value ?? 0) + (below[index] ?? 0))
    below = heights
    return heights
  })
}

/** uPlot's date templates, as far as its time axis uses them, in what Intl calls the same. */
function partsOf(template: string): Intl.DateTimeFormatOptions {
  return {
    ...(template.includes('{YYYY}') || template.includes('{YY}') ? { year: '2-digit' as const } : {}),
    ...(/\{M{1,4}\}/.test(template) ? { month: 'numeric' as const } : {}),
    ...(/\{D{1,2}\}/.test(template) ? { day: 'numeric' as const } : {}),
    ...(/\{[hH]{1,2}\}/.test(template) ? { hour: '2-digit' as const } : {}),
    ...(template.includes('{mm}') || template.includes('{m}') ? { minute: '2-digit' as const } : {}),
    ...(template.includes('{ss}') || template.includes('{s}') ? { second: '2-digit' as const } : {})
  }
}
