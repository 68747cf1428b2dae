/** What is not shared goes to its origin and comes back as it is, streaming both ways. */
import type { IncomingMessage } from 'node:http'
import { headerOf, tokensOf } from '@starling/shared/http-fields.ts'
import { messageOf } from '@starling/shared/errors.ts'
import { withoutQuery, type Log } from '../log.ts'
import type { UpstreamPort, UpstreamResponse } from '../ports.ts'
import { breakOff, followsRedirects, hasLeft, write, type Exchange } from './exchange.ts'
import { asRecord, endToEnd, explanation, hasBody } from './fields.ts'
import { asMirrored } from './mirrors/mirrored.ts'
import { rangeHeader } from './range.ts'
import { replyWithError } from './replies.ts'
import { strictly } from './strict.ts'
import { counted } from './upload-limit.ts'

export interface PassParts {
  readonly upstream: UpstreamPort
  readonly log: Log
}

/** The client's own request, as it is. @throws StarlingError as `UpstreamPort.request` */
export function askUpstream(
  { upstream }: PassParts,
  exchange: Exchange,
  signal: AbortSignal
): Promise<UpstreamResponse> {
  const { url, method, client, strict } = exchange
  return upstream.request({
    url,
    method,
    client,
    headers: requestHeaders(exchange),
    body: counted(bodyOf(exchange), exchange.upload),
    range: null,
    ifRange: null,
    followRedirects: followsRedirects(exchange),
    // A client of a cache host turns away from it after twenty seconds.
    patient: !strict,
    signal
  })
}

/** @param opened the upstream's answer if it has already been asked the very same */
export async function passThrough(
  parts: PassParts,
  exchange: Exchange,
  reason: string,
  opened: UpstreamResponse | null = null
): Promise<void> {
  const { res } = exchange
  let response = opened
  try {
    response ??= await askUpstream(parts, exchange, exchange.signal)
    if (exchange.strict) response = await strictly(exchange, response)
    response = asMirrored(exchange, response)
    // Others may have kept it going for longer than this client.
    exchange.signal.throwIfAborted()
    const sendsTrailers = takesTrailers(exchange, response)
    const headers = [
      ...endToEnd(response.headers),
      ...(sendsTrailers ? response.headers.filter(([name]) => name === 'trailer') : []),
      ['via', `1.1 ${exchange.via}`] as const,
      ['x-starling', explanation('pass', `reason=${reason}`)] as const
    ]
    res.writeHead(response.status, response.statusText ?? '', headers.flat())
    exchange.tally.answered('pass')
    // Even when the body lets one wait, the client learns at once what it will be. Not by flushHeaders: that sends
    // the head as UTF-8 and so spoils names that are Latin-1, as Content-Disposition's often are.
    res.write(Buffer.alloc(0))
    for await (const part of response.body) await write(exchange, part, 'pass')
    if (sendsTrailers) res.addTrailers(trailersOf(response))
    res.end()
  } catch (error) {
    response?.cancel()
    passFailed(parts, exchange, error, response)
  }
}

/** Tells the client as well as it can still be told. */
export function passFailed(
  { log }: Pick<PassParts, 'log'>,
  exchange: Exchange,
  error: unknown,
  response: UpstreamResponse | null = null
): void {
  const { res, url } = exchange
  if (hasLeft(exchange, error)) return void res.destroy()
  log.info(
    { url: withoutQuery(url), problem: messageOf(error), begun: res.headersSent },
    'a passed request failed'
  )
  if (res.headersSent)
    breakOff(exchange, response?.headers.some(([name]) => name === 'content-length') ?? false)
  else replyWithError(res, error, exchange.strict)
}

/**
 * Trailers go to clients that ask for them, behind a body in chunks: nowhere else is there a place for them. We do not ask
 * for them ourselves (`TE` is about one connection): an origin that has some sends them. What comes behind a client's own
 * body is left out, as a proxy may do (RFC 9110, 6.5.1): undici has no way to send it, and no origin may count on it.
 */
function takesTrailers({ res, method, headers }: Exchange, response: UpstreamResponse): boolean {
  const { status } = response
  return (
    response.trailers !== undefined &&
    tokensOf(headerOf(headers, 'te')).some(coding => coding.split(';')[0]!.trim() === 'trailers') &&
    method !== 'HEAD' &&
    status !== 204 &&
    status !== 304 &&
    !response.headers.some(([name]) => name === 'content-length') &&
    res.useChunkedEncodingByDefault
  )
}

/** Without what would say how to read the message that has already been read (RFC 9110, 6.5.1). */
function trailersOf(response: UpstreamResponse): Array<[string, string]> {
  const notBehind = /^(content-(length|encoding|range|type)|host|via|set-cookie|authorization|cache-control)$/
  return endToEnd([...(response.trailers?.() ?? [])])
    .filter(([name]) => !notBehind.test(name))
    .map(([name, value]) => [name, value])
}

function bodyOf({ req, headers, takesBody }: Exchange): AsyncIterable<Uint8Array> | null {
  return hasBody(headers) ? partsOf(req, takesBody) : null
}

/**
 * Not the request itself: an upstream may answer before it has taken everything, and undici then destroys what it was
 * given, which would be the way back to the client. The client gets rid of the rest instead, as it means to.
 */
async function* partsOf(
  req: IncomingMessage,
  takesBody: () => void
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    takesBody()
    yield* req.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>
  } finally {
    req.resume()
  }
}

function requestHeaders(exchange: Exchange): Record<string, string> {
  const onward = asRecord(exchange.onward)
  // Windows sends `Content-Length: 0` with a GET; Expect is answered by us.
  if (!hasBody(exchange.headers)) delete onward['content-length']
  delete onward.expect
  // Merged and few: what overlaps a thousand times must not be asked of an origin either.
  const range = rangeHeader(exchange.range)
  if (exchange.range.kind === 'several' && range !== null) onward.range = range
  if (exchange.strict) onward['accept-encoding'] = 'identity'
  return onward
}
