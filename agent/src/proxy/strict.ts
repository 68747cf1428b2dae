/**
 * What the clients of a cache host must never see, because Microsoft's own make a wrong file of it, or stay away from the
 * origin for a quarter of an hour: a 200 to a Range, another part than was asked for, a body without a length, an encoding, a 4xx
 * for what somebody else might still have. Each becomes a 502, after which they ask the origin themselves.
 */
import { StarlingError } from '@starling/shared/errors.ts'
import { contentRangeOf, headerOf, tokensOf, type HeaderList } from '@starling/shared/http-fields.ts'
import type { UpstreamResponse } from '../ports.ts'
import { collect } from './collect.ts'
import type { Exchange } from './exchange.ts'
import { smallBytesMax } from './limits.ts'
import { satisfy, type Range } from './range.ts'

/** What such a client must not see of this answer, whatever it asked for; null: it may. */
export function strictProblem({
  status,
  headers
}: Pick<UpstreamResponse, 'status' | 'headers'>): string | null {
  // Redirects are followed for it.
  if (status >= 300 && status < 400 && status !== 304) return `leads elsewhere (${status})`
  if (status >= 400 && status < 500 && status !== 412 && status !== 416) return `answered with ${status}`
  const encodings = tokensOf(headerOf(headers, 'content-encoding')).filter(name => name !== 'identity')
  if (encodings.length > 0) return `sent the content encoded (${encodings.join(', ')})`
  return null
}

/** @throws StarlingError `upstream-bad-answer` */
export async function strictly(exchange: Exchange, response: UpstreamResponse): Promise<UpstreamResponse> {
  const { status, headers } = response
  const bad = (what: string): StarlingError =>
    new StarlingError(
      'upstream-bad-answer',
      `${new URL(exchange.url).host} ${what}, which is nothing for a cache host: ask it directly`
    )
  const problem = strictProblem(response)
  if (problem !== null) throw bad(problem)
  // With If-Range a client says that it can do with everything.
  const mustBePart = exchange.range.kind !== 'none' && headerOf(exchange.headers, 'if-range') === null
  if (status === 200 && exchange.method === 'GET' && mustBePart)
    throw bad('sent everything, although a part was asked for')
  if (status === 206 && exchange.method === 'GET' && !isPartAsked(exchange.range, headers))
    throw bad('sent another part than was asked for')
  const lengthTold = headers.some(([name]) => name === 'content-length')
  if (exchange.method !== 'GET' || lengthTold || (status !== 200 && status !== 206)) return response
  const collecting = collect(response, smallBytesMax, exchange.signal)
  const body = await collecting.whole
  if (body === 'broken') throw bad('broke off')
  if (body === 'too-large') {
    collecting.response.cancel()
    throw bad('does not tell how long the content is')
  }
  return { ...response, headers: withLength(headers, body.length), body: one(body) }
}

/** The Linux client looks at the total only, and writes what comes to where it wanted it. */
function isPartAsked(range: Range, headers: HeaderList): boolean {
  // Several are told apart by their own Content-Range, and read by BITS, which looks.
  if (range.kind === 'several') return true
  const place = contentRangeOf(headerOf(headers, 'content-range'))
  if (range.kind === 'none' || place === null || place.total === null) return false
  const [wanted] = satisfy(range, place.total) ?? []
  return wanted !== undefined && wanted.start === place.start && wanted.end === place.end
}

function withLength(headers: HeaderList, length: number): HeaderList {
  return [...headers.filter(([name]) => name !== 'transfer-encoding'), ['content-length', String(length)]]
}

async function* one(body: Uint8Array): AsyncGenerator<Uint8Array> {
  yield body
}
