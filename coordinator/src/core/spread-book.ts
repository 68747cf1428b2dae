/**
 * How contents spread over the fleet: of each of the latest ones, how many agents of which site had how much of it, moment by
 * moment, so that people can look at it again. All of it is in memory and bounded: a timeline that is full lets every second
 * point go and takes half as many from then on, so it always reaches from the beginning to now. A coordinator hears of the
 * agents that report to it; a restart begins anew.
 */
import type { SwarmEntry } from '@starling/shared/coordinator-api.ts'
import { isSameEntry } from '@starling/shared/heartbeat-report.ts'
import type { AgentId, SiteId, TransferId } from '@starling/shared/ids.ts'
import { secondMs, type Bytes, type Millis } from '@starling/shared/units.ts'
import type { TakenReport } from './report-book.ts'

/** Agents are counted by how much they have: less than a quarter, a half, three quarters, all but something, all. */
export const spreadSteps = 5
/** 20 MB when each is full. */
const contentsMax = 200
const pointsMax = 300
/** The first sites that had it stand by name, the others together. */
const sitesMax = 12
export const otherSites = '*'
const pointEveryMs: Millis = secondMs
/** To take up a content while there are enough is to count it through all reports. */
const takeUpEveryMs: Millis = secondMs
/** The steps and the bytes over the WAN. */
const figuresPerSite = spreadSteps + 1

export interface SpreadPoint {
  readonly at: Millis
  /** For each site, in the order of `sites`: how many agents are at which step. */
  readonly agents: ReadonlyArray<readonly number[]>
  readonly wanBytes: readonly Bytes[]
}

export interface Spread {
  readonly sites: readonly string[]
  readonly points: readonly SpreadPoint[]
}

interface Track {
  readonly sites: Map<string, number>
  /** How it is now; site after site. */
  figures: number[]
  points: Array<{ readonly at: Millis; readonly figures: Float32Array }>
  everyMs: Millis
}

type Reports = Iterable<readonly [AgentId, TakenReport]>

export class SpreadBook {
  readonly #reports: () => Reports
  /** The one that has changed least lately is first. */
  readonly #tracks = new Map<TransferId, Track>()
  #tookUpAt: Millis = -Infinity

  constructor(reports: () => Reports) {
    this.#reports = reports
  }

  /** What an agent told before and tells now; null: nothing. `reports` already say what it tells now. */
  changed(before: TakenReport | null, after: TakenReport | null, now: Millis): void {
    const hasMoved = before?.site !== after?.site
    if (!hasMoved && before?.swarm === after?.swarm) return
    for (const [transfer, entry] of after?.swarm ?? []) {
      const had = before?.swarm.get(transfer)
      const isSame = !hasMoved && had !== undefined && isSameEntry(had, entry)
      if (!isSame) this.#change(transfer, [before?.site, had], [after?.site, entry], now)
    }
    for (const [transfer, had] of before?.swarm ?? [])
      if (after?.swarm.has(transfer) !== true)
        this.#change(transfer, [before?.site, had], [undefined, undefined], now)
  }

  of(transfer: TransferId): Spread {
    const track = this.#tracks.get(transfer)
    if (track === undefined) return { sites: [], points: [] }
    const sites = [...track.sites.keys()]
    return {
      sites,
      points: track.points.map(({ at, figures }) => ({
        at,
        agents: sites.map((_, index) =>
          Array.from({ length: spreadSteps }, (__, step) => figures[index * figuresPerSite + step] ?? 0)
        ),
        wanBytes: sites.map((_, index) => figures[index * figuresPerSite + spreadSteps] ?? 0)
      }))
    }
  }

  #change(transfer: TransferId, before: Told, after: Told, now: Millis): void {
    let track = this.#tracks.get(transfer)
    if (track === undefined) {
      if (after[1] === undefined) return
      if (this.#tracks.size >= contentsMax) {
        if (now - this.#tookUpAt < takeUpEveryMs) return
        this.#tookUpAt = now
        for (const oldest of this.#tracks.keys()) {
          this.#tracks.delete(oldest)
          break
        }
      }
      track = { sites: new Map(), figures: [], points: [], everyMs: pointEveryMs }
      for (const [, { site, swarm }] of this.#reports()) count(track, [site, swarm.get(transfer)], 1)
    } else {
      count(track, before, -1)
      count(track, after, 1)
      this.#tracks.delete(transfer)
    }
    this.#tracks.set(transfer, track)
    note(track, now)
  }
}

type Told = readonly [site: SiteId | undefined, entry: SwarmEntry | undefined]

function count(track: Track, [site, entry]: Told, sign: 1 | -1): void {
  if (site === undefined || entry === undefined) return
  let index = track.sites.get(site)
  if (index === undefined) {
    const name = track.sites.size < sitesMax ? site : otherSites
    index = track.sites.get(name) ?? track.sites.size
    track.sites.set(name, index)
  }
  add(track.figures, index * figuresPerSite + stepOf(entry), sign)
  add(track.figures, index * figuresPerSite + spreadSteps, sign * (entry.wanBytes ?? 0))
}

function add(figures: number[], at: number, amount: number): void {
  while (figures.length <= at) figures.push(0)
  figures[at] = Math.max(0, (figures[at] ?? 0) + amount)
}

/** All is a step of its own: whoever lacks the last chunk does not have it. */
function stepOf({ complete, share = 0 }: SwarmEntry): number {
  if (complete) return spreadSteps - 1
  return Math.min(spreadSteps - 2, Math.floor(share * (spreadSteps - 1)))
}

function note(track: Track, now: Millis): void {
  const point = { at: now, figures: Float32Array.from(track.figures) }
  const { points } = track
  const last = points.at(-1)
  const secondLast = points.at(-2)
  // What follows too soon takes the place of the last one, so that the last is always what is now.
  if (last !== undefined && secondLast !== undefined && last.at - secondLast.at < track.everyMs)
    points[points.length - 1] = point
  else points.push(point)
  if (points.length <= pointsMax) return
  track.everyMs *= 2
  // The first and the last stay.
  track.points = points.filter((_, index) => index % 2 === 0 || index === points.length - 1)
}
