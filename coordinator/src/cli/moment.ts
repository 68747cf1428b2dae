/** A time as an admin says it, by the clock of this machine: `06:00` is the next one there is, `8h` is from now on. */
import { millisFromText } from '@starling/shared/policy/quantities.ts'
import type { Millis } from '@starling/shared/units.ts'

/** @returns null for what is no time */
export function momentFrom(text: string, now: Date): Millis | null {
  const [, hour, minute] = /^(\d{1,2}):(\d{2})$/.exec(text) ?? []
  if (hour !== undefined && minute !== undefined) {
    if (Number(hour) > 23 || Number(minute) > 59) return null
    const at = new Date(now)
    at.setHours(Number(hour), Number(minute), 0, 0)
    // By days and not by 24 hours: some nights are longer.
    if (at <= now) at.setDate(at.getDate() + 1)
    return at.getTime()
  }
  if (/^\d{4}-\d{2}-\d{2}/.test(text)) {
    const at = Date.parse(text)
    return Number.isNaN(at) ? null : at
  }
  const span = /[a-z]/i.test(text) ? millisFromText(text) : null
  return span === null ? null : now.getTime() + span
}
