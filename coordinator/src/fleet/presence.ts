/** Who is there, by when the database last heard of him: from any coordinator, and some seconds late. */
import { secondMs, type Millis } from '@starling/shared/units.ts'

/** As the core counts presence: three missed, late by the jitter; and what was heard is written down late. */
const heartbeatsMissedMax = 3.5
const writtenLateMs: Millis = 6 * secondMs

/** Who was heard at or after this is there. */
export function onlineSince(heartbeatMs: Millis, now: Millis): Millis {
  return Math.floor(now - heartbeatMs * heartbeatsMissedMax - writtenLateMs)
}

export function isThere(lastHeardAt: Millis | null, heartbeatMs: Millis, now: Millis): boolean {
  return (lastHeardAt ?? 0) >= onlineSince(heartbeatMs, now)
}
