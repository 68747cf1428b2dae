/**
 * The coordinator's HTTPS API: fastify with the coordinator's identity certificate. There is one port for agents
 * (/v1, CBOR) and for people and their programs (/api/v1, JSON); what sets them apart is access.ts.
 */
import type { Alerting, FleetBook, FleetView, WebhookBook } from '../fleet-ports.ts'
import type { AddressInfo } from 'node:net'
import { gunzipSync } from 'node:zlib'
import { identityServerOptions } from '@starling/agent/identity/tls.ts'
import type { Asset } from '@starling/agent/page-files.ts'
import type { Metrics } from '@starling/agent/telemetry/exposition.ts'
import type { Spans } from '@starling/agent/telemetry/spans.ts'
import type { TlsIdentity } from '@starling/agent/identity/certificate.ts'
import type { StatusView } from '@starling/shared/admin-api/fleet.ts'
import { refusalStatuses } from '@starling/shared/admin-api/refusals.ts'
import { showOpenApi } from '@starling/shared/admin-api/service.ts'
import {
  agentContentType,
  encodeBody,
  requestBytesMax,
  type CoordinatorAddress
} from '@starling/shared/coordinator-api.ts'
import { StarlingError, codeOf, messageOf } from '@starling/shared/errors.ts'
import type { AgentId } from '@starling/shared/ids.ts'
import { secondMs, type Millis } from '@starling/shared/units.ts'
import { fastify, type FastifyError, type FastifyReply, type FastifyRequest } from 'fastify'
import type { Endpoint } from '../config.ts'
import type { Enrolment } from '../enrolment.ts'
import type { Log } from '../log.ts'
import { bothCertificates, type PageCertificate } from '../page-certificate.ts'
import type { RequestTally } from '../request-tally.ts'
import type { Orders } from '../orders.ts'
import type { PolicyService } from '../policy-service.ts'
import type { Purges } from '../purges.ts'
import type { AuditLog, CoordinatorStore, FleetPort, OrderDesk, Upkeep } from '../ports.ts'
import type { Accounts } from '../accounts.ts'
import { byActor } from '../by.ts'
import { admit } from './access.ts'
import { addAccountRoutes } from './account-routes.ts'
import { addAdminRoutes } from './admin-routes.ts'
import { addAlertRoutes } from './alert-routes.ts'
import { addAgentRoutes } from './agent-routes.ts'
import { addAuditRoutes } from './audit-routes.ts'
import { addPageRoutes } from './page-routes.ts'
import { addFleetRoutes } from './fleet-routes.ts'
import { openApiOf } from './openapi.ts'
import { addMetricsRoute } from './metrics-route.ts'
import { addOrderRoutes } from './order-routes.ts'
import { addPolicyRoutes } from './policy-routes.ts'
import { createFailureBrake } from './rate-limit.ts'
import { createRefusals } from './refusals.ts'
import { watchRequests } from './request-watch.ts'
import { createRouter } from './route.ts'
import { addUpkeepRoutes } from './upkeep-routes.ts'

/** An agent's request is small; one that takes longer than this is not going to end. */
const requestMsMax: Millis = 20 * secondMs
/** Longer than a heartbeat, so that agents keep their connection and the handshake is paid once. */
const keepAliveMs: Millis = 75 * secondMs
/** Told with 503: a database that comes back, or room that is made, is noticed soon without being asked for all the time. */
const retryAfterMs: Millis = 5 * secondMs

export interface ApiParts {
  readonly enrolment: Enrolment
  readonly purges: Purges
  readonly policy: PolicyService
  readonly orders: Orders & { readonly desk: Pick<OrderDesk, 'newsFor' | 'heard'> }
  readonly fleet: FleetPort
  readonly book: FleetBook
  readonly fleetView: FleetView
  readonly alerting: Alerting
  readonly webhook: WebhookBook
  readonly store: CoordinatorStore
  readonly clock: () => Millis
  readonly heartbeatMs: Millis
  readonly adminToken: string
  readonly accounts: Accounts
  readonly audit: AuditLog
  readonly upkeep: Upkeep
  /** Where agents find this one and the others of the fleet. */
  readonly coordinators: () => readonly CoordinatorAddress[]
  readonly status: () => Promise<StatusView>
  /** The files of the page. */
  readonly assets: ReadonlyMap<string, Asset>
  readonly metrics: Metrics
  readonly requests: RequestTally
  readonly spans: Spans
  readonly log: Log
}

export interface Api {
  /** @throws StarlingError `listen-failed` */
  listen(at: Endpoint): Promise<Endpoint>
  /** Every route as `METHOD /path`, for the test that none is open. */
  routes(): readonly string[]
  close(): Promise<void>
}

export function createApi(tls: TlsIdentity, page: PageCertificate, parts: ApiParts): Api {
  const brake = createFailureBrake(parts.clock)
  const refusals = createRefusals(parts.audit, parts.clock)
  const routes: string[] = []
  const server = fastify({
    https: {
      ...identityServerOptions(tls),
      ...bothCertificates(tls, page)
    },
    bodyLimit: requestBytesMax,
    requestTimeout: requestMsMax,
    keepAliveTimeout: keepAliveMs,
    forceCloseConnections: true,
    onProtoPoisoning: 'error',
    onConstructorPoisoning: 'error'
  })

  server.decorateRequest('agent', null)
  server.decorateRequest('member', null)
  server.decorateRequest('actor', null)
  server.addHook('onRoute', ({ method, url }) => {
    routes.push(`${String(method)} ${url}`)
  })
  watchRequests(server, parts.requests, parts.spans)
  // Before the body is read: a stranger does not get to send one.
  const keeper = {
    adminToken: parts.adminToken,
    byToken: (token: string) => parts.accounts.byToken(token),
    bySession: (session: string, isAttended: boolean) => parts.accounts.bySession(session, isAttended),
    member: (agent: AgentId) => parts.enrolment.member(agent)
  }
  server.addHook('onRequest', async request => {
    try {
      await admit(request, keeper)
    } catch (error) {
      await auditRefusal(request, error)
      throw error
    }
  })
  server.removeContentTypeParser('text/plain')
  server.addContentTypeParser(agentContentType, { parseAs: 'buffer' }, (request, body, done) => {
    try {
      done(null, opened(request.headers['content-encoding'], body as Buffer))
    } catch (error) {
      done(error as Error)
    }
  })
  server.setErrorHandler(answerError)
  server.setNotFoundHandler(async () => {
    throw new StarlingError('closed', 'there is nothing here')
  })
  addAgentRoutes(server, parts, brake)
  const { route, operations } = createRouter(server, parts.audit, refusals)
  addAdminRoutes(route, parts)
  addPolicyRoutes(route, parts.policy.policies)
  addAccountRoutes(route, parts)
  addAuditRoutes(route, parts.audit)
  addUpkeepRoutes(route, parts.upkeep)
  addFleetRoutes(route, parts)
  addAlertRoutes(route, parts)
  addPageRoutes(server, parts)
  addMetricsRoute(server, parts.metrics)
  addOrderRoutes(route, parts.orders)
  route(showOpenApi, async () => openApiOf(operations))

  /** Only of people who are known: strangers could fill the log. */
  async function auditRefusal(
    { actor, method, ip, routeOptions }: FastifyRequest,
    error: unknown
  ): Promise<void> {
    if (actor === null) return
    const action = `${method} ${routeOptions.url ?? ''}`
    await refusals.note({ by: byActor(actor, action, ip), target: '', outcome: codeOf(error) })
  }

  function answerError(
    error: FastifyError | StarlingError,
    request: FastifyRequest,
    reply: FastifyReply
  ): FastifyReply {
    const status = statusOf(error)
    request.failure = codeOf(error)
    const known = error instanceof StarlingError || status < 500
    const body = known
      ? {
          code: error instanceof StarlingError ? error.code : 'bad-request',
          message: messageOf(error).slice(0, 2000)
        }
      : { code: 'internal', message: 'the coordinator failed; its log says why' }
    const fact = {
      code: codeOf(error),
      path: request.routeOptions.url ?? 'unknown',
      agent: request.agent,
      by: request.actor?.name,
      from: request.ip
    }
    if (known) parts.log.info(fact, 'refused')
    else parts.log.error({ ...fact, err: error }, 'request failed')
    const cbor = request.headers['content-type'] === agentContentType
    if (status === 503) reply.header('retry-after', Math.ceil(retryAfterMs / secondMs))
    return reply
      .code(status)
      .type(cbor ? agentContentType : 'application/json')
      .send(cbor ? Buffer.from(encodeBody(body)) : body)
  }

  return {
    async listen({ host, port }) {
      try {
        await server.listen({ host, port })
      } catch (cause) {
        const why = codeOf(cause) === 'EADDRINUSE' ? 'something else listens there' : messageOf(cause)
        throw new StarlingError(
          'listen-failed',
          `cannot listen on ${host}:${port}: ${why}; stop it or give another --listen`,
          { cause }
        )
      }
      return { host, port: (server.server.address() as AddressInfo).port }
    },
    routes: () => routes,
    close: async () => {
      await server.close()
    }
  }
}

/** @throws StarlingError `bad-body`: not gzip, or a body that grows beyond what may be sent */
function opened(encoding: string | undefined, body: Buffer): Buffer {
  if (encoding === undefined) return body
  try {
    if (encoding === 'gzip') return gunzipSync(body, { maxOutputLength: requestBytesMax })
  } catch {
    throw new StarlingError('bad-body', `the body is no gzip, or longer than ${requestBytesMax} bytes`)
  }
  throw new StarlingError('bad-body', 'bodies may be encoded by gzip only')
}

function statusOf(error: FastifyError | StarlingError): number {
  if (error instanceof StarlingError) return refusalStatuses[error.code] ?? 500
  return error.statusCode ?? 500
}
