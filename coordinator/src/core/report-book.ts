/** What agents told last, each report added to the one before; and what of their contents was new to their site. */
import {
  countersMax,
  factsMax,
  swarmEntriesMax,
  type HeartbeatRequest,
  type SwarmEntry
} from '@starling/shared/coordinator-api.ts'
import { applyDelta, type KnownReport } from '@starling/shared/heartbeat-report.ts'
import type { AgentId, SiteId, TransferId } from '@starling/shared/ids.ts'
import type { Bytes } from '@starling/shared/units.ts'

export interface TakenReport extends KnownReport {
  readonly site: SiteId
  readonly problems: readonly string[]
  /** Null: of an agent that does not tell runs (0.1.0). */
  readonly head: { readonly run: number; readonly sequence: number } | null
  readonly version: string
}

export interface ContentView {
  readonly transfer: TransferId
  readonly name: string
  readonly length: Bytes
  readonly complete: number
  readonly fetching: number
  /** Copies that could be put together of what all have. */
  readonly availability: number
  readonly wanBytes: Bytes
  readonly site: SiteId
}

export class ReportBook {
  readonly #known = new Map<AgentId, TakenReport>()
  /** The most that any agent of a site had of a content. A restart of the coordinator begins from what is there then. */
  readonly #had = new Map<string, Bytes>()
  #fresh = new Map<SiteId, Bytes>()

  /** @returns null: it adds to what is not known here, or more than fits, and all is to be told */
  take(agent: AgentId, site: SiteId, body: HeartbeatRequest): TakenReport | null {
    const before = this.#known.get(agent) ?? null
    const { report: head } = body
    const isWhole = head === undefined || head.base === null
    if (!isWhole && (before?.head?.run !== head.run || before.head.sequence !== head.base)) return null
    const delta = { counters: body.counters, host: body.host, swarm: body.swarm, gone: head?.gone ?? [] }
    const added = applyDelta(isWhole ? null : before, delta)
    // Each delta is small, and a member that never takes anything back would grow for ever.
    if (!isWithinLimits(added)) return null
    const taken: TakenReport = {
      ...added,
      site,
      problems: head?.problems ?? [],
      head: head === undefined ? null : { run: head.run, sequence: head.sequence },
      version: body.version
    }
    this.#known.set(agent, taken)
    for (const { transfer } of body.swarm) this.#count(site, taken.swarm.get(transfer), !isWhole)
    return taken
  }

  /** It belongs no more. (One that is silent may go on where it was.) */
  forget(agent: AgentId): void {
    this.#known.delete(agent)
  }

  of(agent: AgentId): TakenReport | null {
    return this.#known.get(agent) ?? null
  }

  all(): Iterable<readonly [AgentId, TakenReport]> {
    return this.#known
  }

  /** Bytes new to each site since the last time that this was asked. */
  takeFresh(): Map<SiteId, Bytes> {
    const fresh = this.#fresh
    this.#fresh = new Map()
    return fresh
  }

  /** @param isThere whose copies count */
  contents(site: SiteId | null, isThere: (agent: AgentId) => boolean): ContentView[] {
    const found = new Map<string, { -readonly [Name in keyof ContentView]: ContentView[Name] }>()
    for (const [agent, report] of this.#known) {
      if ((site !== null && report.site !== site) || !isThere(agent)) continue
      for (const { transfer, complete, name, length, share, wanBytes } of report.swarm.values()) {
        const key = `${report.site} ${transfer}`
        const view = found.get(key) ?? {
          transfer,
          name: name ?? '',
          length: length ?? 0,
          complete: 0,
          fetching: 0,
          availability: 0,
          wanBytes: 0,
          site: report.site
        }
        if (complete) view.complete++
        else view.fetching++
        view.availability += complete ? 1 : (share ?? 0)
        view.wanBytes += wanBytes ?? 0
        found.set(key, view)
      }
    }
    return [...found.values()].sort(
      (one, other) =>
        other.fetching - one.fetching || (one.site + one.transfer < other.site + other.transfer ? -1 : 1)
    )
  }

  #count(site: SiteId, entry: SwarmEntry | undefined, isNews: boolean): void {
    if (entry?.length === undefined) return
    const has = Math.floor(entry.length * (entry.complete ? 1 : (entry.share ?? 0)))
    const key = `${site} ${entry.transfer}`
    const had = this.#had.get(key) ?? 0
    if (has <= had) return
    this.#had.set(key, has)
    if (isNews) this.#fresh.set(site, (this.#fresh.get(site) ?? 0) + has - had)
    // One more than is ever at work: the oldest are settled long ago.
    if (this.#had.size > contentsMax)
      for (const oldest of this.#had.keys()) return void this.#had.delete(oldest)
  }
}

/** What a report that tells all may hold, however it was told. */
function isWithinLimits({ counters, host, swarm }: KnownReport): boolean {
  return (
    Object.keys(counters).length <= countersMax &&
    Object.keys(host).length <= factsMax &&
    swarm.size <= swarmEntriesMax
  )
}

/** 100 bytes each. */
const contentsMax = 200_000
