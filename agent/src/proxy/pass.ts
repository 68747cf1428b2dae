/** What is not shared goes to its origin and comes back as it is, streaming both ways. */
import type { IncomingMessage } from 'node:http'
import type { HeaderList } from '@starling/shared/http-fields.ts'
import { messageOf } from '@starling/shared/errors.ts'
import { withoutQuery, type Log } from '../log.ts'
import type { UpstreamPort, UpstreamResponse } from '../ports.ts'
import { breakOff, write, type Exchange } from './exchange.ts'
import { asRecord, endToEnd, explanation } from './fields.ts'
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
  const { url, method, strict } = exchange
  return upstream.request({
    url,
    method,
    headers: requestHeaders(exchange),
    body: counted(bodyOf(exchange), exchange.upload),
    range: null,
    ifRange: null,
    // A client of a cache host knows one server only, and turns away from it after twenty seconds.
    followRedirects: strict,
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
    const headers = [
      ...endToEnd(response.headers),
      ['via', `1.1 ${exchange.via}`] as const,
      ['x-starling', explanation('pass', `reason=${reason}`)] as const
    ]
    res.writeHead(response.status, response.statusText ?? '', headers.flat())
    exchange.tally.answered('pass')
    // Even when the body lets one wait, the client learns at once what it will be. Not by flushHeaders: that sends
    // the head as UTF-8 and so spoils names that are Latin-1, as Content-Disposition's often are.
    res.write(Buffer.alloc(0))
    for await (const part of response.body) await write(exchange, part, 'pass')
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
  const { res, url, signal } = exchange
  if (signal.aborted) return void res.destroy()
  log.info(
    { url: withoutQuery(url), problem: messageOf(error), begun: res.headersSent },
    'a passed request failed'
  )
  if (res.headersSent)
    breakOff(exchange, response?.headers.some(([name]) => name === 'content-length') ?? false)
  else replyWithError(res, error)
}

function hasBody(headers: HeaderList): boolean {
  return headers.some(
    ([name, value]) => name === 'transfer-encoding' || (name === 'content-length' && Number(value) > 0)
  )
}

function bodyOf({ req, headers }: Exchange): AsyncIterable<Uint8Array> | null {
  return hasBody(headers) ? partsOf(req) : null
}

/**
 * Not the request itself: an upstream may answer before it has taken everything, and undici then destroys what it was
 * given, which would be the way back to the client. The client gets rid of the rest instead, as it means to.
 */
async function* partsOf(req: IncomingMessage): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield* req.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>
  } finally {
    req.resume()
  }
}

function requestHeaders(exchange: Exchange): Record<string, string> {
  const onward = asRecord(exchange.onward)
  // Windows sends `Content-Length: 0` with a GET; node has already answered Expect.
  if (!hasBody(exchange.headers)) delete onward['content-length']
  delete onward.expect
  // Merged and few: what overlaps a thousand times must not be asked of an origin either.
  const range = rangeHeader(exchange.range)
  if (exchange.range.kind === 'several' && range !== null) onward.range = range
  if (exchange.strict) onward['accept-encoding'] = 'identity'
  return onward
}
