/**
 * From a client's socket, which was told that its tunnel stands, to its TLS connection opened. What does not begin like
 * TLS is left untouched. Each connection has a TLS server of its own, so that what fails is known to be just this one's;
 * they share the keys of session tickets, so that resumption works all the same.
 */
import { randomBytes } from 'node:crypto'
import type { Duplex } from 'node:stream'
import { createServer, type TLSSocket } from 'node:tls'
import { codeOf, messageOf } from '@starling/shared/errors.ts'
import type { Millis } from '@starling/shared/units.ts'
import type { Leaf } from './certificates.ts'
import { firstByteMs, handshakeMs } from './limits.ts'

export type Opened =
  | { readonly kind: 'open'; readonly socket: TLSSocket; readonly protocol: 'h2' | 'http/1.1' }
  /** `silent`: it went without a reason. */
  | { readonly kind: 'failed'; readonly why: string; readonly isSilent: boolean }

const ticketKeys = randomBytes(48)
/** The type of the first record of a TLS connection. */
const handshakeRecord = 0x16

/** Whether the client begins a TLS handshake. What it has sent stays in the socket. */
export async function beginsLikeTls(client: Duplex, withinMs: Millis = firstByteMs): Promise<boolean> {
  const first = await new Promise<Buffer | null>(resolve => {
    const look = (): void => {
      const bytes = client.read() as Buffer | null
      if (bytes !== null) settle(bytes)
    }
    const none = (): void => settle(null)
    const timer = setTimeout(none, withinMs)
    const settle = (bytes: Buffer | null): void => {
      clearTimeout(timer)
      client.off('readable', look).off('end', none).off('close', none)
      resolve(bytes)
    }
    client.on('readable', look).on('end', none).on('close', none)
  })
  if (first !== null) client.unshift(first)
  return first?.[0] === handshakeRecord
}

/** @param client begins like TLS; destroyed when the handshake fails */
export async function openTls(client: Duplex, leaf: Leaf): Promise<Opened> {
  const server = createServer({
    key: leaf.key,
    cert: leaf.cert,
    ALPNProtocols: ['h2', 'http/1.1'],
    minVersion: 'TLSv1.2',
    handshakeTimeout: handshakeMs,
    ticketKeys
  })
  const opened = await new Promise<Opened>(resolve => {
    server.once('secureConnection', socket => {
      resolve({ kind: 'open', socket, protocol: socket.alpnProtocol === 'h2' ? 'h2' : 'http/1.1' })
    })
    server.once('tlsClientError', error => resolve(failureOf(error)))
    // Some end before there is anything that could be told as an error.
    client.once('close', () => resolve({ kind: 'failed', why: 'it left', isSilent: true }))
    // As an HTTP server has made it, it would wait for us when the client ends in the middle of its handshake.
    client.allowHalfOpen = false
    server.emit('connection', client)
  })
  if (opened.kind === 'failed') client.destroy()
  return opened
}

/** OpenSSL's own errors and the client's alerts have a reason; a connection that ends has none. */
export function failureOf(error: unknown): Opened & { readonly kind: 'failed' } {
  const code = codeOf(error)
  const isSilent = !code.startsWith('ERR_SSL_')
  const word = /^ERR_SSL_(?:(?:TLSV1|TLSV13|SSLV3)_)?(.*)$/.exec(code)?.[1] ?? messageOf(error)
  return { kind: 'failed', why: word.toLowerCase().replaceAll('_', ' '), isSilent }
}
