/**
 * Hours of the week in which another limit holds, as people write them: `mon-fri 8-18 500KB`, `daily 22:30-6 0`. Local
 * time of the machine, since working hours are.
 */
import { dayMs, hourMs, minuteMs, type BytesPerSecond } from '../units.ts'
import { bytesFromText } from './quantities.ts'

/** A moment of the week on the clock of the wall. */
export interface LocalTime {
  /** 0 is Sunday. */
  readonly day: number
  /** 0 to 1439, since midnight. */
  readonly minute: number
}

export interface Hours {
  /** On which days it begins, Sunday first. */
  readonly days: readonly boolean[]
  /** Up to `endMinute`, exclusive; one that is not after `startMinute` means the next day. */
  readonly startMinute: number
  readonly endMinute: number
  /** 0: no limit. */
  readonly bytesPerSecond: BytesPerSecond
}

const dayNames = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const
const minutesPerDay = dayMs / minuteMs
const minutesPerHour = hourMs / minuteMs

/** @returns null for what is no such text. */
export function hoursFromText(text: string): Hours | null {
  const [, first, last, from, to, rate] =
    /^\s*(daily|[a-z]{3})(?:-([a-z]{3}))?\s+([\d:]+)-([\d:]+)\s+(\S+)\s*$/i.exec(text) ?? []
  if (first === undefined) return null
  const days = daysFrom(first.toLowerCase(), last?.toLowerCase())
  const startMinute = minuteFrom(from!)
  const endMinute = minuteFrom(to!)
  const bytesPerSecond: number | null = bytesFromText(rate!)
  if (days === null || startMinute === null || endMinute === null || bytesPerSecond === null) return null
  return { days, startMinute, endMinute, bytesPerSecond }
}

/** Whether the moment lies in these hours. */
export function isWithin({ days, startMinute, endMinute }: Hours, { day, minute }: LocalTime): boolean {
  if (startMinute < endMinute) return days[day]! && minute >= startMinute && minute < endMinute
  const yesterday = (day + 6) % 7
  return (days[day]! && minute >= startMinute) || (days[yesterday]! && minute < endMinute)
}

/**
 * What holds at a moment: the first hours that fit, else what is usual. Until the time is known, the strictest of the week.
 * @param texts as `hoursFromText` reads them
 * @returns null: no limit
 */
export function rateAt(
  texts: readonly string[],
  usual: BytesPerSecond,
  time: LocalTime | null
): BytesPerSecond | null {
  const all = texts.map(text => hoursFromText(text)!)
  const rate =
    time === null
      ? strictest([usual, ...all.map(one => one.bytesPerSecond)])
      : (all.find(one => isWithin(one, time))?.bytesPerSecond ?? usual)
  return rate === 0 ? null : rate
}

/** Of rates of which 0 means no limit. */
export function strictest(rates: readonly BytesPerSecond[]): BytesPerSecond {
  const limits = rates.filter(rate => rate !== 0)
  return limits.length === 0 ? 0 : Math.min(...limits)
}

function daysFrom(first: string, last: string | undefined): boolean[] | null {
  if (first === 'daily') return last === undefined ? dayNames.map(() => true) : null
  const start = dayNames.indexOf(first as (typeof dayNames)[number])
  const end = last === undefined ? start : dayNames.indexOf(last as (typeof dayNames)[number])
  if (start === -1 || end === -1) return null
  const length = ((end - start + 7) % 7) + 1
  return dayNames.map((_, day) => (day - start + 7) % 7 < length)
}

function minuteFrom(text: string): number | null {
  const [, hours, minutes = '0'] = /^(\d{1,2})(?::(\d{2}))?$/.exec(text) ?? []
  const minute = Number(hours) * minutesPerHour + Number(minutes)
  return Number(minutes) < minutesPerHour && minute <= minutesPerDay ? minute : null
}
