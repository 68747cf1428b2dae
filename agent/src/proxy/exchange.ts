/** One request of a client and its response, with what all ways of answering need to know. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { codeOf, StarlingError } from '@starling/shared/errors.ts'
import type { HeaderList } from '@starling/shared/http-fields.ts'
import type { Mirrored } from './mirrors/mirrors.ts'
import type { Owed } from './owed.ts'
import type { Range } from './range.ts'
import type { Tally, Way } from './tally.ts'
import type { UploadCount } from './upload-limit.ts'

export interface Exchange {
  readonly req: IncomingMessage
  readonly res: ServerResponse
  readonly method: string
  /** Its address. */
  readonly client: string | undefined
  /** Absolute, without fragment; path and query as the client spelled them. */
  readonly url: string
  /** As they came. */
  readonly headers: HeaderList
  /** End to end only, with our Via: what an upstream may be told. */
  readonly onward: HeaderList
  readonly range: Range
  /** The request's body is about to be read: a client that waits for a 100 before it sends one gets it. */
  readonly takesBody: () => void
  /** A GET or HEAD of a client that takes us for a cache host; see strict.ts. */
  readonly strict: boolean
  /** What a mirror makes of it; null: it was not asked of a mirror. */
  readonly mirrored: Mirrored | null
  readonly owed: Owed
  /** Aborted when the client goes away, or the proxy closes. */
  readonly signal: AbortSignal
  /** What our Via says. */
  readonly via: string
  readonly tally: Tally
  readonly upload: UploadCount
}

/** Whether this client knows one server only, which is us: no redirect may send it elsewhere. */
export function followsRedirects({ strict, mirrored }: Exchange): boolean {
  return strict || mirrored !== null
}

/** Whether the client has gone away: then there is nothing to tell, and nothing is wrong. */
export function hasLeft({ signal }: Exchange, error: unknown): boolean {
  return signal.aborted || codeOf(error) === 'client-gone'
}

/**
 * Writes one part, and waits until the system has it: the part is the caller's again then.
 * @throws StarlingError `client-gone`, and the signal's reason
 */
export async function write(exchange: Exchange, part: Uint8Array, way: Way): Promise<void> {
  const { res, signal, tally, owed } = exchange
  signal.throwIfAborted()
  tally.bytes(part.length, way)
  owed.paying()
  await new Promise<void>((resolve, reject) => {
    const gone = (): void => reject(signal.reason)
    signal.addEventListener('abort', gone, { once: true })
    res.write(part, error => {
      signal.removeEventListener('abort', gone)
      if (error) reject(new StarlingError('client-gone', 'the client went away', { cause: error }))
      else resolve()
    })
  })
  owed.paid()
}

/**
 * Ends a response that cannot be completed so that no client takes it for whole: the connection breaks before the
 * promised length (or the last chunk), or with a reset where only the connection's end would tell the length.
 */
export function breakOff({ res }: Exchange, lengthTold: boolean): void {
  if (!lengthTold && !res.chunkedEncoding && res.socket !== null && 'resetAndDestroy' in res.socket) {
    res.socket.resetAndDestroy()
  } else {
    res.destroy()
  }
}
