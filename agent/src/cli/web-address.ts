/** The address of a file, as people type it after a command. */
import { StarlingError } from '@starling/shared/errors.ts'

/**
 * Without its fragment, which no server is ever told.
 * @throws StarlingError `usage`
 */
export function parseWebAddress(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new StarlingError(
      'usage',
      `${JSON.stringify(text)} is no web address: give one that begins with http:// or https://`
    )
  }
  url.hash = ''
  return url
}
