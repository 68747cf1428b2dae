/** Alerts, for people and their programs. */
import * as alerts from '@starling/shared/admin-api/alerts.ts'
import type { Alerting, WebhookBook } from '../fleet-ports.ts'
import type { AddRoute } from './route.ts'

export function addAlertRoutes(
  route: AddRoute,
  { alerting, webhook }: { readonly alerting: Alerting; readonly webhook: WebhookBook }
): void {
  route(alerts.listAlerts, async () => ({
    alerts: await alerting.list(),
    webhook: (await webhook.read())?.shape ?? null
  }))
  route(alerts.acknowledgeAlert, async ({ body: { id }, by }) => {
    await alerting.acknowledge(id, by)
    return { id }
  })
  route(alerts.listAlertRules, async () => ({ rules: await alerting.rules() }))
  route(alerts.setAlertRule, ({ params, body, by }) => alerting.setRule(params.rule, body.change, by))
  route(alerts.setWebhook, async ({ body, by }) => {
    await webhook.write(body.webhook, by)
    return { shape: body.webhook?.shape ?? null }
  })
  route(alerts.testWebhook, async () => {
    await webhook.test()
    return { ok: true as const }
  })
}
