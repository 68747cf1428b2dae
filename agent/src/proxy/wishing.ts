/**
 * From a client's request to the swarm's answer: is it to be shared at all, what is to be asked upstream on behalf of
 * everybody, and may an upstream's answer that we hold already be handed to this very client.
 */
import type { Recognised } from '@starling/shared/content-classes/recognise.ts'
import { contentRangeOf, headerOf, type HeaderList } from '@starling/shared/http-fields.ts'
import { requestShareable } from '@starling/shared/http-sharing.ts'
import { keyHashOf } from '@starling/shared/manifest.ts'
import type { UpstreamResponse, Wish, WishRange } from '../ports.ts'
import { conditionalNames } from './conditions.ts'
import { followsRedirects, type Exchange } from './exchange.ts'
import { asRecord } from './fields.ts'
import { isUnkeyed } from './http-cache/unkeyed.ts'
import type { OneRange, Range } from './range.ts'

/**
 * Why this request is not for the swarm or the cache; null: it is.
 * @param fresh the headers of what is known and fresh of it; null: nothing is
 */
export function passReasonOf(
  exchange: Exchange,
  recognised: Recognised,
  fresh: HeaderList | null
): string | null {
  // A HEAD is judged like the GET that it stands for.
  const method = exchange.method === 'HEAD' ? 'GET' : exchange.method
  return requestShareable({ method, headers: exchange.headers }, recognised, fresh)
}

/** Of one client and one moment: never asked for everybody. */
const personal: ReadonlySet<string> = new Set([
  ...conditionalNames,
  'range',
  'cookie',
  'content-length',
  'expect'
])

/**
 * What may be asked upstream so that the answer is fit for everybody. For a download that is what anybody would say: with a
 * token in a field of its own (`PRIVATE-TOKEN`) one client would fetch for all what is for him, and with `X-Forwarded-Host` he
 * would choose it. If it cannot be had so, the client's own request goes up as it is. So too with all that a mirror is asked.
 */
export function sharedHeaders(exchange: Exchange, recognised: Recognised): HeaderList {
  const headers = ownHeaders(exchange, recognised)
  if (!recognised.rangeFirst && exchange.mirrored === null) return headers
  return headers.filter(([name]) => name === 'via' || !isUnkeyed([name]))
}

/** The client's own fields, without what is about its state and this moment. */
export function ownHeaders(exchange: Exchange, recognised: Recognised): HeaderList {
  const headers = exchange.onward.filter(([name]) => !personal.has(name))
  if (!recognised.rangeFirst && !exchange.strict) return headers
  // Only for what is a file by its name: a page that comes uncompressed would cost more WAN than it saves.
  return [...headers.filter(([name]) => name !== 'accept-encoding'), ['accept-encoding', 'identity']]
}

export function wishOf(exchange: Exchange, recognised: Recognised, headers: HeaderList): Wish {
  return {
    url: exchange.url,
    key: recognised.key,
    keyHash: keyHashOf(recognised.key),
    contentClass: recognised.contentClass,
    promised: recognised.promised,
    rangeFirst: recognised.rangeFirst,
    headers: asRecord(headers),
    range: wishRangeOf(exchange.range),
    client: exchange.client,
    signal: exchange.signal
  }
}

function wishRangeOf(range: Range): WishRange | null {
  const first = range.kind === 'several' ? range.ranges.toSorted(byPlace)[0]! : range
  switch (first.kind) {
    case 'from':
      return { kind: 'from', start: first.first, end: first.last === null ? null : first.last + 1 }
    case 'suffix':
      return first
    case 'none':
      return null
  }
}

/** What counts from the end comes last. */
function byPlace(a: OneRange, b: OneRange): number {
  const place = (range: OneRange): number => (range.kind === 'suffix' ? Infinity : range.first)
  return place(a) === place(b) ? 0 : place(a) - place(b)
}

/** Whether an answer to the shared question is also the answer to this client's own. */
export function answersClient(exchange: Exchange, response: UpstreamResponse): boolean {
  const { url, headers, range } = exchange
  // Behind a redirect it would carry the wrong address: relative links and cookies would go astray.
  if (!followsRedirects(exchange) && response.url !== undefined && response.url !== url) return false
  if (headers.some(([name]) => name === 'cookie')) return false
  if (response.status >= 300 && response.status !== 416) return true
  if (headers.some(([name]) => conditionalNames.has(name))) return false
  if (range.kind === 'none') return response.status !== 206 && response.status !== 416
  if (range.kind !== 'from' || response.status !== 206) return false
  const got = contentRangeOf(headerOf(response.headers, 'content-range'))
  if (got === null || got.start !== range.first) return false
  return range.last === null ? got.end === got.total : got.end === range.last + 1
}
