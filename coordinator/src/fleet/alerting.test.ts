import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { noFigures } from '@starling/shared/fleet-series.ts'
import { minuteMs } from '@starling/shared/units.ts'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { byItself } from '../by.ts'
import { alertRulesWith, changedRule } from '../core/alert-rules.ts'
import { stepAlerts } from '../core/alerts.ts'
import { createLog } from '../log.ts'
import type { By, Change } from '../ports.ts'
import { createSealingKey } from '../sealing.ts'
import { alertRuleStore, alertStore } from '../store/alerts.ts'
import { openAudit, type AuditChain } from '../store/audit.ts'
import { createChange } from '../store/change.ts'
import { openSecrets } from '../store/secrets.ts'
import type { Database } from '../store/database.ts'
import { openDatabase } from '../store/open.ts'
import { webhookShapes, type Alerting, type Webhook, type WebhookShape } from '../fleet-ports.ts'
import { createAlerting } from './alerting.ts'
import { createWebhookBook } from './webhook-book.ts'
import { sendToWebhook } from './webhook.ts'

const masterKey = createSealingKey()
let folder: string
let database: Database
let audit: AuditChain
let change: Change
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
  const clock = (): number => now
  const secrets = await openSecrets(database, masterKey, clock)
  audit = await openAudit(database, secrets, clock)
  change = createChange(database, audit, secrets)
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
    ruleStore: alertRuleStore(database),
    change,
    decide: { alertRulesWith, changedRule, stepAlerts },
    webhook: async () => webhook,
    send: sendToWebhook,
    clock: () => now,
    log: createLog('silent')
  })
}

const ann: By = { ...byItself('alert'), actor: 'ann' }

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
  await another.acknowledge('low-disk/berlin', ann)
  expect(await another.list()).toMatchObject([{ state: 'firing', acknowledgedBy: 'ann' }])
  lowDisk = 0
  await minutes(another, 20)
  expect(posted.map(({ state }) => state)).toEqual(['firing', 'resolved'])
  await expect(another.acknowledge('low-disk/berlin', ann)).rejects.toMatchObject({ code: 'unknown-alert' })
})

it('a rule that was changed holds from the next minute on, for each leader, and stands in the audit log', async () => {
  const [one, another] = [alerting(), alerting()]
  lowDisk = 2
  await another.setRule('low-disk', { threshold: 0.3, forMs: 2 * minuteMs }, ann)
  await minutes(one, 20)
  expect(await one.list()).toEqual([])
  lowDisk = 3
  await minutes(one, 3)
  expect(posted).toMatchObject([{ id: 'low-disk/berlin', state: 'firing', value: 0.3 }])
  await expect(one.setRule('low-disk', { threshold: 2 }, ann)).rejects.toMatchObject({ code: 'bad-rule' })
  await another.setRule('low-disk', { enabled: false }, ann)
  await minutes(one, 1)
  expect(posted.map(({ state }) => state)).toEqual(['firing', 'resolved'])
  expect(await one.setRule('low-disk', null, ann)).toMatchObject({ threshold: 0.1, enabled: true })
  const entries = await audit.page({ count: 9 })
  expect(entries.map(({ actor, target, detail }) => [actor, target, detail])).toEqual([
    ['ann', 'low-disk', 'on, fires at 0.1, over below 0.08, after 15 min'],
    ['ann', 'low-disk', 'off, fires at 0.3, over below 0.24, after 2 min'],
    ['ann', 'low-disk', 'on, fires at 0.3, over below 0.24, after 2 min']
  ])
})

it('a webhook is set if and only if the audit log says so', async () => {
  const secrets = await openSecrets(database, masterKey, () => now)
  const failing: AuditChain = { ...audit, append: () => Promise.reject(new Error('no entry')) }
  const book = (log: AuditChain) =>
    createWebhookBook(
      name => secrets.read(name),
      createChange(database, log, secrets),
      sendToWebhook,
      () => now
    )
  await expect(book(failing).write(webhook, ann)).rejects.toThrow('no entry')
  expect(await book(audit).read()).toBeNull()
  await book(audit).write(webhook, ann)
  await expect(book(failing).write(null, ann)).rejects.toThrow('no entry')
  expect(await book(audit).read()).toEqual(webhook)
  const entries = await audit.page({ count: 9 })
  expect(entries.map(({ actor, target }) => [actor, target])).toEqual([['ann', 'json']])
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
