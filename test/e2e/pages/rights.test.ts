/** Who may do what on the coordinator's page: viewers, pages of others, and machines that lie about their names. */
import { createTicket } from '@starling/shared/admin-api/fleet.ts'
import { roleAllows } from '@starling/shared/admin-api/roles.ts'
import { minuteMs } from '@starling/shared/units.ts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { operations, pathOf, titleOf } from '../../join/operations.ts'
import { openHouse } from '../harness.ts'
import { createTicket as ticketOf, startCoordinator, type CoordinatorHandle } from '../site.ts'
import { foreignHost, visit, type Session } from './browser.ts'
import { describeInBrowser } from './in-browser.ts'
import { attackFrom, openForeignPage } from './foreign-page.ts'
import { looksWell } from './looks.ts'
import { joinAndTell } from './made-agent.ts'
import { addressOf, ask, sessionsOf, signedOut, untilSignedIn } from './signing-in.ts'

const house = openHouse()
afterAll(() => house.close())

describeInBrowser("who may do what on the coordinator's page", browser => {
  let coordinator: CoordinatorHandle
  let sessions: Readonly<Record<'viewer' | 'admin', Session>>
  let address: string
  let hostile: string

  beforeAll(async () => {
    coordinator = await startCoordinator(house, ['--heartbeat', '1s', '--site', 'berlin', '--no-gateway'])
    address = addressOf(coordinator)
    const ticket = await ticketOf(house, coordinator, ['--uses', '2'])
    hostile = await joinAndTell(ticket, {
      version: '<b>1</b>',
      host: {
        hostName: '<img src=x onerror=alert(1)>',
        platform: '<svg onload=alert(3)>'
      }
    })
    await joinAndTell(ticket, { host: { hostName: 'mirrored-\u202Egnp.exe\u200B' } })
    sessions = await sessionsOf(browser(), coordinator, ['viewer'])
  })

  const forbidden = operations.filter(({ access }) => access !== 'open' && !roleAllows('viewer', access))

  test('there is something that a viewer must not do', () => {
    expect(forbidden.map(titleOf)).toContain('POST /api/v1/agents/{agent}/revoke')
    expect(forbidden.length).toBeGreaterThan(20)
  })

  test('a viewer sees the fleet, and no button that changes it', async () => {
    await visit(
      browser(),
      `${address}#/agents/${hostile}`,
      async page => {
        await page.getByText(hostile).first().waitFor()
        expect(await page.getByRole('heading', { name: 'Administration' }).count()).toBe(0)
        for (const link of await page.getByRole('navigation').getByRole('link').all()) {
          await link.click()
          await page.getByRole('heading', { level: 1 }).waitFor()
          const changing = page.getByRole('main').getByRole('button', { disabled: false })
          const names = await changing.allTextContents()
          expect(
            names.filter(name => /make|revoke|move|remove|save|publish|delete|purge/i.test(name))
          ).toEqual([])
        }
      },
      { session: sessions.viewer }
    )
  })

  test('a viewer is refused what is asked for by hand, whatever it is', async () => {
    const answers = await visit(
      browser(),
      address,
      async page => {
        await untilSignedIn(page)
        const answers: string[] = []
        for (const operation of forbidden) {
          const { method } = operation
          const { status, body } = await ask(
            page,
            method,
            pathOf(operation),
            method === 'GET' ? undefined : {}
          )
          answers.push(`${titleOf(operation)}: ${status} ${(body as { code?: string } | null)?.code}`)
        }
        return answers
      },
      { session: sessions.viewer, expects: [/403 \(Forbidden\)/] }
    )
    expect(answers).toEqual(forbidden.map(operation => `${titleOf(operation)}: 403 role-too-low`))
  })

  test('names that are HTML or turn text round are shown as text', async () => {
    await visit(
      browser(),
      `${address}#/agents`,
      async page => {
        await page.getByRole('link', { name: '<img src=x onerror=alert(1)>' }).waitFor()
        await page.getByRole('link', { name: 'mirrored-\ufffdgnp.exe\ufffd' }).waitFor()
        await looksWell(page, 'coordinator-hostile-names')
        await page.getByRole('link', { name: '<img src=x onerror=alert(1)>' }).click()
        await page.getByRole('heading', { name: '<img src=x onerror=alert(1)>' }).waitFor()
        await page.getByText('<svg onload=alert(3)>').waitFor()
        expect(await page.locator('main img, main script, main b').count()).toBe(0)
      },
      { session: sessions.admin }
    )
  })

  test('a page of somebody else can neither read nor change anything with the session of who looks at it', async () => {
    const foreign = await openForeignPage(house)
    const ticket = JSON.stringify({ uses: 1, expiresInMs: minuteMs })
    const { path } = createTicket
    const attacks = [
      { method: 'GET', path: '/api/v1/agents' },
      { method: 'GET', path: '/api/v1/events' },
      { method: 'POST', path, body: ticket, type: 'text/plain' },
      { method: 'POST', path, body: ticket, type: 'application/json' }
    ]
    expect(await attackFrom(browser(), foreign, address, attacks, sessions.admin)).toEqual([])
    const tickets = await visit(browser(), address, page => ask(page, 'GET', '/api/v1/tickets'), {
      session: sessions.admin
    })
    expect(tickets.body).toMatchObject({ tickets: [{ usesMax: 2 }] })
  })

  test('a name that was turned to this machine gets the page, and nothing of a session', async () => {
    const rebound = new URL(address)
    rebound.hostname = foreignHost
    const asked = await visit(
      browser(),
      rebound.href,
      async page => {
        await page.getByRole('button', { name: 'Sign in', exact: true }).waitFor()
        return await Promise.all([
          ask(page, 'GET', '/api/v1/agents'),
          ask(page, 'POST', '/api/v1/tickets', {})
        ])
      },
      { session: sessions.admin, expects: [signedOut, /401 \(Unauthorized\)/] }
    )
    expect(asked.map(({ status }) => status)).toEqual([401, 401])
  })
})
