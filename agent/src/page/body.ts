/** What comes with a request: for most routes nothing that matters, for a few a small JSON value. */
import type { IncomingMessage } from 'node:http'
import { StarlingError } from '@starling/shared/errors.ts'
import { KiB, type Bytes } from '@starling/shared/units.ts'

const droppedBytesMax: Bytes = 4 * KiB

/** Reads away a small body, so that the connection can be used again; a large one costs the connection. */
export function dropBody(request: IncomingMessage): void {
  let bytes = 0
  request.on('data', (piece: Buffer) => {
    bytes += piece.length
    if (bytes > droppedBytesMax) request.destroy()
  })
  request.on('error', () => {})
}

/**
 * Reads from now on, so that it need not be asked for when the request is refused; more than the maximum is not kept.
 * @returns what waits for it. @throws StarlingError (when waited for) `bad-body`, `body-too-large`
 */
export function readJson(request: IncomingMessage, bytesMax: Bytes): () => Promise<unknown> {
  const pieces: Buffer[] = []
  let bytes = 0
  const ended = new Promise<void>(resolve => {
    request.on('data', (piece: Buffer) => {
      bytes += piece.length
      if (bytes <= bytesMax) pieces.push(piece)
      // A little more may be on its way, and is to get its answer.
      else if (bytes > 2 * bytesMax) request.destroy()
    })
    for (const end of ['end', 'close', 'error']) request.on(end, () => resolve())
  })
  return async () => {
    await ended
    if (bytes > bytesMax)
      throw new StarlingError('body-too-large', `the body may have ${bytesMax} bytes at most`)
    try {
      return JSON.parse(Buffer.concat(pieces).toString('utf8')) as unknown
    } catch (cause) {
      throw new StarlingError('bad-body', 'send a body in JSON', { cause })
    }
  }
}
