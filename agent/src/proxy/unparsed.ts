/**
 * A connection on which something came that is no request. It is told so and closed; but where an answer has begun,
 * nothing else may be said: to the client it would be a part of that answer.
 */
import type { ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { closeWithText } from './replies.ts'

export interface Unparsed {
  /** An answer is to come on this connection. */
  answering(socket: Duplex, res: ServerResponse): void
  /** The parser gave up. */
  close(error: NodeJS.ErrnoException, socket: Duplex): void
}

export function createUnparsed(): Unparsed {
  const underWay = new WeakMap<Duplex, Set<ServerResponse>>()
  return {
    answering(socket, res) {
      const answers = underWay.get(socket) ?? new Set()
      underWay.set(socket, answers.add(res))
      res.once('close', () => answers.delete(res))
    },
    close(error, socket) {
      if (error.code === 'ECONNRESET') return void socket.destroy()
      const begun = [...(underWay.get(socket) ?? [])].filter(({ headersSent }) => headersSent)
      if (begun.some(({ writableEnded }) => !writableEnded)) return void socket.destroy()
      if (begun.length > 0) return void socket.end(() => socket.destroy())
      const status = { HPE_HEADER_OVERFLOW: 431, ERR_HTTP_REQUEST_TIMEOUT: 408 }[error.code ?? ''] ?? 400
      closeWithText(socket, status, 'this request cannot be understood')
    }
  }
}
