/**
 * Who may call which route. Every route names the access it asks for; one that names none is closed, and so is
 * every path that does not exist: forgetting a line here locks a door, it never opens one.
 *
 * - `key`: anyone who has proven an AgentId in the TLS handshake (enrolment: the ticket decides).
 * - `member`: an enrolled agent that is not revoked.
 * - `viewer`, `auditor`, `operator`, `admin`: people and their programs (shared/src/admin-api/operation.ts), who show
 *   a credential that `signedIn` knows; `admin.token` in the data folder is one, from this machine only.
 * - `open`: anybody. For signing in, and to ask whether there is somebody.
 * - `page`: the page's own files: anybody, and from a link on another page, too. They hold nothing of the fleet.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { TLSSocket } from 'node:tls'
import { agentIdOfSocket } from '@starling/agent/identity/tls.ts'
import { roleAllows, type AccountRole } from '@starling/shared/admin-api/roles.ts'
import type { Actor } from '@starling/shared/admin-api/service.ts'
import { StarlingError } from '@starling/shared/errors.ts'
import type { AgentId } from '@starling/shared/ids.ts'
import { unattendedHeader } from '@starling/shared/unattended.ts'
import type { FastifyRequest } from 'fastify'
import type { AgentRecord } from '../ports.ts'

export type Access = 'page' | 'open' | 'key' | 'member' | AccountRole

declare module 'fastify' {
  interface FastifyContextConfig {
    access?: Access
    /** For the administrator of this machine alone. */
    localOnly?: boolean
    /** Whether the operation can be about one site: the rest is closed to who may see one site only. */
    sited?: boolean
    /** Asked by open pages without anybody doing anything. */
    unattended?: boolean
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

export const sessionCookie = '__Host-starling'

export interface Gatekeeper {
  readonly adminToken: string
  /** Who has this API token or this session; null: nobody, or not any more. */
  readonly byToken: (token: string) => Promise<Actor | null>
  /** @param isAttended whether a person is there: that prolongs the session, and a page that is only open does not */
  readonly bySession: (session: string, isAttended: boolean) => Promise<Actor | null>
  /** @throws StarlingError `not-enrolled`, `revoked` */
  readonly member: (agent: AgentId) => Promise<AgentRecord>
}

/** @throws StarlingError with a code that `statusOf` knows */
export async function admit(request: FastifyRequest, keeper: Gatekeeper): Promise<void> {
  const { access, localOnly = false, sited = false } = request.routeOptions.config
  switch (access) {
    case 'page':
      return
    case 'open':
      refuseOtherPages(request, false)
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
      request.actor = await signedIn(request, keeper)
      refuseRole(request.actor, { access, localOnly, sited })
      return
    case undefined:
      throw new StarlingError('closed', 'there is nothing here')
  }
}

/** One credential is looked at, never a second one when the first does not do. */
async function signedIn(request: FastifyRequest, keeper: Gatekeeper): Promise<Actor> {
  const { authorization } = request.headers
  const session = sessionOf(request)
  refuseOtherPages(request, authorization === undefined && session !== null)
  let actor: Actor | null = null
  if (authorization !== undefined) {
    const token = /^Bearer (sct_[\w-]{43})$/.exec(authorization)?.[1]
    if (token !== undefined) actor = await keeper.byToken(token)
    else if (fromThisMachine(request) && tokenMatches(authorization, keeper.adminToken))
      actor = { kind: 'local', name: 'local', role: 'admin', site: null }
  } else if (session !== null) {
    const { unattended = false } = request.routeOptions.config
    actor = await keeper.bySession(session, !unattended && request.headers[unattendedHeader] === undefined)
  }
  if (actor !== null) return actor
  throw new StarlingError(
    'not-signed-in',
    'sign in first, or show a token that is valid; on the machine of the coordinator, use starling-coordinator as a user who may read its data folder'
  )
}

/** The secret in the cookie that signing in has set. */
export function sessionOf(request: FastifyRequest): string | null {
  for (const part of (request.headers.cookie ?? '').split(';')) {
    const [name, value = ''] = part.trim().split('=', 2)
    if (name === sessionCookie && /^[\w-]{43}$/.test(value)) return value
  }
  return null
}

/**
 * A page of somebody else must not use the session of who looks at it. The cookie is SameSite=Strict already; this is
 * for browsers and proxies that are not, and for pages on other ports of the same host.
 */
function refuseOtherPages(request: FastifyRequest, byCookie: boolean): void {
  const { origin, host } = request.headers
  const from = request.headers['sec-fetch-site']
  const isOwn = origin === `https://${host}`
  const isForeign =
    (origin !== undefined && !isOwn) || (from !== undefined && from !== 'same-origin' && from !== 'none')
  const changes = request.method !== 'GET' && request.method !== 'HEAD'
  if (isForeign || (byCookie && changes && !isOwn))
    throw new StarlingError(
      'cross-origin',
      'other web pages may not speak for you: open the page of the coordinator'
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
  return new StarlingError(
    'other-site',
    `this credential is for the site ${site} only: name that site, and ask for nothing that concerns others`
  )
}

/** Who shows on a connection never changes, and taking a certificate apart is a tenth of a heartbeat's work. */
const caller = Symbol('who has proven to be at the other end')

function callerOf(request: FastifyRequest): AgentId {
  const socket = request.raw.socket as TLSSocket & { [caller]?: AgentId | null }
  const agent = (socket[caller] ??= agentIdOfSocket(socket))
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
