/**
 * What a cache host may fetch. It takes the origin's name from whoever asks (`cacheHostOrigin`), so without a list it would
 * be an open proxy. The list is by host, as Microsoft's own caches have it: an odd path of such a host is harmless,
 * and a client that is refused goes to the origin by itself.
 */
import { classesWith } from './classes.ts'
import { hostMatches, type ContentClass } from './content-class.ts'
import { recognise } from './recognise.ts'
import { parseHttpUrl } from './url.ts'

/** Whether a cache host may fetch this URL. False for what is no URL, and for what may not be kept. */
export function cacheHostAllows(text: string, extra: readonly ContentClass[] = []): boolean {
  const url = parsed(text)
  if (url === null || url.port !== '') return false
  const isListed = classesWith(extra).some(
    ({ cacheHost, hosts }) => cacheHost === true && hosts.some(pattern => hostMatches(pattern, url.host))
  )
  return isListed && recognise(text, extra).neverShared === null
}

function parsed(text: string): ReturnType<typeof parseHttpUrl> | null {
  try {
    return parseHttpUrl(text)
  } catch {
    return null
  }
}
