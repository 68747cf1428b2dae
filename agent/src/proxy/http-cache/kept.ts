/**
 * What may be kept of small and mutable things, and for whom it still counts: RFC 9111 as a shared cache, by
 * http-cache-semantics. Here is only what is ours: what a content class knows better than the headers, and where we are
 * stricter than the RFC demands. Pure but for the clock.
 */
import CachePolicy from 'http-cache-semantics'
import type { Recognised } from '@starling/shared/content-classes/recognise.ts'
import { directivesOf, headerOf, tokensOf, type HeaderList } from '@starling/shared/http-fields.ts'
import { asRecord, endToEnd } from '../fields.ts'
import { isExchanged } from '../mirrors/mirrored.ts'
import type { Mirrored } from '../mirrors/mirrors.ts'

export interface Response {
  readonly status: number
  readonly headers: HeaderList
}

/** One stored response. What is told again are the headers as they came; the policy only decides. */
export interface Kept {
  readonly key: string
  readonly contentClass: string
  readonly status: number
  readonly headers: HeaderList
  readonly body: Uint8Array
  readonly policy: CachePolicy
}

/** The request headers by which a stored response is chosen: conditions and ranges are the client's own affair. */
export type Asked = Readonly<Record<string, string>>

export type Use =
  | { readonly kind: 'fresh' }
  /** It may be given, and is to be made fresh meanwhile (stale-while-revalidate). */
  | { readonly kind: 'refresh'; readonly validation: Asked }
  /** Upstream must be asked first, with these headers. */
  | { readonly kind: 'validate'; readonly validation: Asked }
  /** It is a variant for other request headers (Vary). */
  | { readonly kind: 'other' }

/**
 * Not 405, 414, 501: a request that only a proxy lets through makes the origin say so, and everybody would hear it
 * (CPDoS). Errors are kept for what is no download only: whoever asks for an update a minute too early must not keep
 * the others from it.
 */
const statusesKept: ReadonlySet<number> = new Set([200, 203, 204, 300, 301, 308, 404, 410])
/** So long what its class calls immutable is not looked up again; the vendor may withdraw it. */
const immutableSeconds = 30 * 86_400

/**
 * So long a mirror may give what is stale while its upstream fails, although that does not say so (stale-if-error): an admin has
 * put it there so that builds go on, and last week's list of versions still builds. What never changes is given for ever.
 */
const mirrorStaleSecondsMax = 7 * 86_400

/** What is known of a URL beside what its response says. */
export interface Known extends Pick<Recognised, 'immutable' | 'rangeFirst' | 'promised'> {
  readonly mirrored: Mirrored | null
}

/** The policy of a response that may be kept; null: it may not. */
export function policyFor(asked: Asked, response: Response, known: Known): CachePolicy | null {
  const { status, headers } = response
  if (!statusesKept.has(status) || (isDownload(known) && !isFile(response, known))) return null
  const given = directivesOf(headerOf(headers, 'cache-control'))
  if (given.has('no-store') || given.has('private')) return null
  if (headerOf(headers, 'set-cookie') !== null || tokensOf(headerOf(headers, 'vary')).includes('*'))
    return null
  const policy = new CachePolicy(
    { url: '', method: 'GET', headers: { ...asked } },
    { status, headers: policyHeaders(headers, known, status === 200) },
    { shared: true, cacheHeuristic: 0.1 }
  )
  // Without anything to validate it by, what is stale at once would only be stored for nobody.
  const canValidate = headers.some(([name]) => name === 'etag' || name === 'last-modified')
  return policy.storable() && (canValidate || policy.timeToLive() > 0) ? policy : null
}

function isDownload({ rangeFirst, immutable }: Known): boolean {
  return rangeFirst || immutable
}

/**
 * Where a network shows its own page until somebody agrees to its terms, it does so for every address, and often says that it may
 * be kept. A file has a validator or a digest in its name, and is no page. A mirror's upstream is named by an admin and serves files,
 * so there it is enough not to be a page.
 */
function isFile({ status, headers }: Response, { promised, mirrored }: Known): boolean {
  if (status !== 200 || /^text\/html\b/i.test(headerOf(headers, 'content-type') ?? '')) return false
  if (mirrored !== null) return true
  return promised !== null || headers.some(([name]) => name === 'etag' || name === 'last-modified')
}

/** @param kept a stored response for this key */
export function useOf({ policy }: Kept, asked: Asked): Use {
  const request = { url: '', method: 'GET', headers: { ...asked } }
  const { response, revalidation } = policy.evaluateRequest(request)
  if (revalidation === undefined) return { kind: 'fresh' }
  const validation = revalidation.headers as Asked
  if (response !== undefined) return { kind: 'refresh', validation }
  // Of another variant nothing is validated: then no validator was added.
  const validated = 'if-none-match' in validation || 'if-modified-since' in validation
  return validated ? { kind: 'validate', validation } : { kind: 'other' }
}

/** The stored response after upstream has said that it still holds (304); null: it speaks of another one. */
export function confirmed(
  kept: Kept,
  asked: Asked,
  { status, headers }: Response,
  known: Known
): Kept | null {
  const request = { url: '', method: 'GET', headers: { ...asked } }
  const { matches } = kept.policy.revalidatedPolicy(request, {
    status,
    headers: policyHeaders(headers, known, false)
  })
  if (!matches) return null
  const bodyFields = new Set(['content-length', 'content-encoding', 'content-range', 'transfer-encoding'])
  const news = endToEnd(headers).filter(([name]) => !bodyFields.has(name))
  const replaced = new Set([...news.map(([name]) => name), 'age'])
  const merged = [...kept.headers.filter(([name]) => !replaced.has(name)), ...news]
  const policy = policyFor(asked, { status: kept.status, headers: merged }, known)
  return policy === null ? null : { ...kept, headers: merged, policy }
}

/** Whether the origin allows what is stale to be given when it fails (stale-if-error, RFC 5861). */
export function mayCoverError(kept: Kept, asked: Asked): boolean {
  const request = { url: '', method: 'GET', headers: { ...asked } }
  return !kept.policy.revalidatedPolicy(request, { status: 504, headers: {} }).modified
}

/** Whether a mirror may give this while its upstream fails. What the origin forbids in so many words stays forbidden. */
export function mirrorMayCoverError(kept: Kept, asked: Asked, { immutable }: Known): boolean {
  const control = directivesOf(headerOf(kept.headers, 'cache-control'))
  const forbids = ['no-cache', 'must-revalidate', 'proxy-revalidate'].some(name => control.has(name))
  if (forbids && !immutable) return false
  // As if the client itself put up with it: so variants are still told apart, also where there is no validator.
  const patience = immutable ? 'max-stale' : `max-stale=${mirrorStaleSecondsMax}`
  const headers = { ...asked, 'cache-control': patience }
  return kept.policy.evaluateRequest({ url: '', method: 'GET', headers }).revalidation === undefined
}

/** @param isWhole it is the response to be kept, and not a word about it (304) */
function policyHeaders(
  headers: HeaderList,
  { immutable, mirrored }: Known,
  isWhole: boolean
): Record<string, string> {
  const record = asRecord(headers)
  if (immutable && isWhole)
    return { ...record, 'cache-control': `public, max-age=${immutableSeconds}`, pragma: '' }
  const directives = new Map(directivesOf(record['cache-control'] ?? null))
  // The library validates each time where the origin only forbids what is stale (RFC 9111, 5.2.2.2).
  if (directives.delete('must-revalidate') || directives.delete('proxy-revalidate'))
    for (const name of ['stale-while-revalidate', 'stale-if-error']) directives.delete(name)
  directives.delete('proxy-revalidate')
  const control = [...directives]
    .map(([name, value]) => (value === null ? name : `${name}=${value}`))
    .join(', ')
  // An origin that encodes and does not say Vary would have us give gzip to who cannot read it.
  const encoded = record['content-encoding'] !== undefined
  // Nor does each registry say that a package's document is a short one for who asks for that.
  const varying = [...(encoded ? ['accept-encoding'] : []), ...(isExchanged(mirrored) ? ['accept'] : [])]
  const vary =
    varying.length > 0 ? [...new Set([...tokensOf(record.vary ?? null), ...varying])].join(', ') : record.vary
  return {
    ...record,
    ...('cache-control' in record ? { 'cache-control': control } : {}),
    ...(vary === undefined ? {} : { vary })
  }
}
