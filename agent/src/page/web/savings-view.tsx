/** What sharing brought: today, this week, this month, split as Windows' activity monitor does, and over time. */
import { SourceBar, SourceLegend, type BytesBySource } from '@starling/shared/web/source-bar.tsx'
import { TimeChart } from '@starling/shared/web/time-chart.tsx'
import { useMemo, useState } from 'preact/hooks'
import type { HistoryView, SourceBytes } from '../../views.ts'
import { useAsked } from './asked.ts'
import { Box, Switch } from '@starling/shared/web/box.tsx'
import { Answered } from './bits.tsx'
import { seriesOf, spans, type SpanName } from './history-series.ts'
import { totalsOf, type Status } from './status.ts'
import { useSourceNames, useText } from './words.ts'

const periods = ['today', 'week', 'month'] as const

export function SavingsView({ status }: { readonly status: Status }) {
  const asked = useAsked<HistoryView>('/api/v1/history', 10_000)
  return (
    <Answered asked={asked}>
      {history => (
        <>
          <Periods history={history} />
          <OverTime history={history} />
          <SinceStart status={status} />
        </>
      )}
    </Answered>
  )
}

function bySource({ disk, lan, gateway, origin }: SourceBytes): BytesBySource {
  return { cache: disk, peers: lan, gateway, origin }
}

function Periods({ history }: { readonly history: HistoryView }) {
  const { t, format } = useText()
  const names = useSourceNames()
  return (
    <div class="periods">
      {periods.map(period => {
        const bytes = history[period]
        const came = bytes.lan + bytes.gateway + bytes.origin
        const all = came + bytes.disk
        const saved = Math.max(0, all - bytes.origin - bytes.far)
        const rows = [
          ['monitor.origin', bytes.origin],
          ['monitor.gateway', bytes.gateway],
          ['monitor.lan', bytes.lan],
          ...(bytes.far > 0 ? [['monitor.far', bytes.far] as const] : []),
          ['monitor.disk', bytes.disk],
          ['monitor.uploads', bytes.toPeers],
          ['monitor.files', null]
        ] as const
        return (
          <Box key={period} title={t(`monitor.${period}`)}>
            <p class="headline">
              <strong>{all === 0 ? '–' : format.share(saved, all)}</strong>{' '}
              {all === 0 ? t('monitor.nothing') : t('monitor.saved', { bytes: format.bytes(saved) })}
            </p>
            <SourceBar bytes={bySource(bytes)} subject={t(`monitor.${period}`)} names={names} tall />
            <dl class="monitor">
              {rows.map(([key, value]) => (
                <div key={key}>
                  <dt>{t(key)}</dt>
                  <dd>{value === null ? format.count(bytes.files) : format.bytes(value)}</dd>
                </div>
              ))}
            </dl>
          </Box>
        )
      })}
    </div>
  )
}

function OverTime({ history }: { readonly history: HistoryView }) {
  const { t, format } = useText()
  const names = useSourceNames()
  const [span, setSpan] = useState<SpanName>('day')
  const { times, lines, whole } = useMemo(() => {
    const series = seriesOf(history, span)
    const line = (label: string, color: string, of: (bytes: SourceBytes) => number) => ({
      label,
      color,
      values: series.map(({ bytes }) => of(bytes))
    })
    return {
      times: series.map(({ at }) => at),
      whole: series.reduce(
        (sum, { bytes }) => sum + bytes.lan + bytes.gateway + bytes.origin + bytes.disk,
        0
      ),
      lines: [
        line(names.origin, '--origin', bytes => bytes.origin),
        line(names.gateway, '--gateway', bytes => bytes.gateway),
        line(names.peers, '--peers', bytes => bytes.lan),
        line(names.cache, '--cache', bytes => bytes.disk)
      ]
    }
  }, [history, span, names.origin])
  return (
    <Box
      title={t('history.title')}
      actions={
        <Switch
          label={t('history.span')}
          names={spans}
          chosen={span}
          write={name => t(`history.${name}`)}
          choose={setSpan}
        />
      }
    >
      {whole === 0 ? (
        <p class="empty">{t('history.empty')}</p>
      ) : (
        <TimeChart
          times={times}
          lines={lines}
          stacked
          summary={t('history.told', { span: t(`history.${span}`), bytes: format.bytes(whole) })}
          write={format.bytes}
          words={{ asTable: t('chart.asTable'), asChart: t('chart.asChart'), time: t('chart.time') }}
        />
      )}
    </Box>
  )
}

function SinceStart({ status }: { readonly status: Status }) {
  const { t, format } = useText()
  const names = useSourceNames()
  const bytes = totalsOf(status)
  return (
    <Box title={t('savings.sinceStart', { span: format.span(status.now - status.startedAt) })}>
      <SourceBar bytes={bytes} subject={t('savings.title')} names={names} />
      <SourceLegend bytes={bytes} names={names} />
      <p class="note">{t('savings.givenSince', { bytes: format.bytes(status.totals.toPeers) })}</p>
    </Box>
  )
}
