/**
 * What may be kept of small and mutable things, and for whom it still counts: RFC 9111 as a shared cache. Freshness and
 * validation are http-cache-semantics'; here is what is ours: what a content class knows better than the headers, which
 * variant is whose, and where we are stricter than the RFC demands. Pure but for the clock.
 */
import CachePolicy from 'http-cache-semantics'
import type { Recognised } from '@starling/shared/content-classes/recognise.ts'
import { directivesOf, headerOf, httpDateOf, type HeaderList } from '@starling/shared/http-fields.ts'
import { heuristicMsMax, heuristicShare } from '@starling/shared/http-sharing.ts'
import { asRecord, endToEnd } from '../fields.ts'
import { isUnkeyed, variedBy } from './unkeyed.ts'

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
  /** The request fields that choose it, with the values that they must have; null: the field must be absent. */
  readonly varies: Readonly<Record<string, string | null>>
  /** How long it is fresh, and what may be done with it then; it knows nothing of variants. */
  readonly policy: CachePolicy
}

/** What a response becomes by being kept. */
export type Terms = Pick<Kept, 'varies' | 'policy'>

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

/** To the policies all ask alike: variants are told apart here, and a client's own Cache-Control only asks for more freshness. */
const nobody = { url: '', method: 'GET', headers: {} }

/** On which terms a response may be kept; null: it may not. */
export function termsOf(asked: Asked, response: Response, recognised: Recognised): Terms | null {
  const { status, headers } = response
  if (!statusesKept.has(status) || (isDownload(recognised) && !isFile(response, recognised))) return null
  const given = directivesOf(headerOf(headers, 'cache-control'))
  if (given.has('no-store') || given.has('private') || headerOf(headers, 'set-cookie') !== null) return null
  const varies = variantOf(asked, response, recognised)
  if (varies === null) return null
  const policy = new CachePolicy(
    nobody,
    { status, headers: policyHeaders(headers, recognised.immutable && status === 200) },
    { shared: true, cacheHeuristic: heuristicOf(headers) }
  )
  // Without anything to validate it by, what is stale at once would only be stored for nobody.
  return policy.storable() && (hasValidator(headers) || policy.timeToLive() > 0) ? { varies, policy } : null
}

function isDownload({ rangeFirst, immutable }: Recognised): boolean {
  return rangeFirst || immutable
}

/**
 * Where a network shows its own page until somebody agrees to its terms, it does so for every address, and often says that it may
 * be kept. A file has a validator or a digest in its name, and is no page.
 */
function isFile({ status, headers }: Response, { promised }: Recognised): boolean {
  if (status !== 200 || /^text\/html\b/i.test(headerOf(headers, 'content-type') ?? '')) return false
  return promised !== null || hasValidator(headers)
}

function hasValidator(headers: HeaderList): boolean {
  return headers.some(([name]) => name === 'etag' || name === 'last-modified')
}

/** Null: it is for nobody else. */
function variantOf(asked: Asked, { headers }: Response, recognised: Recognised): Kept['varies'] | null {
  // The digest in the name says which bytes it means, whoever asks.
  if (recognised.promised !== null) return {}
  const isEncoded = headerOf(headers, 'content-encoding') !== null
  const varied = variedBy(headerOf(headers, 'vary'), { isDownload: isDownload(recognised), isEncoded })
  if (varied.has('*') || isUnkeyed(Object.keys(asked), varied)) return null
  return Object.fromEntries([...varied].map(name => [name, asked[name] ?? null]))
}

/** Whether it is the variant that this request chooses. */
export function isFor({ varies }: Kept, asked: Asked): boolean {
  return Object.entries(varies).every(([name, value]) => (asked[name] ?? null) === value)
}

/** @param kept a stored response for this key */
export function useOf(kept: Kept, asked: Asked): Use {
  if (!isFor(kept, asked)) return { kind: 'other' }
  const { policy } = kept
  if (!policy.stale()) return { kind: 'fresh' }
  const { response, revalidation } = policy.evaluateRequest(nobody)
  const validation = (revalidation?.headers ?? {}) as Asked
  return { kind: response === undefined ? 'validate' : 'refresh', validation }
}

/** The stored response after upstream has said that it still holds (304); null: it speaks of another one. */
export function confirmed(
  kept: Kept,
  asked: Asked,
  { headers }: Response,
  recognised: Recognised
): Kept | null {
  if (!speaksOf(kept.headers, headers)) return null
  const bodyFields = new Set(['content-length', 'content-encoding', 'content-range', 'transfer-encoding'])
  const news = dated(endToEnd(headers)).filter(([name]) => !bodyFields.has(name))
  const replaced = new Set([...news.map(([name]) => name), 'age'])
  const merged = [...kept.headers.filter(([name]) => !replaced.has(name)), ...news]
  const terms = termsOf(asked, { status: kept.status, headers: merged }, recognised)
  return terms === null ? null : { ...kept, headers: merged, ...terms }
}

/** A 304 without validators answers ours, of which there was one set only. */
function speaksOf(kept: HeaderList, news: HeaderList): boolean {
  const etag = headerOf(news, 'etag')
  if (etag !== null) return weak(etag) === weak(headerOf(kept, 'etag') ?? '')
  const modified = headerOf(news, 'last-modified')
  return modified === null || modified === headerOf(kept, 'last-modified')
}

function weak(etag: string): string {
  return etag.replace(/^W\//, '')
}

/** Who keeps a response without a date has to note when it came (RFC 9110, 6.6.1). */
export function dated(headers: HeaderList): HeaderList {
  const hasDate = headers.some(([name]) => name === 'date')
  return hasDate ? headers : [...headers, ['date', new Date().toUTCString()]]
}

/** Whether the origin allows what is stale to be given when it fails (stale-if-error, RFC 5861). */
export function mayCoverError({ policy }: Kept): boolean {
  return !policy.revalidatedPolicy(nobody, { status: 504, headers: {} }).modified
}

/** A tenth of the time since the last change, and a day at most. */
function heuristicOf(headers: HeaderList): number {
  const modified = httpDateOf(headerOf(headers, 'last-modified'))
  if (modified === null) return 0
  const unchangedMs = (httpDateOf(headerOf(headers, 'date')) ?? Date.now()) - modified
  return Math.min(heuristicShare, heuristicMsMax / unchangedMs)
}

function policyHeaders(headers: HeaderList, immutable: boolean): Record<string, string> {
  // Variants are ours (isFor).
  const { vary: _vary, ...record } = asRecord(headers)
  if (immutable) return { ...record, 'cache-control': `public, max-age=${immutableSeconds}`, pragma: '' }
  // What is not a date ("0", "-1") means: already expired. To the library "9999" is a year.
  if ('expires' in record && httpDateOf(record.expires!) === null) record.expires = '0'
  if (!('cache-control' in record)) return record
  const directives = new Map(directivesOf(record['cache-control']!))
  // It says nothing about how long (RFC 8246); to the library it says a thousand days, as that takes its day's milliseconds for seconds.
  directives.delete('immutable')
  // The library validates each time where the origin only forbids what is stale (RFC 9111, 5.2.2.2).
  const neverStale = ['must-revalidate', 'proxy-revalidate'].filter(name => directives.delete(name))
  if (neverStale.length > 0 || directives.has('no-cache'))
    for (const name of ['stale-while-revalidate', 'stale-if-error']) directives.delete(name)
  const control = [...directives].map(([name, value]) => (value === null ? name : `${name}=${value}`))
  return { ...record, 'cache-control': control.join(', ') }
}
