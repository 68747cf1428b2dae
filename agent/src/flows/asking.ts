/**
 * What is said to an origin, and what its answer means for a transfer that is under way: the same version still, or
 * another, or an error that may pass.
 */
import { contentRangeOf, headerOf, strongEtagOf } from '@starling/shared/http-fields.ts'
import { validatorOf } from '@starling/shared/http-sharing.ts'
import type { Bytes } from '@starling/shared/units.ts'
import type { FlowEnd, UpstreamResponse } from '../ports.ts'
import type { Transfer } from './transfers.ts'

/** What is sent for a peer, or for nobody in particular. */
const neutralHeaders = { accept: '*/*' }

/**
 * Not sent on: what makes the answer one client's own (conditions and ranges; ours are set apart), and encodings,
 * because all agents must get the same bytes (http-sharing.ts takes no encoded ones).
 */
const notSentOn = new Set([
  'range',
  'if-range',
  'if-match',
  'if-none-match',
  'if-modified-since',
  'if-unmodified-since',
  'accept-encoding',
  'host',
  'connection',
  'proxy-connection',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'content-length'
])

/** Of a client's headers, those that name nobody: sent again for later ranges of the same content. */
const impersonal = new Set(['user-agent', 'accept'])

/**
 * The headers of the first request for a key, made for a client (or, with null, for a peer). What is no download by its
 * name may come encoded if the client can take it: then it is not shared by the swarm, and small on the WAN.
 */
export function askingHeaders(
  ofClient: Readonly<Record<string, string>> | null,
  rangeFirst: boolean
): Record<string, string> {
  const headers: Record<string, string> = { ...neutralHeaders }
  for (const [name, value] of Object.entries(ofClient ?? {})) {
    if (!notSentOn.has(name.toLowerCase())) headers[name.toLowerCase()] = value
  }
  const encodings = rangeFirst ? undefined : ofClient?.['accept-encoding']
  return { ...headers, 'accept-encoding': encodings ?? 'identity' }
}

/** Of the headers that found a transfer, those to ask for the rest of it with. */
export function headersForMore(found: Readonly<Record<string, string>>): Record<string, string> {
  const kept = Object.entries(found).filter(([name]) => impersonal.has(name))
  return { ...neutralHeaders, ...Object.fromEntries(kept), 'accept-encoding': 'identity' }
}

/** The bytes [start, end) that a response's body covers. */
export function coverage(response: UpstreamResponse): { readonly start: Bytes; readonly end: Bytes | null } {
  if (response.status !== 206) return { start: 0, end: response.total }
  const range = contentRangeOf(headerOf(response.headers, 'content-range'))
  return { start: response.start, end: range?.end ?? null }
}

/** Why this answer cannot fill [start, ...) of the transfer; null: it can, from `response.start` on. */
export function misfit(transfer: Transfer, start: Bytes, response: UpstreamResponse): FlowEnd | null {
  const { status } = response
  if (status === 412 || status === 416) return 'changed'
  if (status === 408 || status === 425 || status === 429 || status >= 500) return 'failed'
  if (status !== 200 && status !== 206) return 'refused'
  if (!sameVersion(transfer, response)) return 'changed'
  // A range that nobody asked for: an origin that counts in its own way will not count better the next time.
  if (status === 206 && response.start !== start) return 'refused'
  return null
}

function sameVersion(transfer: Transfer, response: UpstreamResponse): boolean {
  const { validator, length } = transfer.head.head
  if (response.total !== null && response.total !== length) return false
  // A name that promises a digest says which bytes it means; edges of a CDN disagree on validators.
  if (validator === '') return true
  const now = validatorOf(response.headers)
  if (now === validator) return true
  if (validator.startsWith('"')) {
    // A 206 to If-Range is of the version that was named, even if it does not name it again (RFC 9110 15.3.7).
    return response.status === 206 && strongEtagOf(headerOf(response.headers, 'etag')) === null
  }
  // We know the content by its date, and now an ETag is sent as well: the date decides as before.
  const modified = headerOf(response.headers, 'last-modified')
  return modified === validator || (modified === null && now === null && response.status === 206)
}
