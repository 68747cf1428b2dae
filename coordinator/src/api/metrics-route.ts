/**
 * `/metrics`, beside the operations: text as Prometheus reads it, for whoever may see the fleet (a viewer's API token), also on
 * this machine: a program of any user there would be let in otherwise, and sites and figures are nobody's business.
 */
import type { Metrics } from '@starling/agent/telemetry/exposition.ts'
import type { FastifyInstance } from 'fastify'

export const metricsPath = '/metrics'

export function addMetricsRoute(server: FastifyInstance, metrics: Metrics): void {
  server.get(metricsPath, { config: { access: 'viewer' } }, async (_request, reply) =>
    reply.type(metrics.contentType).send(await metrics.text())
  )
}
