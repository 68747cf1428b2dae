/**
 * An upstream's answer, checked as far as its own headers allow: a 206 must be the range that was asked for, lengths
 * must agree, and the body hands on exactly as many bytes as were promised, never more, and never a clean end after
 * fewer. What is wrong with an answer as a whole (another version, another length) is for the caller to see.
 */
import type { Dispatcher } from 'undici'
import { codeOf, StarlingError } from '@starling/shared/errors.ts'
import {
  contentLengthOf,
  contentRangeOf,
  headerOf,
  tokensOf,
  type HeaderList
} from '@starling/shared/http-fields.ts'
import type { Bytes } from '@starling/shared/units.ts'
import type { UpstreamRequest, UpstreamResponse } from '../ports.ts'
import { upstreamError } from './errors.ts'

/** @throws StarlingError `upstream-bad-answer`; the body is not touched then */
export function readAnswer(
  data: Dispatcher.ResponseData,
  request: UpstreamRequest,
  url: URL,
  via: string
): UpstreamResponse {
  const headers = pairsOf(data.headers)
  const hasBody = request.method !== 'HEAD' && data.statusCode !== 204 && data.statusCode !== 304
  const { start, total, bodyLength } = placeOf(data.statusCode, headers, request)
  const where = `${url.host} (${via})`
  const encodings = tokensOf(headerOf(headers, 'transfer-encoding')).join()
  // We ask for none (TE), and undici takes off chunks only: what is left would pass for the content.
  if (!['', 'chunked', 'identity'].includes(encodings))
    throw new StarlingError('upstream-bad-answer', `${where} sent Transfer-Encoding: ${encodings} unasked`)
  return {
    status: data.statusCode,
    statusText: data.statusText,
    url: url.href,
    headers,
    start,
    total,
    via,
    body: bodyOf(data.body, hasBody ? bodyLength : null, where, request.signal),
    trailers: () =>
      Object.entries(data.trailers).flatMap(([name, value]) =>
        [value].flat().map(one => [name.toLowerCase(), String(one)] as const)
      ),
    cancel: () => {
      data.body.on('error', () => {}).destroy()
    }
  }
}

interface Place {
  readonly start: Bytes
  readonly total: Bytes | null
  /** What the body must come to; null: it ends when it ends. */
  readonly bodyLength: Bytes | null
}

function placeOf(status: number, headers: HeaderList, request: UpstreamRequest): Place {
  const bodyLength = contentLengthOf(headers)
  const several = /^multipart\/byteranges/i.test(headerOf(headers, 'content-type') ?? '')
  if (status !== 206 || request.method === 'HEAD' || (several && request.range === null)) {
    const total = status === 200 && headerOf(headers, 'transfer-encoding') === null ? bodyLength : null
    return { start: 0, total, bodyLength }
  }
  const bad = (what: string): StarlingError =>
    new StarlingError(
      'upstream-bad-answer',
      `${new URL(request.url).host} answered with a range that ${what}`
    )
  if (several) throw bad('is several, although one was asked for')
  const range = contentRangeOf(headerOf(headers, 'content-range'))
  if (range === null) throw bad('is not told, or contradicts itself (Content-Range)')
  if (bodyLength !== null && bodyLength !== range.end - range.start)
    throw bad('contradicts its Content-Length')
  if (request.range !== null && 'start' in request.range) {
    if (range.start !== request.range.start)
      throw bad(`begins at ${range.start} instead of ${request.range.start}`)
    if (request.range.end !== null && range.end > request.range.end) throw bad('is longer than was asked for')
  }
  return { start: range.start, total: range.total, bodyLength: range.end - range.start }
}

async function* bodyOf(
  body: Dispatcher.ResponseData['body'],
  promised: Bytes | null,
  where: string,
  signal: AbortSignal
): AsyncGenerator<Uint8Array, void, undefined> {
  let received: Bytes = 0
  const short = (cause?: unknown): StarlingError =>
    new StarlingError(
      'upstream-short',
      `${where} broke off after ${received} of ${promised ?? 'an unknown number of'} bytes`,
      { cause }
    )
  try {
    for await (const bytes of body as AsyncIterable<Buffer>) {
      const left = promised === null ? Infinity : promised - received
      if (bytes.length > left) {
        received += left
        if (left > 0) yield bytes.subarray(0, left)
        throw new StarlingError('upstream-long', `${where} sends more than the ${promised} bytes it promised`)
      }
      received += bytes.length
      yield bytes
    }
  } catch (cause) {
    if (cause instanceof StarlingError) throw cause
    const error = upstreamError(cause, where, signal)
    const brokeOff =
      error.code === 'upstream-unreachable' || codeOf(cause) === 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH'
    throw brokeOff ? short(cause) : error
  } finally {
    // A consumer that stops early closes the connection: the rest is not wanted.
    body.on('error', () => {}).destroy()
  }
  if (promised !== null && received < promised) throw short()
}

/** undici gives raw headers as one flat list. */
function pairsOf(headers: unknown): HeaderList {
  const flat = headers as readonly string[]
  const pairs: Array<readonly [string, string]> = []
  for (let index = 0; index + 1 < flat.length; index += 2)
    pairs.push([flat[index]!.toLowerCase(), flat[index + 1]!])
  return pairs
}
