/**
 * Each request counted, and told as a span where traces are on. Of what agents ask all the time (heartbeats, polls) one in a hundred is
 * a span, or the collector of a fleet of 20,000 would hear 700 a second of the same; whoever brings a traceparent decides himself.
 */
import type { Spans, Span } from '@starling/agent/telemetry/spans.ts'
import { apiPaths } from '@starling/shared/coordinator-api.ts'
import type { FastifyInstance } from 'fastify'
import type { RequestTally } from '../request-tally.ts'
import { pageEventsPath } from './page-routes.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** The code of what went wrong. */
    failure: string | null
    span: Span | null
  }
}

const usualRoutes: ReadonlySet<string> = new Set([apiPaths.heartbeat, apiPaths.news])
const oneOf = 100

export function watchRequests(server: FastifyInstance, tally: RequestTally, spans: Spans): void {
  let usual = 0
  server.decorateRequest('failure', null)
  server.decorateRequest('span', null)

  // After it is known who asks: a stranger's traceparent would put what it likes into traces of others.
  if (spans.areTold)
    server.addHook('preHandler', async (request, reply) => {
      const { method, headers, routeOptions, actor, agent } = request
      const route = routeOptions.url ?? 'none'
      const traceparent = [headers.traceparent].flat()[0]
      if (traceparent === undefined && usualRoutes.has(route) && usual++ % oneOf !== 0) return
      request.span = spans.begin(`${method} ${route}`, {
        kind: 'server',
        traceparent: actor === null && request.member === null ? undefined : traceparent,
        at: Date.now() - reply.elapsedTime,
        facts: {
          'http.request.method': method,
          'http.route': route,
          ...(actor === null ? {} : { 'starling.role': actor.role }),
          ...(agent === null ? {} : { 'starling.agent': agent })
        }
      })
    })

  server.addHook('onResponse', async (request, reply) => {
    const { method, routeOptions, failure, span } = request
    const route = routeOptions.url
    const tookMs = route === pageEventsPath ? null : reply.elapsedTime
    tally.note({ method, route, status: reply.statusCode, failure, tookMs })
    span?.note({ 'http.response.status_code': reply.statusCode })
    span?.end(reply.statusCode < 500 ? null : (failure ?? 'failed'))
  })
}
