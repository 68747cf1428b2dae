/**
 * What the clients of a cache host must never see, because Microsoft's own make a wrong file of it, or stay away from the
 * origin for a quarter of an hour: a 200 to a Range, a body without a length, an encoding, a 4xx for what somebody else
 * might still have. Each becomes a 502, after which they ask the origin themselves.
 */
import { StarlingError } from '@starling/shared/errors.ts'
import { headerOf, tokensOf, type HeaderList } from '@starling/shared/http-fields.ts'
import type { UpstreamResponse } from '../ports.ts'
import { collect } from './collect.ts'
import type { Exchange } from './exchange.ts'
import { smallBytesMax } from './limits.ts'

/** @throws StarlingError `upstream-bad-answer` */
export async function strictly(exchange: Exchange, response: UpstreamResponse): Promise<UpstreamResponse> {
  const { status, headers } = response
  const host = new URL(exchange.url).host
  const bad = (what: string): StarlingError =>
    new StarlingError(
      'upstream-bad-answer',
      `${host} ${what}, which is nothing for a cache host: ask it directly`
    )
  if (status >= 400 && status < 500 && status !== 412 && status !== 416) throw bad(`answered with ${status}`)
  const encodings = tokensOf(headerOf(headers, 'content-encoding')).filter(name => name !== 'identity')
  if (encodings.length > 0) throw bad(`sent the content encoded (${encodings.join(', ')})`)
  if (status === 200 && exchange.range.kind !== 'none' && exchange.method === 'GET')
    throw bad('sent everything, although a part was asked for')
  const lengthTold = headers.some(([name]) => name === 'content-length')
  if (exchange.method !== 'GET' || lengthTold || (status !== 200 && status !== 206)) return response
  const collecting = collect(response, smallBytesMax)
  const body = await collecting.whole
  if (body === null) throw bad('does not tell how long the content is')
  return { ...response, headers: withLength(headers, body.length), body: one(body) }
}

function withLength(headers: HeaderList, length: number): HeaderList {
  return [...headers.filter(([name]) => name !== 'transfer-encoding'), ['content-length', String(length)]]
}

async function* one(body: Uint8Array): AsyncGenerator<Uint8Array> {
  yield body
}
