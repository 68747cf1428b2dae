/**
 * Who may call which route. Every route names the access it asks for; one that names none is closed, and so is
 * every path that does not exist: forgetting a line here locks a door, it never opens one.
 *
 * - `key`: anyone who has proven an AgentId in the TLS handshake (enrolment: the ticket decides).
 * - `member`: an enrolled agent that is not revoked.
 * - `viewer`, `auditor`, `operator`, `admin`: people and their programs (shared/src/admin-api/operation.ts), who show
 *   a credential that `signedIn` knows; `admin.token` in the data folder is one, from this machine only.
 * - `open`: anybody. For signing in, and to ask whether there is somebody.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { TLSSocket } from 'node:tls'
import { agentIdOfSocket } from '@starling/agent/identity/tls.ts'
import { roleAllows, type AccountRole } from '@starling/shared/admin-api/operation.ts'
import type { Actor } from '@starling/shared/admin-api/service.ts'
import { StarlingError } from '@starling/shared/errors.ts'
import type { AgentId } from '@starling/shared/ids.ts'
import type { FastifyRequest } from 'fastify'
import type { AgentRecord } from '../ports.ts'

export type Access = 'open' | 'key' | 'member' | AccountRole

declare module 'fastify' {
  interface FastifyContextConfig {
    access?: Access
    /** For the administrator of this machine alone. */
    localOnly?: boolean
    /** Whether the operation can be about one site: the rest is closed to who may see one site only. */
    sited?: boolean
  }
  interface FastifyRequest {
    /** Set for `key` and `member`. */
    agent: AgentId | null
    /** Set for `member`. */
    member: AgentRecord | null
    /** Set for the roles. */
    actor: Actor | null
  }
}

export interface Gatekeeper {
  readonly adminToken: string
  /** @throws StarlingError `not-enrolled`, `revoked` */
  readonly member: (agent: AgentId) => Promise<AgentRecord>
}

/** @throws StarlingError with a code that `statusOf` knows */
export async function admit(request: FastifyRequest, keeper: Gatekeeper): Promise<void> {
  const { access, localOnly = false, sited = false } = request.routeOptions.config
  switch (access) {
    case 'open':
      return
    case 'key':
      request.agent = callerOf(request)
      return
    case 'member':
      request.agent = callerOf(request)
      request.member = await keeper.member(request.agent)
      return
    case 'viewer':
    case 'auditor':
    case 'operator':
    case 'admin':
      request.actor = signedIn(request, keeper)
      refuseRole(request.actor, { access, localOnly, sited })
      return
    case undefined:
      throw new StarlingError('closed', 'there is nothing here')
  }
}

function signedIn(request: FastifyRequest, keeper: Gatekeeper): Actor {
  if (fromThisMachine(request) && tokenMatches(request.headers.authorization, keeper.adminToken))
    return { kind: 'local', name: 'local', role: 'admin', site: null }
  throw new StarlingError(
    'not-signed-in',
    'sign in first: on the machine of the coordinator, use starling-coordinator as a user who may read its data folder'
  )
}

function refuseRole(
  actor: Actor,
  wanted: { readonly access: AccountRole; readonly localOnly: boolean; readonly sited: boolean }
): void {
  if (!roleAllows(actor.role, wanted.access))
    throw new StarlingError(
      'role-too-low',
      `this asks for the role ${wanted.access}, and ${actor.name} has the role ${actor.role}: ask an administrator`
    )
  if (wanted.localOnly && actor.kind !== 'local')
    throw new StarlingError(
      'local-only',
      'this is done on the machine of the coordinator only: use starling-coordinator there'
    )
  if (actor.site !== null && !wanted.sited) throw otherSite(actor.site)
}

/** What who may ask about one site only gets for everything else. */
export function otherSite(site: string): StarlingError {
  return new StarlingError('other-site', `this credential is for the site ${site} only: name that site`)
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
