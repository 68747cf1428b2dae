/** The coordinator's API as the page asks it: the same client as the command line's, over the browser's own `fetch`. */
import { codeOf } from '@starling/shared/errors.ts'
import { unattendedHeader } from '@starling/shared/unattended.ts'
import { createClient, type Client } from '../../client.ts'
import { createAttendance } from './attended.ts'

const attendance = createAttendance(() => performance.now())
for (const touch of ['pointerdown', 'keydown', 'wheel', 'touchstart'])
  addEventListener(
    touch,
    event => {
      // What a script does is no person's doing.
      if (event.isTrusted) attendance.touched()
    },
    { capture: true, passive: true }
  )

/** Signed in by the cookie, which no script can read. */
const client = createClient(async (path, { method, headers, body, signal }) => {
  const response = await fetch(path, {
    method,
    headers: attendance.isAttended() ? headers : { ...headers, [unattendedHeader]: '1' },
    body,
    ...(signal === undefined ? {} : { signal }),
    credentials: 'same-origin',
    cache: 'no-store'
  })
  return { status: response.status, text: await response.text() }
})

let ended: () => void = () => {}

/** Called when the coordinator no longer knows who asks: the session has run out, or was ended elsewhere. */
export function whenSessionEnds(call: () => void): void {
  ended = call
}

export const coordinator: Client = {
  async ask(operation, asking, signal) {
    try {
      return await client.ask(operation, asking, signal)
    } catch (error) {
      if (codeOf(error) === 'not-signed-in') ended()
      throw error
    }
  }
}
