/**
 * Agents that speak only bulk, on loopback: real keys, certificates and sockets, ephemeral ports. What `hello` would have
 * settled (who may speak with whom, and where they listen) is a table here that tests change.
 */
import type { AddressInfo } from 'node:net'
import { createServer, type Server, type TLSSocket, type TlsOptions } from 'node:tls'
import { createBulkTls, type BulkTls } from '@starling/agent/bulk/bulk-tls.ts'
import type { BulkLimits } from '@starling/agent/bulk/limits.ts'
import { createTlsIdentity, type TlsIdentity } from '@starling/agent/identity/certificate.ts'
import { createIdentity, type Identity } from '@starling/agent/identity/keys.ts'
import { agentIdOfSocket, dialAgent, identityServerOptions } from '@starling/agent/identity/tls.ts'
import { createLog } from '@starling/agent/log.ts'
import type { AgentId } from '@starling/shared/ids.ts'

export interface BulkAgent {
  readonly id: AgentId
  readonly identity: Identity
  readonly tls: TlsIdentity
  readonly bulk: BulkTls
}

export interface BulkLoopback {
  agent(limits?: Partial<BulkLimits>, port?: number): Promise<BulkAgent>
  /** Whose bulk listener is believed to be where. */
  readonly ports: Map<AgentId, number>
  /** Whose `hello` counts, in everybody's eyes. */
  readonly accepted: Set<AgentId>
  /** Listens as an agent would, and does with each socket what the test wants: for peers that lie. */
  liar(onSocket: (socket: TLSSocket) => void, showing?: TlsOptions): Promise<AgentId>
  /** A socket to `to` by itself, as `from` or as nobody: for peers that do not keep to the protocol. */
  dial(to: BulkAgent, from: TlsIdentity | null, alpn?: readonly string[]): Promise<TLSSocket>
  end(agent: BulkAgent): Promise<void>
  endAll(): Promise<void>
}

export function createBulkLoopback(): BulkLoopback {
  const ports = new Map<AgentId, number>()
  const accepted = new Set<AgentId>()
  const running = new Set<BulkAgent>()
  const raw = new Set<TLSSocket>()
  const servers = new Set<Server>()

  async function end(agent: BulkAgent): Promise<void> {
    running.delete(agent)
    ports.delete(agent.id)
    await agent.bulk.close()
  }

  return {
    ports,
    accepted,
    async agent(limits = {}, port = 0) {
      const identity = createIdentity()
      const tls = await createTlsIdentity(identity)
      const bulk = await createBulkTls(
        {
          dial: to => dialAgent({ ...to, tls }),
          serverOptions: alpn => identityServerOptions(tls, alpn),
          agentIdOfSocket,
          mayServe: peer => accepted.has(peer),
          where(peer) {
            const at = ports.get(peer)
            return at === undefined ? null : { host: '127.0.0.1', port: at }
          },
          log: createLog(process.env.STARLING_TEST_LOG ?? 'silent', 'test')
        },
        { host: '127.0.0.1', port, limits }
      )
      const agent = { id: identity.agentId, identity, tls, bulk }
      running.add(agent)
      ports.set(agent.id, bulk.port)
      accepted.add(agent.id)
      return agent
    },
    async liar(onSocket, showing = {}) {
      const identity = createIdentity()
      const server = createServer(
        { ...identityServerOptions(await createTlsIdentity(identity), ['starling/bulk/1']), ...showing },
        socket => {
          socket.on('error', () => {})
          raw.add(socket)
          onSocket(socket)
        }
      )
      server.on('tlsClientError', () => {})
      await new Promise<void>(resolve => void server.listen(0, '127.0.0.1', resolve))
      servers.add(server)
      ports.set(identity.agentId, (server.address() as AddressInfo).port)
      accepted.add(identity.agentId)
      return identity.agentId
    },
    async dial(to, from, alpn = ['starling/bulk/1']) {
      const socket = await dialAgent({
        host: '127.0.0.1',
        port: to.bulk.port,
        expected: to.id,
        tls: from,
        alpn
      })
      socket.on('error', () => {})
      raw.add(socket)
      return socket
    },
    end,
    async endAll() {
      const closed = [...servers].map(server => new Promise(resolve => void server.close(resolve)))
      for (const socket of raw) socket.destroy()
      await Promise.all([...closed, ...[...running].map(end)])
      servers.clear()
      raw.clear()
    }
  }
}
