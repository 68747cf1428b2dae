/** What agents ask: to be let in, a fresh credential, and the heartbeat that carries everything else. */
import {
  agentContentType,
  apiPaths,
  decodeBody,
  encodeBody,
  enrolRequestShape,
  heartbeatRequestShape,
  newsRequestShape,
  type EnrolResponse,
  type HeartbeatResponse,
  type RenewResponse
} from '@starling/shared/coordinator-api.ts'
import { StarlingError, assert, codeOf } from '@starling/shared/errors.ts'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { encodedNews } from './encoded-news.ts'
import { createFailureBrake, type FailureBrake } from './rate-limit.ts'
import type { ApiParts } from './server.ts'

export function addAgentRoutes(server: FastifyInstance, parts: ApiParts, brake: FailureBrake): void {
  const { enrolment, purges, policy, orders, fleet, book, store, clock, heartbeatMs } = parts
  const now = (): number => Math.floor(clock())
  // Joining is written down for ever; a machine that does it all the time would fill the audit log.
  const byAgent = createFailureBrake(clock)

  server.post(apiPaths.enrol, { config: { access: 'key' } }, async (request, reply) => {
    const { agent } = request
    assert(agent, 'access `key` sets the agent')
    refuseBraked(reply, brake.waitMs(request.ip), 'too many wrong tickets from this address')
    refuseBraked(reply, byAgent.waitMs(agent), 'this agent joins again and again')
    const body = decodeBody(enrolRequestShape, bytesOf(request))
    byAgent.failed(agent)
    let credential
    try {
      credential = await enrolment.enrol(agent, body, request.ip)
    } catch (error) {
      // Only who guesses: the others of the site must not pay for a ticket that is used up, or a database that is away.
      if (codeOf(error) === 'ticket-unknown') brake.failed(request.ip)
      throw error
    }
    parts.log.info({ agent, site: credential.site, role: credential.role }, 'enrolled')
    const answer: EnrolResponse = {
      credential,
      coordinators: parts.coordinators(),
      revocations: await enrolment.revocationsSince(-1),
      time: now(),
      heartbeatMs
    }
    return send(reply, answer)
  })

  server.post(apiPaths.renew, { config: { access: 'member' } }, async (request, reply) => {
    assert(request.member, 'access `member` sets the member')
    const answer: RenewResponse = { credential: await enrolment.renew(request.member), time: now() }
    return send(reply, answer)
  })

  server.post(apiPaths.heartbeat, { config: { access: 'member' } }, async (request, reply) => {
    const { member } = request
    assert(member, 'access `member` sets the member')
    const told = decodeBody(heartbeatRequestShape, bytesOf(request))
    await store.heard(member.agent, now(), told.version)
    const whole = book.heard(member, told)
    if (told.orders !== undefined) orders.desk.heard(member, told.orders)
    // What it told adds to what is not known here: it is there, and tells all in a moment.
    const body = whole ?? { ...told, swarm: [] }
    const answer: HeartbeatResponse = {
      credential: await enrolment.renewIfDue(member, body.credentialSerial),
      revocations: await enrolment.revocationsSince(body.revocationsVersion),
      purges: await purges.newsSince(body.purgesVersion),
      policy: whole === null ? null : policy.heard(member, body),
      orders: orders.desk.newsFor(member, told.orders?.digest),
      report: whole === null ? 'full' : 'taken',
      handout: fleet.heartbeat({ agent: member.agent, addresses: body.addresses, swarm: body.swarm }),
      coordinators: parts.coordinators(),
      time: now(),
      heartbeatMs
    }
    return send(reply, answer)
  })

  server.post(apiPaths.news, { config: { access: 'member' } }, async (request, reply) => {
    const { member } = request
    assert(member, 'access `member` sets the member')
    const gone = new AbortController()
    reply.raw.once('close', () => {
      gone.abort()
    })
    const news = await policy.news.wait(member, decodeBody(newsRequestShape, bytesOf(request)), gone.signal)
    if (news === null) return reply.code(204).send()
    return reply.type(agentContentType).send(encodedNews(news))
  })
}

/** @throws StarlingError `too-many-failures` */
function refuseBraked(reply: FastifyReply, waitMs: number, why: string): void {
  if (waitMs === 0) return
  const waitS = Math.ceil(waitMs / 1000)
  reply.header('retry-after', waitS)
  throw new StarlingError('too-many-failures', `${why}: try again in ${waitS} s`)
}

function bytesOf(request: FastifyRequest): Uint8Array {
  if (request.body instanceof Uint8Array) return request.body
  throw new StarlingError('bad-body', `send a body of type ${agentContentType}`)
}

function send(reply: FastifyReply, body: Parameters<typeof encodeBody>[0]): FastifyReply {
  return reply.type(agentContentType).send(Buffer.from(encodeBody(body)))
}
