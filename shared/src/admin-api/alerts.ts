/** Alerts: what fires, who has seen it, and where it is told. */
import { z } from 'zod'
import { dayMs, minuteMs } from '../units.ts'
import { operation } from './operation.ts'

const ruleShape = z.object({
  id: z.string(),
  summary: z.string(),
  unit: z.enum(['share', 'count', 'copies']).describe('of the figure'),
  threshold: z.number(),
  clearsBelow: z.number(),
  forMs: z.number(),
  enabled: z.boolean()
})
const forMsMax = 7 * dayMs
const at = z.number().int().nonnegative().nullable()
const webhookUrl = z.url({ protocol: /^https?$/ }).max(2048)
const shape = z.enum(['json', 'slack', 'teams', 'wecom'])

export const listAlerts = operation({
  method: 'GET',
  path: '/api/v1/alerts',
  access: 'viewer',
  summary: 'Alerts that fire, that are about to, and that are over since at most 30 days.',
  answer: z.object({
    alerts: z.array(
      z.object({
        id: z.string(),
        rule: z.string(),
        site: z.string(),
        state: z.enum(['pending', 'firing', 'resolved']),
        value: z.number(),
        firedAt: at,
        resolvedAt: at,
        acknowledgedAt: at,
        acknowledgedBy: z.string().nullable()
      })
    ),
    webhook: shape.nullable().describe('of what shape the webhook is; null: there is none')
  })
})

export const acknowledgeAlert = operation({
  method: 'POST',
  path: '/api/v1/alerts/acknowledge',
  access: 'operator',
  summary: 'Notes that somebody sees to an alert.',
  action: 'alert.acknowledge',
  body: z.strictObject({ id: z.string().max(256) }),
  answer: z.object({ id: z.string() })
})

export const listAlertRules = operation({
  method: 'GET',
  path: '/api/v1/alerts/rules',
  access: 'viewer',
  summary: 'The rules of alerts, as they are now.',
  answer: z.object({ rules: z.array(ruleShape) })
})

export const setAlertRule = operation({
  method: 'POST',
  path: '/api/v1/alerts/rules/{rule}',
  access: 'admin',
  summary: 'Changes a rule of alerts: what is left out stays; null makes it what it was at first.',
  action: 'alert.rule',
  params: z.strictObject({ rule: z.string().max(64) }),
  body: z.strictObject({
    change: z
      .strictObject({
        threshold: z.number().positive().max(1e6).optional(),
        clearsBelow: z
          .number()
          .positive()
          .max(1e6)
          .optional()
          .describe('at most the threshold; if left out, it follows the threshold in proportion'),
        forMs: z
          .number()
          .int()
          .min(minuteMs)
          .max(forMsMax)
          .optional()
          .describe('figures are looked at once a minute'),
        enabled: z.boolean().optional()
      })
      .nullable()
  }),
  answer: ruleShape
})

export const setWebhook = operation({
  method: 'POST',
  path: '/api/v1/alerts/webhook',
  access: 'admin',
  summary: 'Where alerts are told; null: nowhere. Its address is a secret and is never shown.',
  action: 'alert.webhook',
  body: z.strictObject({
    webhook: z.strictObject({ url: webhookUrl, shape: shape.default('json') }).nullable()
  }),
  answer: z.object({ shape: shape.nullable() })
})

export const testWebhook = operation({
  method: 'POST',
  path: '/api/v1/alerts/webhook/test',
  access: 'operator',
  summary: 'Tells the webhook a made-up alert.',
  action: 'alert.test',
  answer: z.object({ ok: z.literal(true) })
})
