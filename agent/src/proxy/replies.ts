/** Answers of the proxy's own: short plain text that says what failed and what to do. */
import type { ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { codeOf, messageOf } from '@starling/shared/errors.ts'

/**
 * Never 4xx for what somebody else could still deliver: Delivery Optimization stays away from a whole host for a
 * quarter of an hour after one, while a 5xx makes it go to the origin at once.
 */
export function statusFor(error: unknown): number {
  switch (codeOf(error)) {
    case 'bad-url':
      return 400
    case 'upstream-timeout':
      return 504
    case 'upstream-loop':
      return 508
    default:
      return 502
  }
}

/** For a request whose Via says that we have passed it on before. */
export const loopText = 'this request comes from this very proxy: check the proxy settings for a loop'

export function replyWithText(res: ServerResponse, status: number, text: string): void {
  if (res.headersSent || res.destroyed) {
    res.destroy()
    return
  }
  const body = Buffer.from(`Starling: ${text}\n`)
  res.writeHead(status, {
    'content-type': 'text/plain; charset=utf-8',
    'content-length': body.length,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff'
  })
  res.end(res.req.method === 'HEAD' ? undefined : body)
}

export function replyWithError(res: ServerResponse, error: unknown): void {
  replyWithText(res, statusFor(error), messageOf(error))
}

const reasons: Record<number, string> = {
  400: 'Bad Request',
  403: 'Forbidden',
  408: 'Request Timeout',
  431: 'Request Header Fields Too Large',
  502: 'Bad Gateway',
  504: 'Gateway Timeout',
  508: 'Loop Detected'
}

/** For a bare socket (CONNECT, or a request that could not be parsed): says it and closes. */
export function closeWithText(socket: Duplex, status: number, text: string): void {
  if (!socket.writable) {
    socket.destroy()
    return
  }
  const body = Buffer.from(`Starling: ${text}\n`)
  const head =
    `HTTP/1.1 ${status} ${reasons[status] ?? ''}\r\ncontent-type: text/plain; charset=utf-8\r\n` +
    `content-length: ${body.length}\r\nconnection: close\r\n\r\n`
  socket.end(Buffer.concat([Buffer.from(head), body]), () => socket.destroy())
}
