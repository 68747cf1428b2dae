/**
 * What came from where, hour by hour for a month and day by day for a year, kept over restarts. It is made of differences of
 * counters that run anyway, taken once a minute, so nothing is counted twice and nothing is written while nothing happens.
 */
import { dayMs, hourMs, type Bytes, type Millis } from '@starling/shared/units.ts'
import type { ByteCounters } from '../ports.ts'
import type { HistoryView, SourceBytes } from '../views.ts'

const hoursKeptMs: Millis = 31 * dayMs
const daysKept = 366

export interface History {
  /** Takes over what has come since the last time. @param far from other sites @returns whether anything has */
  note(totals: Readonly<ByteCounters>, filesCompleted: number, far?: Bytes): boolean
  view(): HistoryView
  /** To be kept, and given to `createHistory` in the next life. */
  snapshot(): unknown
}

/** In the order of `SourceBytes`: short, because it is written often. */
type Row = [
  lan: number,
  gateway: number,
  origin: number,
  disk: number,
  toPeers: number,
  files: number,
  far: number
]
const nothing: Readonly<Row> = [0, 0, 0, 0, 0, 0, 0]

/** @param kept by an earlier life; what is no such thing counts as nothing */
export function createHistory(kept: unknown, wall: () => Date = () => new Date()): History {
  const before = kept as { hours?: unknown; days?: unknown } | null | undefined
  /** By the hour's number since 1970. */
  const hours = new Map(rowsOf<number>(before?.hours, 'number'))
  /** By date, in local time. */
  const days = new Map(rowsOf<string>(before?.days, 'string'))
  let last: Readonly<Row> = nothing

  return {
    note(totals, filesCompleted, far = 0) {
      const now: Row = [
        totals.fromPeers,
        totals.fromGateway,
        totals.fromUpstream,
        totals.fromCache,
        totals.toPeers,
        filesCompleted,
        far
      ]
      const more = now.map((value, at) => value - last[at]!)
      last = now
      if (more.every(value => value === 0)) return false
      const at = wall()
      add(hours, Math.floor(at.getTime() / hourMs), more)
      add(days, dayOf(at), more)
      forgetOld(at)
      return true
    },
    view() {
      const at = wall()
      const today = dayOf(at)
      const monday = new Date(at)
      monday.setDate(at.getDate() - ((at.getDay() + 6) % 7))
      const from = (first: string): SourceBytes =>
        named(sum([...days].filter(([day]) => day >= first && day <= today).map(([, row]) => row)))
      return {
        now: at.getTime(),
        today: from(today),
        week: from(dayOf(monday)),
        month: from(`${today.slice(0, 8)}01`),
        hours: sorted(hours).map(([hour, row]) => ({ at: hour * hourMs, ...named(row) })),
        days: sorted(days).map(([day, row]) => ({ day, ...named(row) }))
      }
    },
    snapshot: () => ({ hours: [...hours], days: [...days] })
  }

  function forgetOld(at: Date): void {
    const firstHour = Math.floor((at.getTime() - hoursKeptMs) / hourMs)
    for (const hour of hours.keys()) if (hour < firstHour) hours.delete(hour)
    const first = new Date(at)
    first.setDate(at.getDate() - daysKept)
    const firstDay = dayOf(first)
    for (const day of days.keys()) if (day < firstDay) days.delete(day)
  }
}

/** `2026-11-26`, as the machine's user reads a calendar. */
function dayOf(at: Date): string {
  const two = (value: number): string => String(value).padStart(2, '0')
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`
}

function add<Key>(rows: Map<Key, Row>, key: Key, more: readonly number[]): void {
  rows.set(key, sum([rows.get(key) ?? nothing, more]))
}

function sum(rows: ReadonlyArray<readonly number[]>): Row {
  const total: Row = [...nothing]
  for (const row of rows) for (const [at, value] of row.entries()) total[at]! += value
  return total
}

function named([lan, gateway, origin, disk, toPeers, files, far]: Row): SourceBytes {
  return { lan, gateway, origin, disk, toPeers, files, far }
}

function sorted<Key extends number | string>(rows: ReadonlyMap<Key, Row>): Array<[Key, Row]> {
  return [...rows].toSorted(([one], [other]) => (one < other ? -1 : 1))
}

function rowsOf<Key>(kept: unknown, keyType: 'number' | 'string'): Array<[Key, Row]> {
  if (!Array.isArray(kept)) return []
  return kept
    .filter(
      (one: unknown): one is [Key, number[]] =>
        Array.isArray(one) &&
        typeof one[0] === keyType &&
        Array.isArray(one[1]) &&
        // The last one was not there at first.
        (one[1].length === nothing.length || one[1].length === nothing.length - 1) &&
        one[1].every(value => typeof value === 'number' && value >= 0)
    )
    .map(([key, row]) => [key, sum([row])])
}
