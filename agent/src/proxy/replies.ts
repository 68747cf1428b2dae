/** Answers of the proxy's own: short plain text that says what failed and what to do. */
import type { ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { codeOf, messageOf } from '@starling/shared/errors.ts'
import { secondMs, type Millis } from '@starling/shared/units.ts'
import { explanation } from './fields.ts'
import { lingerMs } from './limits.ts'

/**
 * Never 4xx for what somebody else could still deliver: Delivery Optimization stays away from a whole host for a
 * quarter of an hour after one, while a 5xx makes it go to the origin at once.
 * @param strict whether the client takes us for a cache host: it gets no 403 (see strict.ts)
 */
function statusFor(error: unknown, strict: boolean): number {
  switch (codeOf(error)) {
    case 'bad-url':
      return 400
    case 'upstream-refused-address':
    case 'redirect-denied':
      return strict ? 502 : 403
    case 'upload-too-large':
      return 413
    case 'upstream-timeout':
      return 504
    case 'upstream-loop':
      return 508
    default:
      return 502
  }
}

/** What clients were told, for those who write it down: why of a failure, and the status where there is no response. */
const failures = new WeakMap<ServerResponse | Duplex, string>()
const statuses = new WeakMap<Duplex, number>()
export const failureOf = (told: ServerResponse | Duplex): string | null => failures.get(told) ?? null
/** What was said on a bare socket by a response that was put on it. */
export function toldBy(res: ServerResponse, socket: Duplex): void {
  statuses.set(socket, res.statusCode)
  const failure = failureOf(res)
  if (failure !== null) failures.set(socket, failure)
}
export const statusOf = (told: Duplex): number | null => statuses.get(told) ?? null

/** For a request whose Via says that we have passed it on before. */
export const loopText = 'this request comes from this very proxy: check the proxy settings for a loop'

/** @param why a word for what it is about, beside the text */
export function replyWithText(
  res: ServerResponse,
  status: number,
  text: string,
  why: string | null = null
): void {
  if (res.headersSent || res.destroyed) {
    res.destroy()
    return
  }
  const body = Buffer.from(`Starling: ${text}\n`)
  res.writeHead(status, {
    'content-type': 'text/plain; charset=utf-8',
    'content-length': body.length,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'x-starling': ownAnswer(status, why)
  })
  res.end(res.req.method === 'HEAD' ? undefined : body)
}

export function replyWithError(res: ServerResponse, error: unknown, strict = false): void {
  const code = codeOf(error)
  failures.set(res, code)
  if (code === 'upload-too-large') res.once('finish', () => linger(res))
  replyWithText(res, statusFor(error, strict), messageOf(error), code)
}

/**
 * A connection that is closed while the client still sends is reset, and takes our answer with it. So the rest is read and thrown
 * away (Node does that), but not for ever.
 */
function linger({ req }: ServerResponse): void {
  setTimeout(() => {
    if (!req.complete) req.socket.destroy()
  }, lingerMs).unref()
}

/** So that a proxy's own answer can be told from an origin's (`X-Starling`). */
const ownAnswer = (status: number, why: string | null): string =>
  explanation('own', `reason=${why ?? reasons[status] ?? status}`)

const reasons: Record<number, string> = {
  400: 'Bad Request',
  403: 'Forbidden',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  429: 'Too Many Requests',
  431: 'Request Header Fields Too Large',
  502: 'Bad Gateway',
  504: 'Gateway Timeout',
  508: 'Loop Detected'
}

/**
 * For a bare socket (CONNECT, or a request that could not be parsed): says it and closes.
 * @param retryAfterMs null: that does not help
 */
export function closeWithText(
  socket: Duplex,
  status: number,
  text: string,
  retryAfterMs: Millis | null = null,
  why: string | null = null
): void {
  statuses.set(socket, status)
  if (!socket.writable) {
    socket.destroy()
    return
  }
  const body = Buffer.from(`Starling: ${text}\n`)
  const head =
    `HTTP/1.1 ${status} ${reasons[status] ?? ''}\r\ncontent-type: text/plain; charset=utf-8\r\n` +
    `content-length: ${body.length}\r\nconnection: close\r\nx-starling: ${ownAnswer(status, why)}\r\n` +
    `${retryAfterMs === null ? '' : `retry-after: ${wholeSeconds(retryAfterMs)}\r\n`}\r\n`
  socket.end(Buffer.concat([Buffer.from(head), body]), () => socket.destroy())
}

export function closeWithError(socket: Duplex, error: unknown): void {
  const code = codeOf(error)
  failures.set(socket, code)
  closeWithText(socket, statusFor(error, false), messageOf(error), null, code)
}

/** As Retry-After wants them: too late rather than too early. */
export const wholeSeconds = (ms: Millis): number => Math.max(1, Math.ceil(ms / secondMs))
