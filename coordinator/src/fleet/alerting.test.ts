import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { noFigures } from '@starling/shared/fleet-series.ts'
import { minuteMs } from '@starling/shared/units.ts'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { alertRules, stepAlerts } from '../core/alerts.ts'
import { createLog } from '../log.ts'
import { alertStore } from '../store/alerts.ts'
import type { Database } from '../store/database.ts'
import { openDatabase } from '../store/open.ts'
import { webhookShapes, type Alerting, type Webhook, type WebhookShape } from '../fleet-ports.ts'
import { createAlerting } from './alerting.ts'
import { sendToWebhook } from './webhook.ts'

let folder: string
let database: Database
let server: Server
let webhook: Webhook
let status = 200
let isEndless = false
let answer = '{"errcode":0}'
const posted: Array<Record<string, unknown>> = []
let now = 0
let lowDisk = 0

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'starling-alerts-'))
  database = await openDatabase({ folder }, createLog('silent'))
  server = createServer((request, response) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      posted.push(JSON.parse(Buffer.concat(parts).toString('utf8')) as Record<string, unknown>)
      response.writeHead(status)
      if (isEndless) response.write('x'.repeat(8192))
      else response.end(answer)
    })
  })
  await new Promise<void>(resolve => {
    server.listen(0, '127.0.0.1', resolve)
  })
  webhook = { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/secret`, shape: 'json' }
  Object.assign(posted, { length: 0 })
  status = 200
  isEndless = false
  answer = '{"errcode":0}'
  now = 1_000_000
  lowDisk = 0
})
afterEach(async () => {
  server.closeAllConnections()
  server.close()
  await database.close()
  await rm(folder, { recursive: true })
})

function alerting(): Alerting {
  return createAlerting({
    store: alertStore(database),
    series: { totals: async () => new Map() },
    view: {
      sites: async () => ({
        sites: [
          {
            site: 'berlin',
            agents: 10,
            online: 10,
            gateways: 1,
            gatewaysOnline: 1,
            problems: { 'low-disk': lowDisk },
            day: noFigures(),
            amplification: null
          }
        ]
      })
    },
    decide: (known, measured, at) => stepAlerts(known, measured, alertRules, at),
    rules: alertRules,
    webhook: async () => webhook,
    send: sendToWebhook,
    clock: () => now,
    log: createLog('silent')
  })
}

async function minutes(one: Alerting, count: number): Promise<void> {
  for (let minute = 0; minute < count; minute++) {
    await one.work()
    now += minuteMs
  }
}

it('an alert is told once when it fires and once when it is over, also by another leader', async () => {
  lowDisk = 2
  await minutes(alerting(), 14)
  expect(posted).toEqual([])
  await minutes(alerting(), 4)
  expect(posted).toMatchObject([{ id: 'low-disk/berlin', state: 'firing', value: 0.2, site: 'berlin' }])
  const another = alerting()
  await minutes(another, 10)
  await another.acknowledge('low-disk/berlin', 'ann')
  expect(await another.list()).toMatchObject([{ state: 'firing', acknowledgedBy: 'ann' }])
  lowDisk = 0
  await minutes(another, 20)
  expect(posted.map(({ state }) => state)).toEqual(['firing', 'resolved'])
  await expect(another.acknowledge('low-disk/berlin', 'ann')).rejects.toMatchObject({ code: 'unknown-alert' })
})

it('a webhook that fails is tried again, ever later, until it has taken it', async () => {
  lowDisk = 2
  status = 500
  const one = alerting()
  await minutes(one, 16)
  expect(posted).toHaveLength(1)
  await minutes(one, 16)
  // After 1, 2, 4 and 8 minutes more.
  expect(posted).toHaveLength(5)
  status = 200
  await minutes(one, 60)
  expect(posted).toHaveLength(6)
})

const texts: Readonly<Record<WebhookShape, (body: Record<string, unknown>) => unknown>> = {
  json: body => body.summary,
  slack: body => body.text,
  teams: body => JSON.stringify(body.attachments),
  wecom: body => (body.text as { content: string }).content
}

it('a webhook whose answer never ends is told all the same', async () => {
  isEndless = true
  const word = { id: 'a/b', rule: 'a', site: 'b', state: 'firing', value: 1, summary: '', at: 1 } as const
  await sendToWebhook(webhook, word)
  expect(posted).toHaveLength(1)
})

it.each(webhookShapes)('a webhook of the shape %s is told what it is about', async shape => {
  const word = {
    id: 'r/s',
    rule: 'r',
    site: 's',
    state: 'firing',
    value: 1 / 3,
    summary: 'too much',
    at: 5
  } as const
  await sendToWebhook({ ...webhook, shape }, word)
  expect(posted).toHaveLength(1)
  expect(texts[shape](posted[0]!)).toContain('too much')
})

it('what WeCom refuses is a failure although it answers 200, and no error text gives the address away', async () => {
  answer = '{"errcode":93000,"errmsg":"invalid webhook url"}'
  const word = { id: 'r/s', rule: 'r', site: 's', state: 'firing', value: 1, summary: '', at: 5 } as const
  await expect(sendToWebhook({ ...webhook, shape: 'wecom' }, word)).rejects.toMatchObject({
    code: 'webhook-failed'
  })
  const problem = await sendToWebhook({ url: 'http://127.0.0.1:1/secret', shape: 'json' }, word).catch(String)
  expect(problem).not.toContain('secret')
})
