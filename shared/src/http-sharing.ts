/**
 * What may be shared: the rules of a shared HTTP cache (RFC 9111), and a little stricter, because what is kept here is
 * given to other machines. Two questions with a reason for a No that people can read: may this *request* be answered
 * from the swarm, and may this *response* be kept for others.
 *
 * Where a name promises a digest, the name says which bytes it means: what only matters for telling versions apart
 * (validators, Vary) does not matter then. What the origin forbids (no-store, private) is respected all the same. A digest
 * that only a response header tells has no such effects: it is something to check the bytes against.
 */
import { chunkBytesDefault } from './chunking.ts'
import { classesWith } from './content-classes/classes.ts'
import type { ContentClass } from './content-classes/content-class.ts'
import type { Recognised } from './content-classes/recognise.ts'
import {
  contentLengthOf,
  contentRangeOf,
  directivesOf,
  headerOf,
  httpDateOf,
  secondsOf,
  sha256Of,
  strongEtagOf,
  tokensOf,
  type HeaderList
} from './http-fields.ts'
import { promisedByName, type Head, type PromisedDigest } from './manifest.ts'
import { dayMs, secondMs, type Bytes, type Millis } from './units.ts'
import { contentBytesMax } from './wire.ts'

// ------------------------------------------------------------------------------------------------- requests

/**
 * Null if the swarm may answer this request, else why not.
 * @param fresh headers of a head for its key that is fresh now, if one is known: what they call immutable need not be
 *   asked for again because somebody reloads a page (RFC 8246), but because he says no-cache
 */
export function requestShareable(
  request: { readonly method: string; readonly headers: HeaderList },
  recognised: Recognised,
  fresh: HeaderList | null = null
): string | null {
  const { method, headers } = request
  if (recognised.neverShared !== null) return recognised.neverShared
  if (method !== 'GET') return `the method is ${method}`
  const has = (name: string): boolean => headers.some(([header]) => header === name)
  if (has('authorization')) return 'the request carries Authorization'
  if (has('cookie') && !recognised.shareWithCookies) return 'the request carries a Cookie'
  if (has('transfer-encoding') || (contentLengthOf(headers) ?? 0) > 0) return 'the request has a body'
  // h2c is an offer that a proxy leaves aside (some clients make it with each request); others mean it.
  if (tokensOf(headerOf(headers, 'upgrade')).some(protocol => protocol !== 'h2c'))
    return 'the request asks for an upgrade'
  const cacheControl = directivesOf(headerOf(headers, 'cache-control'))
  if (cacheControl.has('no-store')) return 'the client says no-store'
  if (recognised.immutable) return null
  const pragma = directivesOf(has('cache-control') ? null : headerOf(headers, 'pragma'))
  const isReload = secondsOf(cacheControl.get('max-age')) === 0 && !saysImmutable(fresh ?? [])
  if (cacheControl.has('no-cache') || isReload || pragma.has('no-cache'))
    return 'the client wants it fresh from the origin'
  return null
}

function saysImmutable(headers: HeaderList): boolean {
  return directivesOf(headerOf(headers, 'cache-control')).has('immutable')
}

// ------------------------------------------------------------------------------------------------- responses

/** An upstream's answer as far as it matters here; an UpstreamResponse is one. */
export interface ResponseFacts {
  readonly status: number
  readonly headers: HeaderList
}

export interface RequestFacts {
  /** Whether a redirect lies between the URL that made the key and this response. */
  readonly redirected: boolean
}

export type Judgement =
  | { readonly kind: 'share'; readonly head: Head }
  | { readonly kind: 'pass'; readonly reason: string }

/** Whether a response to a GET may be kept and given to others, and the head of the transfer that it begins. */
export function judgeResponse(
  response: ResponseFacts,
  recognised: Recognised,
  request: RequestFacts = { redirected: false }
): Judgement {
  const { status, headers } = response
  const length = lengthOf(status, headers)
  if (typeof length === 'string') return pass(length)
  const reason = forbiddenBy(headers, recognised) ?? unfit(length, recognised)
  if (reason !== null) return pass(reason)

  const validator = recognised.promised === null ? validatorOf(headers) : ''
  if (validator === null) return pass('the response has neither a strong ETag nor Last-Modified')
  const replayed = replayedOf(headers, request.redirected)
  if (replayed === null) return pass('a response header is too long to be kept')
  return {
    kind: 'share',
    head: {
      key: recognised.key,
      length,
      validator,
      chunkBytes: chunkBytesDefault,
      contentClass: recognised.contentClass,
      headers: replayed,
      promised: recognised.promised ?? toldBy(headers)
    }
  }
}

function toldBy(headers: HeaderList): PromisedDigest | null {
  const hex = sha256Of(headers)
  return hex === null ? null : { algorithm: 'sha256', hex }
}

function pass(reason: string): Judgement {
  return { kind: 'pass', reason }
}

/** The whole content's length, or why it cannot be relied on. */
function lengthOf(status: number, headers: HeaderList): Bytes | string {
  if (status !== 200 && status !== 206) return `the status is ${status}`
  if (headerOf(headers, 'transfer-encoding') !== null) return 'the length is not known beforehand'
  const bodyLength = contentLengthOf(headers)
  if (status === 200) return bodyLength ?? 'the length is not known beforehand'
  if (/^multipart\//i.test(headerOf(headers, 'content-type') ?? '')) return 'the response has several ranges'
  const range = contentRangeOf(headerOf(headers, 'content-range'))
  if (range === null) return 'Content-Range is missing or contradicts itself'
  if (range.total === null) return 'the length is not known beforehand'
  if (bodyLength !== null && bodyLength !== range.end - range.start)
    return 'Content-Range contradicts Content-Length'
  return range.total
}

function forbiddenBy(headers: HeaderList, recognised: Recognised): string | null {
  const cacheControl = directivesOf(headerOf(headers, 'cache-control'))
  if (cacheControl.has('no-store')) return 'the response says no-store'
  if (cacheControl.has('private')) return 'the response says private'
  if (headerOf(headers, 'set-cookie') !== null && !recognised.shareWithCookies)
    return 'the response sets a cookie'
  const encodings = tokensOf(headerOf(headers, 'content-encoding'))
  if (encodings.some(encoding => encoding !== 'identity'))
    return `the content is encoded (${encodings.join(', ')})`
  // We ask for no encoding and take none, so Accept-Encoding is the one field whose variants cannot mix.
  const vary = tokensOf(headerOf(headers, 'vary')).filter(field => field !== 'accept-encoding')
  if (vary.length > 0 && recognised.promised === null) return `the response varies by ${vary.join(', ')}`
  return null
}

/** The reason for a No that leaves it to each machine to keep the thing for itself. */
export const tooSmallToShare = 'too small to be worth sharing'

function unfit(length: Bytes, recognised: Recognised): string | null {
  if (length < Math.max(1, recognised.minBytes)) return tooSmallToShare
  if (length > contentBytesMax) return 'too large to be shared'
  return null
}

/** What the wire allows a validator, header names and header values to be (wire.ts). */
const validatorLengthMax = 512
const headerValueLengthMax = 2048

/** Strong ETag as sent, else the text of Last-Modified (the length is told beside it), else null. */
export function validatorOf(headers: HeaderList): string | null {
  const etag = strongEtagOf(headerOf(headers, 'etag'))
  if (etag !== null && etag.length <= validatorLengthMax) return etag
  const lastModified = headerOf(headers, 'last-modified')
  return httpDateOf(lastModified) === null ? null : lastModified
}

/**
 * What is told to clients again. A list of what may be told, not of what may not: cookies, tracing and connection
 * matters of one response are nobody else's business.
 */
const replayedNames: ReadonlySet<string> = new Set([
  'content-type',
  'content-disposition',
  'content-language',
  'content-security-policy',
  'etag',
  'last-modified',
  'cache-control',
  'expires',
  'date',
  'age',
  'accept-ranges',
  'repr-digest',
  'digest',
  'access-control-allow-origin',
  'access-control-expose-headers',
  'cross-origin-resource-policy',
  'referrer-policy',
  'timing-allow-origin',
  'x-content-type-options',
  'x-frame-options'
])

function replayedOf(headers: HeaderList, redirected: boolean): Head['headers'] | null {
  const replayed = headers.filter(([name]) => replayedNames.has(name))
  const fits = (value: string): boolean =>
    value.length <= headerValueLengthMax && /^[\t\u0020-\u007e\u0080-\u00ff]*$/.test(value)
  if (replayed.length > 31 || !replayed.every(([, value]) => fits(value))) return null
  if (!redirected) return replayed
  // Where a redirect leads may change at any time ("latest"); the target's freshness says nothing about that.
  return [
    ...replayed.filter(([name]) => !['cache-control', 'expires'].includes(name)),
    ['cache-control', 'no-cache']
  ]
}

// ------------------------------------------------------------------------------------------------- freshness

/** After so long even immutable content is looked up again, so that what a vendor withdrew is not given out for ever. */
const freshMsMax: Millis = 30 * dayMs
/** RFC 9111 4.2.2 suggests a tenth of the age; a day is what Squid and others stop at. */
export const heuristicShare = 0.1
export const heuristicMsMax: Millis = dayMs

/**
 * For how long from `receivedAt` on a head may answer new wishes without asking upstream again; 0: not at all.
 * @param headers of the response or of the Head made of it
 */
export function freshForMs(
  headers: HeaderList,
  recognised: Pick<Recognised, 'immutable'>,
  receivedAt: Millis
): Millis {
  if (recognised.immutable) return freshMsMax
  const cacheControl = directivesOf(headerOf(headers, 'cache-control'))
  if (cacheControl.has('no-cache')) return 0
  if (
    !headers.some(([name]) => name === 'cache-control') &&
    directivesOf(headerOf(headers, 'pragma')).has('no-cache')
  ) {
    return 0
  }
  const ageMs = (secondsOf(headerOf(headers, 'age')) ?? 0) * secondMs
  // Differences are taken between the server's own times: an agent's clock may be a day off.
  const date = httpDateOf(headerOf(headers, 'date')) ?? receivedAt
  return Math.max(0, Math.min(freshMsMax, lifetimeMs(headers, cacheControl, date) - ageMs))
}

function lifetimeMs(
  headers: HeaderList,
  cacheControl: ReadonlyMap<string, string | null>,
  date: Millis
): Millis {
  for (const name of ['s-maxage', 'max-age']) {
    if (cacheControl.has(name)) return (secondsOf(cacheControl.get(name)) ?? 0) * secondMs
  }
  const expires = headerOf(headers, 'expires')
  // What is not a date ("0", "-1") means: already expired.
  if (expires !== null) return (httpDateOf(expires) ?? date) - date
  const lastModified = httpDateOf(headerOf(headers, 'last-modified'))
  return lastModified === null
    ? 0
    : Math.min(heuristicMsMax, Math.floor((date - lastModified) * heuristicShare))
}

/**
 * Agents of a site that want the same within a moment must not each ask the origin: what is fresh for less (or not at
 * all: no-cache, behind a redirect, changed a minute ago) still answers for so long. A shared cache that makes one
 * request out of several at once (RFC 9111, 4) does the same.
 */
const headLifeMsMin: Millis = 3 * secondMs

/**
 * How long a signed head may count: what its freshness allows, within the bounds above.
 * @param extra classes of policy
 */
export function headLifeMs(
  head: Pick<Head, 'headers' | 'promised' | 'validator' | 'contentClass'>,
  issuedAt: Millis,
  extra: readonly ContentClass[] = []
): Millis {
  const immutable =
    promisedByName(head) ||
    classesWith(extra).some(({ id, immutable }) => id === head.contentClass && immutable === true)
  return Math.max(headLifeMsMin, freshForMs(head.headers, { immutable }, issuedAt))
}
