/**
 * Values that are kept elsewhere, as Prometheus reads them. Nothing is counted here: at each scrape the rows are read out of
 * one snapshot, so that pages, API and metrics can never disagree. (prom-client's own default metrics are left out: their
 * event-loop sampling wakes an idle process a hundred times a second.)
 */
import { Counter, Gauge, Registry } from 'prom-client'

export interface Metrics {
  readonly contentType: string
  /** The exposition of this moment. */
  text(): Promise<string>
}

export type Row = readonly [labels: Readonly<Record<string, string>>, value: number]

/** Names are `starling_<noun>_<unit>`, with `_total` for what only grows. */
export interface Series<Snapshot> {
  readonly name: `starling_${string}`
  readonly help: string
  readonly labels: readonly string[]
  read(snapshot: Snapshot): readonly Row[]
}

export interface HistogramRow {
  readonly labels: Readonly<Record<string, string>>
  /** Up to so many seconds: so many, the smaller ones among them. */
  readonly buckets: ReadonlyArray<readonly [seconds: number, count: number]>
  readonly count: number
  readonly sumSeconds: number
}

export interface HistogramSeries<Snapshot> {
  readonly name: `starling_${string}_seconds`
  readonly help: string
  read(snapshot: Snapshot): readonly HistogramRow[]
}

export const plain = (value: number): readonly Row[] => [[{}, value]]

/** Written by hand: prom-client's histogram can only be told of one event after the other, and the counting is done elsewhere. */
function histogramText<Snapshot>(series: HistogramSeries<Snapshot>, snapshot: Snapshot): string {
  const { name, help } = series
  const lines = series.read(snapshot).flatMap(({ labels, buckets, count, sumSeconds }) => {
    const own = Object.entries(labels).map(([label, value]) => `${label}="${escaped(value)}"`)
    const bucket = (le: string, upTo: number): string =>
      `${name}_bucket{${[`le="${le}"`, ...own].join()}} ${upTo}`
    return [
      ...buckets.map(([seconds, upTo]) => bucket(String(seconds), upTo)),
      bucket('+Inf', count),
      `${name}_sum{${own.join()}} ${sumSeconds}`,
      `${name}_count{${own.join()}} ${count}`
    ]
  })
  return [`# HELP ${name} ${help}`, `# TYPE ${name} histogram`, ...lines, ''].join('\n')
}

export function createExposition<Snapshot>(
  series: ReadonlyArray<Series<Snapshot>>,
  histograms: ReadonlyArray<HistogramSeries<Snapshot>>,
  snapshot: () => Snapshot | Promise<Snapshot>
): Metrics {
  const registry = new Registry()
  const setters = series.map(one => ({ one, set: one.name.endsWith('_total') ? counter(one) : gauge(one) }))

  function gauge({ name, help, labels }: Series<Snapshot>): (rows: readonly Row[]) => void {
    const metric = new Gauge({ name, help, labelNames: [...labels], registers: [registry] })
    return rows => {
      // A site or a version that is no more is not told any longer.
      if (labels.length > 0) metric.reset()
      for (const [labelValues, value] of rows) metric.set(labelValues, value)
    }
  }

  /** prom-client lets a counter only grow, so it is emptied and grown to the value of the one true count. */
  function counter({ name, help, labels }: Series<Snapshot>): (rows: readonly Row[]) => void {
    const metric = new Counter({ name, help, labelNames: [...labels], registers: [registry] })
    return rows => {
      metric.reset()
      for (const [labelValues, value] of rows) metric.inc(labelValues, value)
    }
  }

  return {
    contentType: registry.contentType,
    async text() {
      const now = await snapshot()
      // No await from here to the text's values, or two scrapes would mix.
      for (const { one, set } of setters) set(one.read(now))
      const own = histograms.map(one => histogramText(one, now))
      return [(await registry.metrics()).trimEnd(), ...own].join('\n')
    }
  }
}

/** https://prometheus.io/docs/instrumenting/exposition_formats/#comments-help-text-and-type-information */
function escaped(value: string): string {
  return value
    .replaceAll('\\', String.raw`\\`)
    .replaceAll('"', String.raw`\"`)
    .replaceAll('\n', String.raw`\n`)
}
