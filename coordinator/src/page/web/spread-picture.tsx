/**
 * How a content spread, to be looked at again: a square for each agent (or so many of them) that fills up with what the agent
 * has, site by site, at the moment that the slider stands at. Whoever wants no motion gets ten still pictures.
 */
import { wholeFleet } from '@starling/shared/fleet-series.ts'
import type { SpreadView } from '@starling/shared/admin-api/fleet-view.ts'
import { safeText } from '@starling/shared/web/names.ts'
import { TimeChart } from '@starling/shared/web/time-chart.tsx'
import { useEffect, useMemo, useState } from 'preact/hooks'
import { useText } from './words.ts'

const replayMs = 12_000
const frameMs = 80
const stillFrames = 10
const stillMs = 1000
const squaresMax = 200
const columnsMax = 40
const steps = ['quarter', 'half', 'threeQuarters', 'nearly', 'all'] as const

export function SpreadPicture({ timeline }: { readonly timeline: SpreadView }) {
  const { t, format } = useText()
  const { sites, points } = timeline
  const last = points.length - 1
  /** Null: what is now, and what comes. */
  const [chosen, setChosen] = useState<number | null>(null)
  const [playing, setPlaying] = useState(false)
  const at = Math.min(chosen ?? last, last)
  useEffect(() => {
    if (!playing) return undefined
    const calm = matchMedia('(prefers-reduced-motion: reduce)').matches
    const times = points.map(point => point.at)
    const [from = 0, to = 0] = [times[chosen ?? 0], times.at(-1)]
    const wholeMs = (times.at(-1) ?? 0) - (times[0] ?? 0)
    const startedAt = performance.now()
    const timer = setInterval(
      () => {
        const passed = performance.now() - startedAt
        const moment = from + (calm ? passed / (stillFrames * stillMs) : passed / replayMs) * wholeMs
        if (moment >= to) {
          setPlaying(false)
          setChosen(null)
        } else
          setChosen(
            Math.max(
              0,
              times.findLastIndex(time => time <= moment)
            )
          )
      },
      calm ? stillMs : frameMs
    )
    return () => clearInterval(timer)
    // Where it stands when it is started; what comes meanwhile is for the next time.
  }, [playing])
  const whole = useMemo(
    () => sites.map((_, site) => Math.max(1, ...points.map(({ agents }) => sum(agents[site])))),
    [timeline]
  )
  const chart = useMemo(() => {
    const count = (from: number) =>
      points.map(({ agents }) => agents.reduce((all, steps) => all + sum(steps.slice(from)), 0))
    return {
      times: points.map(point => point.at),
      lines: [
        { label: t('content.some'), color: '--cache', values: count(0) },
        { label: t('contents.complete'), color: '--peers', values: count(steps.length - 1) }
      ]
    }
  }, [timeline, t])
  const point = points[at]
  if (point === undefined) return <p class="empty">{t('content.noTimeline')}</p>
  const largest = Math.max(...whole)
  const perSquare = Math.max(1, Math.ceil(largest / squaresMax))
  const sizePx = largest > columnsMax ? 14 : 22
  const begin = points[0]?.at ?? point.at
  const when = t('content.moment', { at: format.at(point.at), after: format.span(point.at - begin) })
  return (
    <div class="spread">
      <div class="spread-controls">
        <button
          class="main"
          disabled={last < 1}
          onClick={() => {
            if (!playing && at >= last) setChosen(0)
            setPlaying(!playing)
          }}
        >
          {t(playing ? 'content.pause' : 'content.play')}
        </button>
        <input
          type="range"
          min={0}
          max={Math.max(1, last)}
          value={at}
          disabled={last < 1}
          aria-label={t('content.slider')}
          aria-valuetext={when}
          onInput={event => {
            const index = Number(event.currentTarget.value)
            setPlaying(false)
            setChosen(index >= last ? null : index)
          }}
        />
        <span class="spread-when">{when}</span>
      </div>
      <ul class="spread-sites">
        {sites.map((site, index) => (
          <li key={site}>
            <SiteSquares
              name={site === wholeFleet ? t('content.otherSites') : safeText(site)}
              counts={point.agents[index] ?? []}
              whole={whole[index] ?? 1}
              wanBytes={point.wanBytes[index] ?? 0}
              perSquare={perSquare}
              sizePx={sizePx}
            />
          </li>
        ))}
      </ul>
      <ul class="spread-legend">
        {steps.map((step, index) => (
          <li key={step}>
            <span class={`swatch step-${index}`} />
            {t(`content.step.${step}`)}
          </li>
        ))}
        {perSquare > 1 && <li>{t('content.perSquare', { count: perSquare })}</li>}
      </ul>
      {last > 1 && (
        <TimeChart
          times={chart.times}
          lines={chart.lines}
          summary={t('content.chart')}
          write={format.count}
          heightPx={160}
          unit="things"
          words={{ asTable: t('chart.asTable'), asChart: t('chart.asChart'), time: t('chart.time') }}
        />
      )}
    </div>
  )
}

function SiteSquares(props: {
  readonly name: string
  readonly counts: readonly number[]
  readonly whole: number
  readonly wanBytes: number
  readonly perSquare: number
  readonly sizePx: number
}) {
  const { t, format } = useText()
  const { counts, whole, perSquare, sizePx } = props
  const squares = Math.ceil(whole / perSquare)
  const columns = Math.min(squares, columnsMax)
  const rows = Math.ceil(squares / columns)
  // Those who have most come first; those who have nothing yet last, as empty squares.
  const order = [...counts.keys()].reverse()
  let before = 0
  const parts = order.map(step => {
    const from = Math.round(before / perSquare)
    before += counts[step] ?? 0
    return { step, from, to: Math.round(before / perSquare) }
  })
  const words = t('content.siteHas', {
    complete: format.count(counts.at(-1) ?? 0),
    whole: format.count(whole),
    wan: format.bytes(props.wanBytes)
  })
  return (
    <>
      <strong>{props.name}</strong>
      <svg
        viewBox={`0 0 ${columns * 10} ${rows * 10}`}
        width={columns * sizePx}
        height={rows * sizePx}
        role="img"
        aria-label={`${props.name}: ${words}`}
      >
        <path class="step-none" d={squaresFrom(Math.round(before / perSquare), squares, columns)} />
        {parts.map(({ step, from, to }) => (
          <path key={step} class={`step-${step}`} d={squaresFrom(from, to, columns)} />
        ))}
      </svg>
      <span class="split">{words}</span>
    </>
  )
}

function squaresFrom(from: number, to: number, columns: number): string {
  let path = ''
  for (let at = from; at < to; at++)
    path += `M${(at % columns) * 10 + 1} ${Math.floor(at / columns) * 10 + 1}h8v8h-8z`
  return path
}

function sum(counts: readonly number[] = []): number {
  return counts.reduce((all, count) => all + count, 0)
}
