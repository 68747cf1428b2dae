/** How long a signed word counts. All of them are compared with the coordinator's time, see `setClockOffset`. */
import { promisedByName, type Head } from '@starling/shared/manifest.ts'
import { dayMs, hourMs, type Millis } from '@starling/shared/units.ts'

/**
 * A head says "today this key is that version", which the origin may change at any time. One hour is what CDNs
 * commonly give to what has no freshness of its own, and an agent that finds a head expired only asks the origin
 * again: the same ETag gives the same transfer, and nothing that was kept is lost.
 */
export const headLifeMs: Millis = hourMs
/** Where the name promises the digest, the version cannot change under the name: heads live as long as digests. */
export const promisedHeadLifeMs: Millis = 30 * dayMs
/**
 * Digests are bound to a version (TransferId), so they do not go stale with the origin; expiry only limits how long
 * the signature of a key that was stolen unnoticed counts. Patches live a month, from one Patch Tuesday to the next.
 */
export const digestsLifeMs: Millis = 30 * dayMs
/** Nobody's word counts for longer, whatever it says of itself. */
export const signatureLifeMsMax: Millis = 30 * dayMs

export function lifeOf(head: Pick<Head, 'promised' | 'validator'>): Millis {
  return promisedByName(head) ? promisedHeadLifeMs : headLifeMs
}
