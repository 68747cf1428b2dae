/**
 * Preconditions (RFC 9110, 13) against the validators of a transfer, pure. The order is the RFC's, 13.2.2: If-Match,
 * else If-Unmodified-Since; then If-None-Match, else If-Modified-Since; If-Range only decides about the range.
 */
import {
  headerOf,
  httpDateOf,
  strongEtagOf,
  tokensOf,
  type HeaderList
} from '@starling/shared/http-fields.ts'

/** Those that make a request conditional, and that must not go upstream when its answer is meant for others too. */
export const conditionalNames: ReadonlySet<string> = new Set([
  'if-match',
  'if-none-match',
  'if-modified-since',
  'if-unmodified-since',
  'if-range'
])

export type Verdict = 'go-on' | 'not-modified' | 'failed'

/**
 * @param asked the request's headers
 * @param has the headers of the representation (`etag`, `last-modified`)
 */
export function judgeConditions(asked: HeaderList, has: HeaderList): Verdict {
  if (!isConditional(asked)) return 'go-on'
  const etag = headerOf(has, 'etag')
  const modified = httpDateOf(headerOf(has, 'last-modified'))

  const ifMatch = headerOf(asked, 'if-match')
  const ifUnmodifiedSince = httpDateOf(headerOf(asked, 'if-unmodified-since'))
  if (ifMatch !== null) {
    const strong = strongEtagOf(etag)
    if (ifMatch.trim() !== '*' && !(strong !== null && etagsOf(ifMatch).includes(strong))) return 'failed'
  } else if (ifUnmodifiedSince !== null && modified !== null && modified > ifUnmodifiedSince) {
    return 'failed'
  }

  const ifNoneMatch = headerOf(asked, 'if-none-match')
  const ifModifiedSince = httpDateOf(headerOf(asked, 'if-modified-since'))
  if (ifNoneMatch !== null) {
    if (ifNoneMatch.trim() === '*') return 'not-modified'
    return etag !== null && etagsOf(ifNoneMatch).map(opaque).includes(opaque(etag)) ? 'not-modified' : 'go-on'
  }
  return ifModifiedSince !== null && modified !== null && modified <= ifModifiedSince
    ? 'not-modified'
    : 'go-on'
}

/** Whether a range may be sent: what the client already has must be of this very version. */
export function rangeStillGood(asked: HeaderList, has: HeaderList): boolean {
  const ifRange = headerOf(asked, 'if-range')?.trim()
  if (ifRange === undefined) return true
  if (ifRange.includes('"')) return ifRange === strongEtagOf(headerOf(has, 'etag'))
  return httpDateOf(ifRange) !== null && ifRange === headerOf(has, 'last-modified')
}

/** Whether any precondition but If-Range is among them. */
export function isConditional(headers: HeaderList): boolean {
  return headers.some(([name]) => conditionalNames.has(name) && name !== 'if-range')
}

function etagsOf(list: string): string[] {
  // An entity tag may hold a comma, so this is no list of tokens.
  return list.match(/(?:W\/)?"[^"]*"/g) ?? tokensOf(list)
}

/** For the weak comparison. */
function opaque(etag: string): string {
  return etag.replace(/^W\//, '')
}
