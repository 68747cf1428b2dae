/**
 * What is kept of the fleet's figures over time: minutes for a day, hours for 90 days, days for two years. Each coordinator adds
 * its part to the minute; one of them makes hours of minutes and days of hours, again and again, so that doing it twice or
 * late is no harm. Sums are added up, and of agents online the mean is taken.
 */
import { dayMs, hourMs, minuteMs, type Millis } from './units.ts'

export const figureNames = [
  'peers',
  'gateway',
  'origin',
  'cache',
  'served',
  'clients',
  'wan',
  'fresh',
  'downloads',
  'errors'
] as const
export type FigureName = (typeof figureNames)[number]
export type Figures = Record<FigureName, number>

export const spans = ['minute', 'hour', 'day'] as const
export type Span = (typeof spans)[number]
/** Where figures of all sites stand together: no site can be called so. */
export const wholeFleet = '*'

export const spanMs: Readonly<Record<Span, Millis>> = { minute: minuteMs, hour: hourMs, day: dayMs }
/** A little more than promised, so that the coarser rows are made of whole ones. */
export const keptMs: Readonly<Record<Span, Millis>> = {
  minute: dayMs + 2 * hourMs,
  hour: 90 * dayMs + dayMs,
  day: 731 * dayMs
}

export const noFigures = (): Figures => ({
  peers: 0,
  gateway: 0,
  origin: 0,
  cache: 0,
  served: 0,
  clients: 0,
  wan: 0,
  fresh: 0,
  downloads: 0,
  errors: 0
})

export function bucketOf(span: Span, at: Millis): Millis {
  return Math.floor(at / spanMs[span]) * spanMs[span]
}

export interface Rollup {
  readonly from: Span
  readonly to: Span
  /** Of the row that is made; its parts lie in [at, end). */
  readonly at: Millis
  readonly end: Millis
}

/** The rows to make anew: the one that runs, and all since the last time whose parts are still there whole. */
export function rollupsDue(now: Millis, lastAt: Millis | null): Rollup[] {
  return (['hour', 'day'] as const).flatMap(to => {
    const from = to === 'hour' ? 'minute' : 'hour'
    const step = spanMs[to]
    const earliest = Math.ceil((now - keptMs[from]) / step) * step
    // What was added in the last moments of a row may have come after the last time.
    const since = lastAt === null ? earliest : bucketOf(to, lastAt) - step
    const due: Rollup[] = []
    for (let at = Math.max(earliest, since); at <= now; at += step) due.push({ from, to, at, end: at + step })
    return due
  })
}

/** What a run's counters add to what is known of it. A lower number is one that was told earlier and came later. */
export function added(
  known: { readonly run: number; readonly counters: Readonly<Record<string, number>> } | null,
  told: ReadonlyArray<{ readonly run: number; readonly counters: Readonly<Record<string, number>> }>
): {
  readonly sums: Record<string, number>
  readonly run: number
  readonly counters: Record<string, number>
} {
  const sums: Record<string, number> = {}
  let run = known?.run ?? -1
  let counters: Record<string, number> = { ...known?.counters }
  for (const one of told.toSorted((first, second) => first.run - second.run)) {
    // Heard of already, at another coordinator: what it told last was told of a later run.
    if (one.run < run) continue
    if (one.run > run) counters = {}
    run = one.run
    for (const [name, value] of Object.entries(one.counters)) {
      const more = value - (counters[name] ?? 0)
      if (more <= 0) continue
      sums[name] = (sums[name] ?? 0) + more
      counters[name] = value
    }
  }
  return { sums, run, counters }
}

/** @param hasGateway the site has one: then what comes from a gateway does not cross the WAN */
export function figuresOf(sums: Readonly<Record<string, number>>, hasGateway: boolean): Figures {
  const of = (name: string): number => Math.floor(sums[name] ?? 0)
  return {
    peers: of('fromPeers'),
    gateway: of('fromGateway'),
    origin: of('fromUpstream'),
    cache: of('fromCache'),
    served: of('toPeers'),
    clients: of('toClients'),
    wan: of('fromUpstream') + (hasGateway ? 0 : of('fromGateway')),
    fresh: 0,
    downloads: of('downloads'),
    errors: of('downloadErrors')
  }
}

export function addFigures(to: Figures, more: Readonly<Figures>): void {
  for (const name of figureNames) to[name] += more[name]
}

/** Copies over the WAN of what was new to the site; null: nothing was. */
export function amplificationOf({ wan, fresh }: Pick<Figures, 'wan' | 'fresh'>): number | null {
  return fresh === 0 ? null : wan / fresh
}

/** Bytes that clients got and no line to the world carried. */
export function savedBytesOf({ clients, wan }: Pick<Figures, 'clients' | 'wan'>): number {
  return Math.max(0, clients - wan)
}
