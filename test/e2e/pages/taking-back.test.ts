/** What an admin takes back on the coordinator's page, what ends under an open page, and who may do none of it. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createToken } from '@starling/shared/admin-api/accounts.ts'
import { setWebhook } from '@starling/shared/admin-api/alerts.ts'
import { createTicket } from '@starling/shared/admin-api/fleet.ts'
import { giveOrder } from '@starling/shared/admin-api/orders.ts'
import { parseTransferId } from '@starling/shared/ids.ts'
import { hourMs, MiB, minuteMs } from '@starling/shared/units.ts'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openHouse } from '../harness.ts'
import { createTicket as ticketOf, startCoordinator, type CoordinatorHandle } from '../site.ts'
import { visit, type Session } from './browser.ts'
import { describeInBrowser } from './in-browser.ts'
import { looksWell } from './looks.ts'
import { joinAsMade, type MadeAgent } from './made-agent.ts'
import { addressOf, ask, password, sessionsOf, signedOut, signIn, untilSignedIn } from './signing-in.ts'

const house = openHouse()
afterAll(() => house.close())
const patience = { timeout: 40_000 }
const transfer = parseTransferId('ab'.repeat(32))
/** The page asks for the versions of a scope that has none. */
const noPolicyYet = /404 \(Not Found\) \(https:.*\/versions\)/
/** A session that has ended is told by a refusal. */
const refused = /401 \(Unauthorized\)/

describeInBrowser("taking back on the coordinator's page", browser => {
  let coordinator: CoordinatorHandle
  let made: MadeAgent
  let sessions: Readonly<Record<'viewer' | 'operator' | 'admin', Session>>
  const told: unknown[] = []
  let webhook: string

  beforeAll(async () => {
    webhook = await listenForAlerts(told)
    coordinator = await startCoordinator(house, ['--heartbeat', '1s', '--site', 'berlin', '--no-gateway'])
    made = await joinAsMade(await ticketOf(house, coordinator))
    house.keep(() => made.close())
    await made.tell({ host: { hostName: 'desk-1' } })
    sessions = await sessionsOf(browser(), coordinator, ['viewer', 'operator'])
  }, 2 * minuteMs)

  const as = (
    who: Session,
    place: string,
    act: (page: Page) => Promise<void>,
    expects: readonly RegExp[] = []
  ): Promise<void> => visit(browser(), `${addressOf(coordinator)}#/${place}`, act, { session: who, expects })

  /** By hand, as the command line would. */
  const made200 = async (page: Page, path: string, body: object): Promise<unknown> => {
    const answer = await ask(page, 'POST', path, body)
    expect(answer).toMatchObject({ status: 200 })
    return answer.body
  }

  test('a ticket that is revoked is used up for the page, and for whoever has it', async () => {
    let ticket = ''
    await as(sessions.operator, 'enrolment', async page => {
      await untilSignedIn(page)
      ticket = (
        (await made200(page, createTicket.path, { uses: 3, expiresInMs: hourMs })) as { ticket: string }
      ).ticket
      const revoke = page.getByRole('button', { name: /^Revoke: / })
      await revoke.click()
      const dialog = page.getByRole('dialog', { name: /^Revoke: / })
      await dialog.getByText('Nobody can join with it any more').waitFor()
      await looksWell(page, 'coordinator-ticket-revoke')
      await dialog.getByRole('button', { name: 'Revoke' }).click()
      await dialog.waitFor({ state: 'hidden' })
      await revoke.waitFor({ state: 'detached' })
      await looksWell(page, 'coordinator-ticket-revoked')
    })
    await expect(joinAsMade(ticket)).rejects.toThrow(/ticket/)
  })

  test('a token that is revoked opens nothing any more', async () => {
    await as(
      sessions.admin,
      'accounts',
      async page => {
        await untilSignedIn(page)
        await page.getByRole('button', { name: 'New token' }).click()
        const making = page.getByRole('dialog', { name: 'New token' })
        await making.getByLabel('What for').fill('dashboard')
        await making.getByRole('button', { name: 'New token' }).click()
        const header = await making.locator('code').first().textContent()
        await looksWell(page, 'coordinator-token')
        await making.getByRole('button', { name: 'Close' }).click()
        const asked = () =>
          page.evaluate(
            async authorization => {
              const answer = await fetch('/api/v1/status', {
                headers: { authorization },
                credentials: 'omit'
              })
              return answer.status
            },
            (header ?? '').replace('Authorization: ', '')
          )
        expect(await asked()).toBe(200)
        await page.getByRole('button', { name: 'Revoke: dashboard' }).click()
        const dialog = page.getByRole('dialog', { name: 'Revoke: dashboard' })
        await dialog.getByRole('button', { name: 'Revoke' }).click()
        await page
          .getByRole('row', { name: /dashboard/ })
          .getByText('revoked')
          .waitFor()
        expect(await asked()).toBe(401)
        await looksWell(page, 'coordinator-token-revoked')
      },
      [refused]
    )
  })

  test('a rollout is paused, goes on, and is rolled back; and an older version comes back', async () => {
    await as(
      sessions.admin,
      'policy/fleet',
      async page => {
        await untilSignedIn(page)
        const versions = '/api/v1/policies/fleet/versions'
        const rollout = '/api/v1/policies/fleet/rollout'
        const whole = [{ who: { percent: 100 }, holdMs: null }]
        await made200(page, versions, { document: { uploadSlots: 4 }, reason: 'first' })
        await made200(page, rollout, { version: 1, stages: whole })
        await made200(page, `${rollout}/order`, { order: 'advance', reason: '' })
        await made200(page, versions, { document: { uploadSlots: 2 }, reason: 'second' })
        await made200(page, rollout, {
          version: 2,
          stages: [{ who: { percent: 50 }, holdMs: null }, ...whole]
        })
        const does = async (button: string, reason: string): Promise<void> => {
          await page.getByRole('button', { name: button, exact: true }).click()
          const dialog = page.getByRole('dialog', { name: button })
          await dialog.getByLabel('Reason').fill(reason)
          // Without what it is about, which the dialog's heading says.
          await dialog.getByRole('button', { name: button.split(':')[0]!, exact: true }).click()
          await dialog.waitFor({ state: 'hidden' })
        }
        await page.getByText('version 2 is being rolled out').waitFor()
        await does('Pause', 'calls from the helpdesk')
        await page.getByText('version 2 is paused').waitFor()
        await page.getByText(/paused by ada: calls from the helpdesk/).waitFor()
        await looksWell(page, 'coordinator-rollout-paused')
        await does('Resume', '')
        await page.getByText('version 2 is being rolled out').waitFor()
        await does('Roll back', 'slow uploads')
        await page.getByText('version 2 was rolled back').waitFor()
        await page.getByText('Version 1 is in force.', { exact: true }).waitFor()
        await looksWell(page, 'coordinator-rollout-rolled-back')
        await does('Back to this one: Version 2', 'it was something else')
        await page.getByText('Version 2 is in force.', { exact: true }).waitFor()
        await does('Withdraw', 'the defaults will do')
        await page.getByText('No version is in force.', { exact: true }).waitFor()
        await looksWell(page, 'coordinator-policy-withdrawn')
      },
      [noPolicyYet]
    )
  })

  test('an order is withdrawn', async () => {
    await as(sessions.operator, 'prestage', async page => {
      await untilSignedIn(page)
      await made200(page, giveOrder.path, {
        kind: 'pin',
        what: 'http://origin.example/kept.cab',
        scopes: ['fleet'],
        reason: 'in use'
      })
      await page.getByRole('link', { name: 'kept.cab' }).click()
      await page.getByRole('button', { name: 'Withdraw' }).click()
      const dialog = page.getByRole('dialog', { name: 'Withdraw' })
      await dialog.getByLabel('Reason').fill('no longer')
      await dialog.getByRole('button', { name: 'Withdraw' }).click()
      await dialog.waitFor({ state: 'hidden' })
      await page.getByText(/^withdrawn · operator · /).waitFor()
      expect(await page.getByRole('button', { name: 'Withdraw' }).count()).toBe(0)
      await looksWell(page, 'coordinator-order-withdrawn')
    })
  })

  test('a webhook is set, tried and taken away', async () => {
    await as(sessions.admin, 'alerts', async page => {
      await page.getByRole('button', { name: 'Set the webhook' }).click()
      const setting = page.getByRole('dialog', { name: 'Set the webhook' })
      await setting.getByLabel('Address').fill(webhook)
      await setting.getByLabel('Who listens there').selectOption('slack')
      await setting.getByRole('button', { name: 'Set the webhook' }).click()
      await page.getByText('To a webhook: Slack').waitFor()
      expect(await page.content()).not.toContain(webhook)
      await page.getByRole('button', { name: 'Test it' }).click()
      const trying = page.getByRole('dialog', { name: 'Test it' })
      await trying.getByRole('button', { name: 'Test it' }).click()
      await trying.getByText('It was told a made-up alert').waitFor()
      expect(told).toEqual([{ text: expect.stringMatching(/^Firing: /) }])
      await looksWell(page, 'coordinator-webhook-tested')
      await trying.getByRole('button', { name: 'Close' }).click()
      await page.getByRole('button', { name: 'Remove it' }).click()
      const removing = page.getByRole('dialog', { name: 'Remove it' })
      await removing.getByRole('button', { name: 'Remove it' }).click()
      await page.getByText('Nowhere: only this page').waitFor()
      expect(await page.getByRole('button', { name: 'Test it' }).count()).toBe(0)
    })
  })

  test('how a content spread is looked at again', async () => {
    let share = 0
    const grows = async (): Promise<void> => {
      share = Math.min(0.9, share + 0.1)
      await made.tell({
        host: { hostName: 'desk-1' },
        swarm: [
          {
            transfer,
            complete: false,
            name: 'http://origin.example/big.cab',
            length: 64 * MiB,
            share,
            wanBytes: 1
          }
        ]
      })
    }
    await grows()
    await as(sessions.viewer, `contents/${transfer}`, async page => {
      const play = page.getByRole('button', { name: 'Play' })
      const slider = page.getByRole('slider', { name: 'Moment' })
      const last = async () => {
        await grows()
        return Number(await slider.getAttribute('max'))
      }
      await expect.poll(last, { timeout: 60_000, interval: 1000 }).toBeGreaterThan(2)
      await looksWell(page, 'coordinator-spread')
      const now = await slider.inputValue()
      await play.click()
      await page.getByRole('button', { name: 'Pause' }).waitFor()
      await expect.poll(() => slider.inputValue()).toBe('0')
      await looksWell(page, 'coordinator-spread-replay')
      // It ends where it is now, by itself.
      await play.waitFor(patience)
      await expect.poll(async () => Number(await slider.inputValue())).toBeGreaterThanOrEqual(Number(now))
      await grows()
      await page.goto(`${addressOf(coordinator)}#/agents/${made.id}`)
      const download = page.getByRole('row').filter({ hasText: 'big.cab' })
      await download.getByText(/B\/s$/).waitFor()
      await download.getByText('1 B over the WAN').waitFor()
      await looksWell(page, 'coordinator-agent-downloads')
    })
  })

  test('a viewer sees all of this, and may change none of it', async () => {
    await as(sessions.admin, 'fleet', async page => {
      await untilSignedIn(page)
      await made200(page, createTicket.path, { uses: 3, expiresInMs: hourMs })
      await made200(page, createToken.path, {
        name: 'dashboard',
        role: 'viewer',
        site: null,
        expiresInMs: hourMs
      })
      await made200(page, setWebhook.path, { webhook: { url: webhook } })
      await made200(page, '/api/v1/policies/fleet/rollout', { version: 1 })
      const order = { kind: 'pin', what: 'http://origin.example/viewed.cab', scopes: ['fleet'], reason: '' }
      await made200(page, giveOrder.path, order)
    })
    await as(sessions.viewer, 'fleet', async page => {
      await untilSignedIn(page)
      const seen = [
        ['enrolment', 'good'],
        ['accounts', 'viewer'],
        ['policy/fleet', 'version 1 is being rolled out'],
        ['alerts', 'To a webhook'],
        ['prestage', 'viewed.cab']
      ] as const
      for (const [place, text] of seen) {
        await page.goto(`${addressOf(coordinator)}#/${place}`)
        await page.getByRole('main').getByText(text).first().waitFor()
        await looksWell(page, `coordinator-viewer-${place}`)
        await onlyLooks(page, place)
      }
      await page.getByRole('link', { name: 'viewed.cab' }).click()
      await page.getByText('Given by').waitFor()
      await onlyLooks(page, 'an order')
    })
  })

  test('a session that was ended elsewhere asks to sign in again, and goes on where it was', async () => {
    const place = 'policy/site:berlin'
    await as(
      sessions.viewer,
      place,
      async page => {
        await untilSignedIn(page)
        await page.getByRole('heading', { name: 'Settings' }).waitFor()
        const elsewhere = await page.context().newPage()
        await elsewhere.goto(addressOf(coordinator))
        await untilSignedIn(elsewhere)
        await elsewhere.getByRole('button', { name: 'Sign out' }).click()
        await elsewhere.getByRole('button', { name: 'Sign in', exact: true }).waitFor()
        await page.bringToFront()
        await page.getByRole('button', { name: 'Sign in', exact: true }).waitFor(patience)
        await page.getByText('Your session has ended').waitFor()
        await looksWell(page, 'coordinator-session-ended')
        await signIn(page, 'viewer', password)
        await untilSignedIn(page)
        await page.getByRole('heading', { name: 'Settings' }).waitFor()
        expect(new URL(page.url()).hash).toBe(`#/${place}`)
      },
      [refused, noPolicyYet]
    )
  })

  test('what was not saved of a policy outlives a reload, and is offered again', async () => {
    await as(
      sessions.admin,
      'policy/site:berlin',
      async page => {
        const field = page.getByRole('textbox', { name: 'DOMaxForegroundDownloadBandwidth' })
        const find = () => page.getByRole('searchbox').fill('DOMaxForegroundDownloadBandwidth')
        await find()
        await field.fill('2048')
        await page.reload()
        await page.getByText('changes that were not saved').waitFor()
        await looksWell(page, 'coordinator-policy-left')
        await find()
        expect(await field.inputValue()).toBe('')
        await page.getByRole('button', { name: 'Take them up again' }).click()
        await expect.poll(() => field.inputValue()).toBe('2048')
        await page.getByText('1 setting changed').waitFor()
        await page.getByRole('button', { name: 'Discard' }).click()
        await page.reload()
        await find()
        await field.waitFor()
        expect(await page.getByText('changes that were not saved').count()).toBe(0)
      },
      [noPolicyYet]
    )
  })

  test('says that it is the database that is away, and marks what is shown as old', async () => {
    await as(sessions.admin, 'fleet', async page => {
      await untilSignedIn(page)
      await page.route('**/api/v1/events', route =>
        route.fulfill({ contentType: 'text/event-stream', body: 'event: away\ndata: {}\n\n' })
      )
      await page.reload()
      await page.getByRole('status').getByText('database not reached, trying again').waitFor()
      await looksWell(page, 'coordinator-database-away')
      await page.unroute('**/api/v1/events')
      await untilSignedIn(page)
    })
  })

  test('an account that is disabled is out on each of its open pages', async () => {
    await as(
      sessions.operator,
      'fleet',
      async page => {
        await untilSignedIn(page)
        await as(sessions.admin, 'accounts', async admin => {
          await admin.getByRole('button', { name: 'Disable: operator' }).click()
          const dialog = admin.getByRole('dialog', { name: 'Disable: operator' })
          await dialog.getByRole('button', { name: 'Disable' }).click()
          await dialog.waitFor({ state: 'hidden' })
        })
        await page.getByRole('button', { name: 'Sign in', exact: true }).waitFor(patience)
        await signIn(page, 'operator')
        await page.getByRole('alert').getByText('the account is disabled').waitFor()
      },
      [refused, signedOut]
    )
  })
})

/** Whatever may be pressed there changes nothing of the fleet. */
async function onlyLooks(page: Page, place: string): Promise<void> {
  const names = await page.getByRole('main').getByRole('button', { disabled: false }).allTextContents()
  const harmless = /^(Change password|Open|Copy|Show|Hide)/
  expect(
    names.filter(name => !harmless.test(name)),
    place
  ).toEqual([])
}

/** @returns the address of a chat that takes whatever it is told */
async function listenForAlerts(told: unknown[]): Promise<string> {
  const server = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8').on('data', (part: string) => (body += part))
    request.on('end', () => {
      told.push(JSON.parse(body))
      response.end('ok')
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  house.keep(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/secret-hook`
}
