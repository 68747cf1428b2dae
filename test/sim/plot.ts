/** Curves over virtual time as inline SVG. Colours are those of the page around it (`plotStyle`), by day and by night. */
import { minuteMs, secondMs, type Millis } from '@starling/shared/units.ts'

export interface Curve {
  readonly name: string
  readonly points: ReadonlyArray<readonly [at: Millis, value: number]>
  /** What the others are held against. */
  readonly isBound?: boolean
}

export interface Plot {
  readonly title: string
  readonly unit: string
  readonly curves: readonly Curve[]
  /** The axis goes up to here at least. */
  readonly topLeast?: number
  /** Powers of ten from one up, for curves that are hundreds of times apart; what is less than one lies on the axis. */
  readonly isLogarithmic?: boolean
  /** Moments to be seen in the plot. */
  readonly marks?: ReadonlyArray<{ readonly at: Millis; readonly says: string }>
}

/** By day and by night. */
const colours: ReadonlyArray<readonly [day: string, night: string]> = [
  ['#0969da', '#58a6ff'],
  ['#bc4c00', '#f0883e'],
  ['#1a7f37', '#3fb950'],
  ['#cf222e', '#ff7b72'],
  ['#8250df', '#bc8cff'],
  ['#57606a', '#b1bac4'],
  ['#bf3989', '#f778ba'],
  ['#1b7c83', '#39c5cf'],
  ['#7d4e00', '#e3b341'],
  ['#0a3069', '#a5d6ff'],
  ['#116329', '#7ee787'],
  ['#82071e', '#ffa198']
]
/** More would not be told apart. */
export const curvesMax = colours.length
const size = { width: 960, height: 280, left: 64, right: 150, top: 30, bottom: 44 }
const [ticksAcross, ticksUp] = [8, 5]

export const plotStyle = `svg{width:100%;height:auto}text{font:12px system-ui,sans-serif;fill:currentColor}
.grid{stroke:currentColor;opacity:.15}.mark{stroke:currentColor;opacity:.6;stroke-dasharray:2 3}.bound{stroke-dasharray:6 4}path{fill:none;stroke-width:1.8}
${colours.map(([day, night], index) => `.c${index}{stroke:light-dark(${day},${night})}`).join('')}`

export function drawn({
  title,
  unit,
  curves,
  topLeast = 0,
  isLogarithmic = false,
  marks = []
}: Plot): string {
  const { width, height, left, right, top, bottom } = size
  const ends = curves.flatMap(({ points }) => points)
  const lastMs = Math.max(1, ...ends.map(([at]) => at), ...marks.map(({ at }) => at))
  const highest = Math.max(topLeast, 1e-9, ...ends.map(([, value]) => value))
  const levels = isLogarithmic ? powers(highest) : steps(highest, ticksUp)
  const most = levels.at(-1)!
  const x = (at: Millis): string => (left + (at / lastMs) * (width - left - right)).toFixed(1)
  const share = (value: number): number =>
    isLogarithmic ? Math.log10(Math.max(1, value)) / Math.log10(most) : value / most
  const y = (value: number): number => height - bottom - share(value) * (height - top - bottom)

  const [word, unitMs] = lastMs > 10 * minuteMs ? ['min', minuteMs] : ['s', secondMs]
  const across = steps(lastMs / unitMs, ticksAcross)
    .filter(tick => tick * unitMs <= lastMs)
    .map(tick => label(x(tick * unitMs), height - bottom + 18, 'middle', numeral(tick)))
  const up = levels.map(level => {
    const at = y(level).toFixed(1)
    return `<line class="grid" x1="${left}" x2="${width - right}" y1="${at}" y2="${at}"/>${label(left - 8, y(level) + 4, 'end', numeral(level))}`
  })
  const marked = marks.map(({ at, says }) => {
    const line = `<line class="mark" x1="${x(at)}" x2="${x(at)}" y1="${top}" y2="${height - bottom}"/>`
    return line + label(x(at), top - 6, at > lastMs / 2 ? 'end' : 'start', says)
  })
  const lines = curves.map(({ name, points, isBound }, index) => {
    const look = `c${index}${isBound === true ? ' bound' : ''}`
    const path = points.map(
      ([at, value], place) => `${place === 0 ? 'M' : 'L'}${x(at)} ${y(value).toFixed(1)}`
    )
    const [from, row] = [width - right + 12, top + 8 + index * 17]
    return `<path class="${look}" d="${path.join('')}"/><path class="${look}" d="M${from} ${row - 4}h16"/>${label(from + 22, row, 'start', name)}`
  })
  const axes = `${label(left - 8, top - 12, 'end', unit)}${label((left + width - right) / 2, height - 8, 'middle', `virtual time, ${word}`)}`
  return `<h2>${escaped(title)}</h2><svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${escaped(title)}">${[...up, ...across, ...marked, ...lines].join('')}${axes}</svg>`
}

/** From 0 in steps of 1, 2 or 5 (or 10, 20 ...), until `highest` is reached, in about `count` of them. */
function steps(highest: number, count: number): number[] {
  const power = 10 ** Math.floor(Math.log10(highest / count))
  const step = [1, 2, 5, 10].map(each => each * power).find(each => each * count >= highest)!
  return Array.from({ length: Math.ceil(highest / step) + 1 }, (_, index) => index * step)
}

function powers(highest: number): number[] {
  return Array.from({ length: Math.max(2, Math.ceil(Math.log10(highest)) + 1) }, (_, index) => 10 ** index)
}

function label(x: number | string, y: number, anchor: 'start' | 'middle' | 'end', text: string): string {
  return `<text x="${x}" y="${y}" text-anchor="${anchor}">${escaped(text)}</text>`
}

/** 0.30000000000000004 is 0.3, and 25000 is 25,000. */
function numeral(value: number): string {
  return Number(value.toPrecision(6)).toLocaleString('en')
}

export function escaped(text: string): string {
  return text.replace(/[&<>"]/g, sign => `&#${sign.charCodeAt(0)};`)
}
