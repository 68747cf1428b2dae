/**
 * Requests out of TLS connections that were opened for us (InterceptPort): on which connections they come, and what they
 * are for. Such a connection is handed to the very server that took the CONNECT, so that all its limits hold; one of
 * HTTP/2 is taken apart into requests of HTTP/1.1 first (http2.ts).
 */
import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { headerOf, tokensOf, type HeaderList } from '@starling/shared/http-fields.ts'
import { addressAsSpelled } from '@starling/shared/request-target.ts'
import type { OpenedTls } from '../ports.ts'
import type { Faced } from './face.ts'
import { serveHttp2 } from './http2.ts'

export interface Interceptions {
  /** Undefined for a connection that is none of them. */
  of(connection: Duplex): OpenedTls | undefined
  serve(server: Server, opened: OpenedTls): void
}

export function createInterceptions(): Interceptions {
  const connections = new WeakMap<Duplex, OpenedTls>()
  return {
    of: connection => connections.get(connection),
    serve(server, opened) {
      // What opens TLS makes real sockets; ports.ts, which Node's types are kept out of, knows less of them.
      const socket = opened.socket as Socket
      const { remoteAddress } = socket
      const take = (connection: Duplex): void => {
        connections.set(connection, opened)
        // A stream of HTTP/2 belongs to the client of its connection, whose limits hold for it.
        if (connection !== socket) Object.assign(connection, { remoteAddress })
        server.emit('connection', connection)
      }
      if (opened.protocol === 'h2') serveHttp2(socket, take, () => opened.heard())
      else take(socket)
    }
  }
}

/**
 * What a request is for, by the connection that it came on. The client has asked for one host and was shown a
 * certificate for it: another name is another server's (RFC 9110, 7.4), and would be a way past the list.
 */
export function facedWithin(opened: OpenedTls, target: string, headers: HeaderList): Faced {
  opened.heard()
  const host = opened.port === 443 ? opened.host : `${opened.host}:${opened.port}`
  const origin = new URL(`https://${host}`).origin
  const named = headerOf(headers, 'host')
  const address = addressAsSpelled(target.startsWith('/') ? `${origin}${target}` : target)
  const url = address === null ? null : URL.parse(address)
  if (address === null || url === null || !/^(\/|https?:\/\/)/i.test(target))
    return { kind: 'refused', status: 400, text: 'this request line is neither a path nor an https address' }
  if (url.origin !== origin || (named !== null && URL.parse(`https://${named}`)?.origin !== origin)) {
    return {
      kind: 'refused',
      status: 421,
      text: `this connection is one to ${host}: open another one for ${named ?? url.host}`
    }
  }
  // To answer one would take a connection of its own through TLS: a tunnel does that as well, and hides it from us.
  if (tokensOf(headerOf(headers, 'upgrade')).some(protocol => protocol !== 'h2c')) {
    opened.unfit('the client asks for an upgrade, as for websockets')
    return { kind: 'refused', status: 501, text: 'from now on this host is tunnelled: try again' }
  }
  return { kind: 'target', face: 'forward', url: address }
}
