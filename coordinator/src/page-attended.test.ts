/** Whether an open page is used. */
import { expect, it } from 'vitest'
import { createAttendance } from './page/web/attended.ts'

it('is attended for a minute after it was touched, and not by being open', () => {
  let now = 0
  const attendance = createAttendance(() => now)
  expect(attendance.isAttended()).toBe(true)
  now = 60_000
  expect(attendance.isAttended()).toBe(false)
  attendance.touched()
  expect(attendance.isAttended()).toBe(true)
  now = 119_999
  expect(attendance.isAttended()).toBe(true)
})
