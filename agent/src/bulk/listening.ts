/**
 * Who gets a socket to be served on: only who has proven, by the key in its certificate, to be an agent whose `hello` was
 * accepted. Everybody else is cut before a byte. Sockets are counted per peer and in total; connections that have not
 * proven anything yet are counted by themselves, so that strangers cannot use up what peers need.
 */
import type { AddressInfo, Socket } from 'node:net'
import { constants } from 'node:crypto'
import { createServer, type TLSSocket, type TlsOptions } from 'node:tls'
import { codeOf, StarlingError } from '@starling/shared/errors.ts'
import type { AgentId } from '@starling/shared/ids.ts'
import { bulkAlpn } from './frames.ts'
import { bulkCiphers } from './lane.ts'
import type { BulkLimits } from './limits.ts'

export interface ListeningWorld {
  /** Key and certificate, TLS 1.3 only, the other side's certificate asked for. */
  serverOptions(alpn: readonly string[]): TlsOptions
  /** Who the other side of a finished handshake has proven to be; null: nobody. */
  agentIdOfSocket(socket: TLSSocket): AgentId | null
  mayServe(peer: AgentId): boolean
  serve(socket: TLSSocket, peer: AgentId): void
  refused(reason: string, peer: AgentId | null): void
}

export interface Listening {
  readonly port: number
  /** Sockets that are served. */
  served(): number
  forget(peer: AgentId): void
  close(): Promise<void>
}

/** @throws StarlingError `listen-failed` */
export async function listenForBulk(
  world: ListeningWorld,
  at: { readonly host: string; readonly port: number },
  limits: BulkLimits
): Promise<Listening> {
  const served = new Map<AgentId, Set<TLSSocket>>()
  const strangers = new Map<string, Socket>()
  let servedCount = 0

  const server = createServer({
    ...world.serverOptions([bulkAlpn]),
    ciphers: bulkCiphers,
    noDelay: true,
    // No resumption: a resumed session would prove the key of yesterday.
    secureOptions: constants.SSL_OP_NO_TICKET
  })
  // Behind our own counting, should that ever fail.
  server.maxConnections = limits.servedMax + limits.strangersMax

  server.on('connection', (socket: Socket) => {
    const name = nameOf(socket)
    const sameAddress = [...strangers.values()].filter(one => one.remoteAddress === socket.remoteAddress)
    if (strangers.size >= limits.strangersMax || sameAddress.length >= limits.strangersPerAddress) {
      world.refused('too-many-strangers', null)
      socket.destroy()
      return
    }
    strangers.set(name, socket)
    socket.on('close', () => strangers.delete(name))
  })
  server.on('tlsClientError', () => world.refused('no-handshake', null))
  server.on('secureConnection', socket => {
    strangers.delete(nameOf(socket))
    // A reset of a socket that is being closed must not end the process.
    socket.on('error', () => socket.destroy())
    const peer = world.agentIdOfSocket(socket)
    const reason = refusal(socket, peer)
    if (reason !== null || peer === null) {
      world.refused(reason ?? 'no-certificate', peer)
      socket.destroy()
      return
    }
    keep(socket, peer)
    world.serve(socket, peer)
  })

  function refusal(socket: TLSSocket, peer: AgentId | null): string | null {
    if (socket.alpnProtocol !== bulkAlpn) return 'other-protocol'
    if (socket.isSessionReused()) return 'resumed'
    if (peer === null) return 'no-certificate'
    if (!world.mayServe(peer)) return 'not-accepted'
    return servedCount >= limits.servedMax ? 'too-many-sockets' : null
  }

  function keep(socket: TLSSocket, peer: AgentId): void {
    const sockets = served.get(peer) ?? new Set()
    served.set(peer, sockets)
    if (sockets.size >= limits.servedPerPeer) {
      const [oldest] = sockets
      world.refused('too-many-of-peer', peer)
      oldest?.destroy()
    }
    sockets.add(socket)
    servedCount++
    socket.on('close', () => {
      servedCount--
      sockets.delete(socket)
      if (sockets.size === 0 && served.get(peer) === sockets) served.delete(peer)
    })
  }

  await new Promise<void>((resolve, reject) => {
    server.once('error', cause =>
      reject(
        new StarlingError(
          'listen-failed',
          `cannot listen for bulk on ${at.host} port ${at.port} (${codeOf(cause)}): choose another port, or end the ` +
            'program that uses it',
          { cause }
        )
      )
    )
    server.listen(at.port, at.host, resolve)
  })

  return {
    port: (server.address() as AddressInfo).port,
    served: () => servedCount,
    forget(peer) {
      for (const socket of served.get(peer) ?? []) socket.destroy()
    },
    async close() {
      const open = [...strangers.values(), ...[...served.values()].flatMap(sockets => [...sockets])]
      const ended = open.map(socket => new Promise(resolve => void socket.once('close', resolve)))
      const closed = new Promise<void>(resolve => void server.close(() => resolve()))
      for (const socket of open) socket.destroy()
      await Promise.all([closed, ...ended])
    }
  }
}

function nameOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`
}
