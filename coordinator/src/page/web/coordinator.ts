/** The coordinator's API as the page asks it: the same client as the command line's, over the browser's own `fetch`. */
import { createClient } from '../../client.ts'

/** Signed in by the cookie, which no script can read. */
export const coordinator = createClient(async (path, { method, headers, body }) => {
  const response = await fetch(path, { method, headers, body, credentials: 'same-origin', cache: 'no-store' })
  return { status: response.status, text: await response.text() }
})
