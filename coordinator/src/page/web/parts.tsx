/** Small parts that several views are made of. */
import { Box, Switch } from '@starling/shared/web/box.tsx'
import { SourceBar, SourceLegend, type BytesBySource } from '@starling/shared/web/source-bar.tsx'
import { TimeChart } from '@starling/shared/web/time-chart.tsx'
import { showSeries, type AgentView } from '@starling/shared/admin-api/fleet-view.ts'
import { safeText } from '@starling/shared/web/names.ts'
import type { ComponentChildren } from 'preact'
import { useMemo, useState } from 'preact/hooks'
import { useAnswer, type Answer } from './live.tsx'
import { useSourceNames, useText, type Key } from './words.ts'

/** The answer, or why there is none yet. */
export function Answered<Value>(props: {
  readonly answer: Answer<Value>
  readonly children: (value: Value) => ComponentChildren
}) {
  const { t } = useText()
  const { value, problem } = props.answer
  const trouble =
    problem === null ? null : (
      <p class="trouble" role="alert">
        {problem.message}
      </p>
    )
  // What stands below it is what was known before.
  if (value !== null)
    return (
      <>
        {trouble}
        {props.children(value)}
      </>
    )
  return trouble ?? <p class="empty">{t('part.loading')}</p>
}

/** How much of a whole there is: a bar and its words. */
export function ShareBar({ share }: { readonly share: number }) {
  const { format } = useText()
  return (
    <>
      <div class="bar" aria-hidden="true">
        <span class="part peers" style={{ inlineSize: `${(100 * share).toFixed(1)}%` }} />
      </div>
      <span class="share">{format.share(share, 1)}</span>
    </>
  )
}

/** What is known of something: names and values. */
export function Facts({ facts }: { readonly facts: ReadonlyArray<readonly [name: string, value: string]> }) {
  return (
    <dl class="facts">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  )
}

export function AgentState({ agent }: { readonly agent: Pick<AgentView, 'online' | 'revokedAt'> }) {
  const { t } = useText()
  const state = agent.online ? 'online' : agent.revokedAt === null ? 'offline' : 'revoked'
  return (
    <span class="pill" data-state={{ online: 'good', offline: 'plain', revoked: 'bad' }[state]}>
      {t(`agents.${state}`)}
    </span>
  )
}

/** Figures in a row: what, and how much. */
export function Tiles(props: {
  readonly tiles: ReadonlyArray<{
    readonly name: string
    readonly value: ComponentChildren
    readonly hint?: string
  }>
}) {
  return (
    <dl class="tiles">
      {props.tiles.map(({ name, value, hint }) => (
        <div key={name} title={hint}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  )
}

/** Problems by kind, the commonest first; each leads to the agents that have it. */
export function ProblemCounts(props: {
  readonly problems: Readonly<Record<string, number>>
  readonly linkTo: (problem: string) => string
}) {
  const { format } = useText()
  const nameOf = useProblemName()
  const counted = Object.entries(props.problems).sort(([, one], [, other]) => other - one)
  return (
    <ul class="chips">
      {counted.map(([problem, count]) => (
        <li key={problem}>
          <a class="chip bad" href={props.linkTo(problem)}>
            {nameOf(problem)} {format.count(count)}
          </a>
        </li>
      ))}
    </ul>
  )
}

/** A problem's kind in words; one that this page does not know yet shows its code. */
export function useProblemName(): (problem: string) => string {
  const { t } = useText()
  return problem => {
    const key = `problem.${problem}`
    const words = t(key as Key)
    return words === key ? problem : words
  }
}

/** A rule in words; one that this page does not know yet says its own summary. */
export function useRuleName(): (rule: string, summary?: string) => string {
  const { t } = useText()
  const problem = useProblemName()
  return (rule, summary = rule) => {
    const key = `rule.${rule}`
    const words = t(key as Key)
    if (words !== key) return words
    const named = problem(rule)
    return safeText(named === rule ? summary : named)
  }
}

/** What to do about a problem; empty for one that this page does not know yet. */
export function useAdvice(): (problem: string) => string {
  const { t } = useText()
  return problem => {
    const key = `advice.${problem}`
    const words = t(key as Key)
    return words === key ? '' : words
  }
}

const ranges = [
  { name: 'day', span: 'minute', ms: 24 * 3_600_000 },
  { name: 'week', span: 'hour', ms: 7 * 24 * 3_600_000 },
  { name: 'month', span: 'hour', ms: 30 * 24 * 3_600_000 },
  { name: 'year', span: 'day', ms: 366 * 24 * 3_600_000 }
] as const
type RangeName = (typeof ranges)[number]['name']

/** Bytes by source over time, of the fleet or of a site. */
export function SourcesOverTime({ site }: { readonly site?: string }) {
  const { t, format } = useText()
  const names = useSourceNames()
  const [name, setName] = useState<RangeName>('day')
  const range = ranges.find(known => known.name === name) ?? ranges[0]
  // Whole minutes, so that the question stays the same until its answer is another.
  const from = Math.floor(Date.now() / 60_000) * 60_000 - range.ms
  const query = { span: range.span, from, ...(site === undefined ? {} : { site }) }
  // The minute goes on, and it stays the same picture.
  const answer = useAnswer(showSeries, { query }, 'fleet', `${site ?? ''} ${range.name}`)
  const { value } = answer
  const chart = useMemo(() => {
    const points = value?.points ?? []
    const sum = (source: keyof BytesBySource) => points.reduce((total, point) => total + point[source], 0)
    return {
      times: points.map(point => point.at),
      lines: (['origin', 'gateway', 'peers', 'cache'] as const).map(source => ({
        label: names[source],
        color: `--${source}`,
        values: points.map(point => point[source])
      })),
      bytes: { cache: sum('cache'), peers: sum('peers'), gateway: sum('gateway'), origin: sum('origin') }
    }
  }, [value, names.origin])
  return (
    <Box
      title={t('sources.title')}
      actions={
        <Switch
          label={t('sources.range')}
          names={ranges.map(known => known.name)}
          chosen={name}
          write={known => t(`sources.${known}`)}
          choose={setName}
        />
      }
    >
      <SourceBar bytes={chart.bytes} subject={t('sources.title')} names={names} tall />
      <SourceLegend bytes={chart.bytes} names={names} />
      {chart.times.length < 2 ? (
        <p class="empty">{t('sources.empty')}</p>
      ) : (
        <TimeChart
          times={chart.times}
          lines={chart.lines}
          stacked
          summary={t('sources.title')}
          write={format.bytes}
          words={{ asTable: t('chart.asTable'), asChart: t('chart.asChart'), time: t('chart.time') }}
        />
      )}
    </Box>
  )
}
