/** The coordinator's page as an admin meets it: the first account, the first machine, a day's work. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openHouse } from '../harness.ts'
import { startAgent, startCoordinator, type AgentHandle, type CoordinatorHandle } from '../site.ts'
import { visit, type Session } from './browser.ts'
import { describeInBrowser } from './in-browser.ts'
import { focused, tabTo } from './keyboard.ts'
import { looksWell } from './looks.ts'
import { addressOf, makeFirstAdmin, password, signedOut, signIn, untilSignedIn } from './signing-in.ts'

const house = openHouse()
afterAll(() => house.close())

describeInBrowser("the coordinator's page", browser => {
  let coordinator: CoordinatorHandle
  let admin: Session
  const seen: AgentHandle[] = []

  beforeAll(async () => {
    coordinator = await startCoordinator(house, ['--heartbeat', '1s', '--site', 'berlin'])
  })

  test('makes the first admin of the code that the coordinator printed', async () => {
    admin = await visit(
      browser(),
      addressOf(coordinator),
      async page => {
        await looksWell(page, 'coordinator-sign-in')
        await makeFirstAdmin(page, coordinator)
        await page.getByText('ada · admin').waitFor()
        return await page.context().storageState()
      },
      { expects: [signedOut] }
    )
  })

  test('tells a wrong password, lets in with the right one, and out again', async () => {
    const wrong = /401 \(Unauthorized\) \(https:[^)]*\/api\/v1\/sign-in\)/
    await visit(
      browser(),
      addressOf(coordinator),
      async page => {
        await signIn(page, 'ada', `${password}?`)
        await page.getByRole('alert').waitFor()
        expect(await page.getByRole('navigation').count()).toBe(0)
        await signIn(page, 'ada')
        await untilSignedIn(page)
        await page.reload()
        await untilSignedIn(page)
        await page.getByRole('button', { name: 'Sign out' }).click()
        await page.getByRole('button', { name: 'Sign in', exact: true }).waitFor()
        await page.reload()
        await page.getByRole('button', { name: 'Sign in', exact: true }).waitFor()
      },
      { expects: [signedOut, wrong] }
    )
  })

  test('leads from an empty fleet to the first machine, which appears without a reload', async () => {
    await visit(
      browser(),
      addressOf(coordinator),
      async page => {
        await page.getByRole('heading', { name: 'Let the first machine join' }).waitFor()
        await looksWell(page, 'coordinator-first-steps')
        await page.getByRole('button', { name: 'Make a ticket' }).click()
        await page.getByRole('img', { name: 'The ticket as a QR code' }).waitFor()
        const [windows, command] = await page.locator('.ticket code').allTextContents()
        await looksWell(page, 'coordinator-ticket')
        const ticket = /^starling join (\S+)$/.exec(command ?? '')?.[1] ?? ''
        expect(windows).toBe(`msiexec /i starling.msi /qn TICKET=${ticket}`)

        const loaded = await page.evaluate(() => performance.timeOrigin)
        seen.push(await startAgent(house, 'first', { ticket }))
        await page.getByText('The machine has joined.').waitFor()
        await looksWell(page, 'coordinator-first-joined')
        await page.getByRole('button', { name: 'Go on' }).click()
        await page.getByText('Let the first machine join').waitFor({ state: 'detached' })
        await page.getByText('2 of 2').first().waitFor()
        expect(await page.evaluate(() => performance.timeOrigin)).toBe(loaded)
        await looksWell(page, 'coordinator-fleet')
      },
      { session: admin }
    )
  })

  test('lists sites and agents, finds one of them and shows it', async () => {
    const [agent] = seen as [AgentHandle]
    await visit(
      browser(),
      addressOf(coordinator),
      async page => {
        await page.getByRole('link', { name: 'Sites' }).click()
        await page.getByRole('link', { name: 'berlin' }).waitFor()
        await looksWell(page, 'coordinator-sites')
        await page.getByRole('link', { name: 'berlin' }).click()
        await page.getByText('2 of 2').waitFor()
        await looksWell(page, 'coordinator-site')

        await page.getByRole('navigation').getByRole('link', { name: 'Agents' }).click()
        const table = page.getByRole('table', { name: 'Agents' })
        const rows = table.locator('.row')
        await expect.poll(() => rows.count()).toBe(2)
        await looksWell(page, 'coordinator-agents')
        await page.getByRole('searchbox', { name: 'Name or id' }).fill(agent.id)
        await expect.poll(() => rows.count()).toBe(1)
        await page.getByRole('combobox', { name: 'State' }).selectOption('revoked')
        await page.getByText('No agent is like that').waitFor()
        await page.getByRole('combobox', { name: 'State' }).selectOption('online')
        await expect.poll(() => rows.count()).toBe(1)
        await rows.getByRole('link').first().click()
        await page.getByText(agent.id).first().waitFor()
        await looksWell(page, 'coordinator-agent')
      },
      { session: admin }
    )
  })

  test('says so while the coordinator is away, and is live again after its restart', async () => {
    await visit(
      browser(),
      addressOf(coordinator),
      async page => {
        await untilSignedIn(page)
        const loaded = await page.evaluate(() => performance.timeOrigin)
        const { port } = new URL(addressOf(coordinator))
        await coordinator.stop()
        await page.getByRole('status').getByText('coordinator not reached, trying again').waitFor()
        await looksWell(page, 'coordinator-away')
        coordinator = await startCoordinator(
          house,
          ['--heartbeat', '1s', '--listen', `127.0.0.1:${port}`],
          coordinator.folder
        )
        await page.getByRole('status').getByText('live', { exact: true }).waitFor()
        await page.getByText('2 of 2').first().waitFor()
        expect(await page.evaluate(() => performance.timeOrigin)).toBe(loaded)
      },
      { session: admin, expects: [/ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED_ENCODING/] }
    )
  })

  test('can be used without a mouse', async () => {
    const [agent] = seen as [AgentHandle]
    await visit(
      browser(),
      `${addressOf(coordinator)}#/fleet`,
      async page => {
        await untilSignedIn(page)
        await page.keyboard.press('Tab')
        await expect.poll(() => focused(page)).toBe('Skip to the content')
        await tabTo(page, 'Agents')
        await page.keyboard.press('Enter')
        await page.getByRole('table', { name: 'Agents' }).getByRole('link').first().waitFor()
        await page.goto(`${addressOf(coordinator)}#/agents/${agent.id}`)
        await page.getByRole('button', { name: 'Revoke' }).waitFor()
        await tabTo(page, 'Revoke')
        await page.keyboard.press('Enter')
        const dialog = page.getByRole('dialog', { name: 'Revoke' })
        await dialog.waitFor()
        await page.keyboard.press('Escape')
        await dialog.waitFor({ state: 'hidden' })
        expect(await focused(page)).toBe('Revoke')
      },
      { session: admin }
    )
  })

  test('speaks Chinese to whoever asks for it, and goes on doing so', async () => {
    await visit(
      browser(),
      `${addressOf(coordinator)}#/fleet`,
      async page => {
        await page.getByRole('combobox', { name: 'Language' }).selectOption('zh')
        await page.locator('html[lang=zh-Hans]').waitFor()
        const title = page.getByRole('heading', { level: 1 })
        await expect.poll(() => title.textContent()).toMatch(/^\p{Script=Han}+$/u)
        await page.reload()
        await expect.poll(() => title.textContent()).toMatch(/^\p{Script=Han}+$/u)
        await page.getByText('2 / 2').or(page.getByText(/2.+2/)).first().waitFor()
        await looksWell(page, 'coordinator-fleet-zh')
      },
      { session: admin }
    )
    await visit(browser(), addressOf(coordinator), page => page.locator('html[lang=zh-Hans]').waitFor(), {
      language: 'zh-CN',
      expects: [signedOut]
    })
  })

  test('puts a machine out of the fleet, after it was asked why', async () => {
    const [agent] = seen as [AgentHandle]
    await visit(
      browser(),
      `${addressOf(coordinator)}#/agents/${agent.id}`,
      async page => {
        await page.getByRole('button', { name: 'Revoke' }).click()
        const dialog = page.getByRole('dialog', { name: 'Revoke' })
        await dialog.getByLabel('Reason').fill('stolen')
        await looksWell(page, 'coordinator-revoke')
        await dialog.getByRole('button', { name: 'Revoke' }).click()
        await dialog.waitFor({ state: 'hidden' })
        await page.getByRole('button', { name: 'Revoke' }).waitFor({ state: 'detached' })
        await page.getByRole('navigation').getByRole('link', { name: 'Agents' }).click()
        await page.getByRole('combobox', { name: 'State' }).selectOption('revoked')
        await expect.poll(() => page.locator('.long-table .row').count()).toBe(1)
      },
      { session: admin }
    )
  })
})
