/**
 * THE ONE PLACE WHERE NODE'S CERTIFICATE CHECK IS OFF (with the bulk path's own file), because ours is stricter.
 *
 * Node would ask "does an authority that I know vouch for this name?". There is no authority and no name here.
 * We ask "is the key in this certificate the very key whose name I dialled?", and TLS 1.3 itself has made sure that
 * the other side holds the private half. `dialAgent` hands a socket over only after that check, so that not
 * one byte of a request leaves for a stranger. Session resumption stays off: a resumed session proves the key of
 * yesterday, and costs more thought than the handshake it saves.
 */
import type { OnReadOpts } from 'node:net'
import { connect, type TLSSocket, type TlsOptions } from 'node:tls'
import { StarlingError, codeOf, messageOf } from '@starling/shared/errors.ts'
import type { AgentId } from '@starling/shared/ids.ts'
import { secondMs, type Millis } from '@starling/shared/units.ts'
import { agentIdOfCertificate, type TlsIdentity } from './certificate.ts'

/** A handshake is two round trips and 3 ms of work; ten seconds also forgive a machine that is just waking. */
const handshakeMsMax: Millis = 10 * secondMs

export interface DialAgent {
  readonly host: string
  readonly port: number
  readonly expected: AgentId
  /** Shown to the other side; null to stay anonymous. */
  readonly tls: TlsIdentity | null
  readonly alpn?: readonly string[]
  /** OpenSSL names; all of TLS 1.3 when left out. */
  readonly ciphers?: string
  /** Reads into buffers of the caller instead of `data` events, from the first byte on. */
  readonly onread?: OnReadOpts
  readonly timeoutMs?: Millis
  readonly signal?: AbortSignal
}

/** For tls.createServer and https.createServer. Who called is `agentIdOfSocket`, which may be nobody. */
export function identityServerOptions(tls: TlsIdentity, alpn?: readonly string[]): TlsOptions {
  return {
    key: tls.key,
    cert: tls.cert,
    minVersion: 'TLSv1.3',
    requestCert: true,
    rejectUnauthorized: false,
    handshakeTimeout: handshakeMsMax,
    ...(alpn === undefined ? {} : { ALPNProtocols: [...alpn] })
  }
}

/** The AgentId that the other side of a finished handshake has proven; null if it showed none. */
export function agentIdOfSocket(socket: TLSSocket): AgentId | null {
  return agentIdOfCertificate(socket.getPeerX509Certificate())
}

/**
 * A socket whose other end has proven to be `expected`.
 * @throws StarlingError `wrong-identity`, `unreachable`, `timeout`, `aborted`
 */
export async function dialAgent(dial: DialAgent): Promise<TLSSocket> {
  const { host, port, expected, tls, signal, timeoutMs = handshakeMsMax } = dial
  if (signal?.aborted === true) throw new StarlingError('aborted', 'given up before dialling')
  return await new Promise((resolve, reject) => {
    const socket = connect({
      host,
      port,
      minVersion: 'TLSv1.3',
      // The other side may hold certificates for browsers, too.
      sigalgs: 'ed25519',
      rejectUnauthorized: false,
      ...(tls === null ? {} : { key: tls.key, cert: tls.cert }),
      ...(dial.alpn === undefined ? {} : { ALPNProtocols: [...dial.alpn] }),
      ...(dial.ciphers === undefined ? {} : { ciphers: dial.ciphers }),
      ...(dial.onread === undefined ? {} : { onread: dial.onread })
    })
    const settle = (failure: StarlingError | null): void => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
      socket.removeListener('error', onError)
      socket.removeListener('close', onClose)
      if (failure === null) return resolve(socket)
      // A late reset of a socket that nobody owns must not end the process.
      socket.on('error', () => {})
      socket.destroy()
      reject(failure)
    }
    const onAbort = (): void => {
      settle(new StarlingError('aborted', 'given up while dialling'))
    }
    const onClose = (): void => {
      settle(unreachable(dial, 'it closed the connection'))
    }
    const onError = (cause: Error): void => {
      settle(unreachable(dial, messageOf(cause) === '' ? codeOf(cause) : messageOf(cause), cause))
    }
    const timer = setTimeout(() => {
      settle(new StarlingError('timeout', `${host}:${port} did not answer within ${timeoutMs} ms`))
    }, timeoutMs)
    signal?.addEventListener('abort', onAbort, { once: true })
    socket.on('error', onError)
    socket.on('close', onClose)
    socket.once('secureConnect', () => {
      const shown = agentIdOfSocket(socket)
      settle(shown === expected ? null : wrongIdentity(dial, shown))
    })
  })
}

function wrongIdentity({ host, port, expected }: DialAgent, shown: AgentId | null): StarlingError {
  return new StarlingError(
    'wrong-identity',
    `${host}:${port} is ${shown ?? 'not a Starling agent'}, not ${expected}: nothing was sent to it. Check the ` +
      'address, or whether something in between opens TLS connections'
  )
}

function unreachable({ host, port }: DialAgent, why: string, cause?: unknown): StarlingError {
  return new StarlingError('unreachable', `${host}:${port} cannot be reached: ${why}`, { cause })
}
