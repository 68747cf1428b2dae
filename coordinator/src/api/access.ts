/**
 * Who may call which route. Every route names the access it asks for; one that names none is closed, and so is
 * every path that does not exist: forgetting a line here locks a door, it never opens one.
 *
 * - `key`: anyone who has proven an AgentId in the TLS handshake (enrolment: the ticket decides).
 * - `member`: an enrolled agent that is not revoked.
 * - `admin`: this machine's administrator: whoever may read `admin.token` in the data folder, from this machine.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { TLSSocket } from 'node:tls'
import { agentIdOfSocket } from '@starling/agent/identity/tls.ts'
import { StarlingError } from '@starling/shared/errors.ts'
import type { AgentId } from '@starling/shared/ids.ts'
import type { FastifyRequest } from 'fastify'
import type { AgentRecord } from '../ports.ts'

export type Access = 'key' | 'member' | 'admin'

declare module 'fastify' {
  interface FastifyContextConfig {
    access?: Access
  }
  interface FastifyRequest {
    /** Set for `key` and `member`. */
    agent: AgentId | null
    /** Set for `member`. */
    member: AgentRecord | null
  }
}

export interface Gatekeeper {
  readonly adminToken: string
  /** @throws StarlingError `not-enrolled`, `revoked` */
  readonly member: (agent: AgentId) => Promise<AgentRecord>
}

/** @throws StarlingError with a code that `statusOf` knows */
export async function admit(request: FastifyRequest, keeper: Gatekeeper): Promise<void> {
  switch (request.routeOptions.config.access) {
    case 'key':
      request.agent = callerOf(request)
      return
    case 'member':
      request.agent = callerOf(request)
      request.member = await keeper.member(request.agent)
      return
    case 'admin':
      if (!fromThisMachine(request) || !tokenMatches(request.headers.authorization, keeper.adminToken)) {
        throw new StarlingError(
          'admin-only',
          'this is for the administrator of this machine: use starling-coordinator, as a user who may read its data folder'
        )
      }
      return
    case undefined:
      throw new StarlingError('closed', 'there is nothing here')
  }
}

function callerOf(request: FastifyRequest): AgentId {
  const agent = agentIdOfSocket(request.raw.socket as TLSSocket)
  if (agent === null)
    throw new StarlingError(
      'no-key',
      'show a certificate over your identity key: only agents are served here'
    )
  return agent
}

/** Loopback, or an address of ours talking to itself (when we listen on that one only). */
function fromThisMachine({ raw: { socket } }: FastifyRequest): boolean {
  const from = socket.remoteAddress?.replace(/^::ffff:/, '') ?? ''
  return (
    from === '::1' ||
    from.startsWith('127.') ||
    (from !== '' && from === socket.localAddress?.replace(/^::ffff:/, ''))
  )
}

/** Hashed first, so that both sides are of one length and the comparison takes the same time for all. */
function tokenMatches(header: string | undefined, token: string): boolean {
  return timingSafeEqual(hashOf(header ?? ''), hashOf(`Bearer ${token}`))
}

function hashOf(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
