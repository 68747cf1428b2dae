/**
 * Whether somebody sits before the page. An open page asks by itself, with each beat, and must not keep a session alive by it:
 * only what people do prolongs one. So a request says so (the coordinator's access.ts) when nobody has touched the page lately.
 */
/** What somebody did is told by the next beat's questions, which come within ten seconds; a session is prolonged once a minute. */
const attendedMs = 60_000

export interface Attendance {
  readonly touched: () => void
  readonly isAttended: () => boolean
}

/** Opening the page is the first thing that somebody does. */
export function createAttendance(clock: () => number): Attendance {
  let touchedAt = clock()
  return {
    touched: () => {
      touchedAt = clock()
    },
    isAttended: () => clock() - touchedAt < attendedMs
  }
}
