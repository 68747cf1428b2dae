/**
 * What a heartbeat tells of an agent, and how it is told in little: only what has changed since the last report that the
 * coordinator has taken. Both sides are here, so that one is always the reverse of the other: `deltaSince` on the agent,
 * `applyDelta` on the coordinator. A coordinator that does not have what a delta adds to asks for all.
 */
import type { SwarmEntry } from './coordinator-api.ts'
import { progressSince, type OrderProgress } from './orders.ts'

export type HostFact = string | number | boolean | null

export interface AgentReport {
  /** Since this run of the agent began; they only grow. */
  readonly counters: Readonly<Record<string, number>>
  readonly host: Readonly<Record<string, HostFact>>
  readonly swarm: readonly SwarmEntry[]
  /** Of all orders that it has. The coordinator writes them down as they come. */
  readonly orders?: readonly OrderProgress[]
}

export interface AgentReportNow extends AgentReport {
  /** What is wrong, in words of ours such as `low-disk`. */
  readonly problems: readonly string[]
}

/** The same, as far as it has changed; `gone` and null in `host` take away. */
export interface ReportDelta extends AgentReport {
  readonly gone: readonly string[]
}

export interface KnownReport {
  readonly counters: Readonly<Record<string, number>>
  readonly host: Readonly<Record<string, HostFact>>
  readonly swarm: ReadonlyMap<string, SwarmEntry>
}

export function deltaSince(before: AgentReport | null, now: AgentReport): ReportDelta {
  if (before === null) return { ...now, gone: [] }
  const had = new Map(before.swarm.map(entry => [entry.transfer, entry]))
  const has = new Set(now.swarm.map(({ transfer }) => transfer))
  return {
    counters: changed(before.counters, now.counters),
    host: { ...changed(before.host, now.host), ...removed(before.host, now.host) },
    swarm: now.swarm.flatMap(entry => {
      const known = had.get(entry.transfer)
      if (known === undefined) return [entry]
      if (isSameEntry(known, entry)) return []
      // Name and length of a transfer never change.
      const { name: _, length: __, ...rest } = entry
      return [rest]
    }),
    gone: before.swarm.flatMap(({ transfer }) => (has.has(transfer) ? [] : [transfer])),
    orders: progressSince(before.orders ?? [], now.orders ?? [])
  }
}

export function applyDelta(known: KnownReport | null, delta: ReportDelta): KnownReport {
  if (known === null) {
    return {
      counters: delta.counters,
      host: withoutNulls(delta.host),
      swarm: new Map(delta.swarm.map(entry => [entry.transfer, entry]))
    }
  }
  const hasSwarm = delta.swarm.length > 0 || delta.gone.length > 0
  const swarm = hasSwarm ? new Map(known.swarm) : known.swarm
  if (swarm instanceof Map) {
    for (const transfer of delta.gone) swarm.delete(transfer)
    for (const entry of delta.swarm)
      swarm.set(entry.transfer, { ...known.swarm.get(entry.transfer), ...entry })
  }
  return {
    counters: { ...known.counters, ...delta.counters },
    host: Object.keys(delta.host).length === 0 ? known.host : withoutNulls({ ...known.host, ...delta.host }),
    swarm
  }
}

function changed<Value>(
  before: Readonly<Record<string, Value>>,
  now: Readonly<Record<string, Value>>
): Record<string, Value> {
  return Object.fromEntries(Object.entries(now).filter(([name, value]) => before[name] !== value))
}

function removed(
  before: Readonly<Record<string, HostFact>>,
  now: Readonly<Record<string, HostFact>>
): Record<string, null> {
  return Object.fromEntries(
    Object.keys(before)
      .filter(name => now[name] === undefined && before[name] !== null)
      .map(name => [name, null])
  )
}

function withoutNulls(host: Readonly<Record<string, HostFact>>): Record<string, HostFact> {
  return Object.fromEntries(Object.entries(host).filter(([, value]) => value !== null))
}

/** Of one transfer: whether nothing has changed that may. */
export function isSameEntry(one: SwarmEntry, other: SwarmEntry): boolean {
  return one.complete === other.complete && one.share === other.share && one.wanBytes === other.wanBytes
}
