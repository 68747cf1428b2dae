/**
 * What origins think of us, seen on the way: one that wants a certificate of its client, or whose TLS is none that we speak,
 * cannot be asked on somebody's behalf. A certificate that is not to be trusted is no such thing: that is refused, each time.
 *
 * Node does not tell that a certificate was asked for. By TLS 1.2 the handshake fails; by TLS 1.3 it ends well, and the
 * connection is closed before the first byte of an answer. Servers that answer such a client with an error page instead
 * (nginx: 400) cannot be told from others: their hosts are not to be listed.
 */
import { codeOf, messageOf } from '@starling/shared/errors.ts'
import type { UpstreamPort } from '../ports.ts'

/** The alerts that an origin sends, and what OpenSSL finds in a handshake. Checks of certificates have other codes. */
const handshakeCodes = /^ERR_SSL_.*(ALERT|PROTOCOL|CIPHER|HANDSHAKE|VERSION|RENEGOTIATION)/

export function watchUpstream<Upstream extends UpstreamPort>(
  upstream: Upstream,
  refused: (url: string, why: string) => void
): Upstream {
  return {
    ...upstream,
    async request(request) {
      try {
        return await upstream.request(request)
      } catch (error) {
        const why = refusalIn(error)
        if (why !== null) refused(request.url, why)
        throw error
      }
    }
  }
}

/** Null: it failed for another reason. */
function refusalIn(error: unknown): string | null {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (handshakeCodes.test(codeOf(cause)))
      return `it breaks off the TLS handshake (${messageOf(cause).slice(0, 200)})`
    if (isClosedUnanswered(cause)) return 'it closes new connections without an answer'
  }
  return null
}

/** A kept connection that is closed just when it is used again has been read from before. */
function isClosedUnanswered(cause: Error): boolean {
  const { socket } = cause as { socket?: { bytesRead?: number } | null }
  return codeOf(cause) === 'UND_ERR_SOCKET' && socket?.bytesRead === 0
}
