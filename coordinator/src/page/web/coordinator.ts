/** The coordinator's API as the page asks it: the same client as the command line's, over the browser's own `fetch`. */
import { codeOf } from '@starling/shared/errors.ts'
import { createClient, type Client } from '../../client.ts'

/** Signed in by the cookie, which no script can read. */
const client = createClient(async (path, { method, headers, body }) => {
  const response = await fetch(path, { method, headers, body, credentials: 'same-origin', cache: 'no-store' })
  return { status: response.status, text: await response.text() }
})

let ended: () => void = () => {}

/** Called when the coordinator no longer knows who asks: the session has run out, or was ended elsewhere. */
export function whenSessionEnds(call: () => void): void {
  ended = call
}

export const coordinator: Client = {
  async ask(operation, asking) {
    try {
      return await client.ask(operation, asking)
    } catch (error) {
      if (codeOf(error) === 'not-signed-in') ended()
      throw error
    }
  }
}
