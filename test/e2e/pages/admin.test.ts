/** A day's work on the coordinator's page: policy, orders, alerts, accounts, tickets, and what the audit log says of it all. */
import { createLog } from '@starling/coordinator/log.ts'
import { openDatabase } from '@starling/coordinator/store/open.ts'
import { KiB, MiB, minuteMs, type BytesPerSecond } from '@starling/shared/units.ts'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { seededContent } from '../../doubles/content.ts'
import { startOrigin, type Origin } from '../../doubles/origin.ts'
import { openHouse } from '../harness.ts'
import {
  createTicket,
  startAgent,
  startCoordinator,
  type AgentHandle,
  type CoordinatorHandle
} from '../site.ts'
import { visit, type Session } from './browser.ts'
import { describeInBrowser } from './in-browser.ts'
import { looksWell } from './looks.ts'
import { joinAndTell } from './made-agent.ts'
import { englishIn } from './other-words.ts'
import { addressOf, password, sessionsOf, signedOut, signIn, untilSignedIn } from './signing-in.ts'

const house = openHouse()
afterAll(() => house.close())
/** Agents are told of orders and policies within seconds, on a loaded machine, too. */
const patience = { timeout: 40_000 }
/** What the coordinator does not take is an error for the browser. */
const refused = /status of 4\d\d/

describeInBrowser("an admin's work on the coordinator's page", browser => {
  let origin: Origin
  let coordinator: CoordinatorHandle
  let agent: AgentHandle
  let admin: Session

  beforeAll(async () => {
    origin = await startOrigin()
    house.keep(() => origin.close())
    const folder = house.folder('coordinator')
    await makeFiringAlert(folder)
    coordinator = await startCoordinator(
      house,
      ['--heartbeat', '1s', '--site', 'berlin', '--no-gateway'],
      folder
    )
    const ticket = await createTicket(house, coordinator, ['--uses', '2'])
    // Whose disk is full for as long as the test runs, so that the alert goes on.
    await joinAndTell(ticket, {
      host: { hostName: 'full' },
      report: { run: 1, sequence: 1, base: null, gone: [], problems: ['low-disk'], earlier: [] }
    })
    agent = await startAgent(house, 'managed', { ticket })
    ;({ admin } = await sessionsOf(browser(), coordinator, []))
  }, 2 * minuteMs)

  const asAdmin = (
    place: string,
    act: (page: Page) => Promise<void>,
    expects: readonly RegExp[] = []
  ): Promise<void> =>
    visit(browser(), `${addressOf(coordinator)}#/${place}`, act, { session: admin, expects })

  test('each view looks well, with little in it', async () => {
    await asAdmin('fleet', async page => {
      await untilSignedIn(page)
      for (const link of await page.getByRole('navigation').getByRole('link').all()) {
        const name = (await link.textContent()) ?? ''
        await link.click()
        await page.getByRole('heading', { level: 1, name }).waitFor()
        await page.getByText('Loading …').first().waitFor({ state: 'detached' })
        await looksWell(page, `coordinator-view-${name}`)
      }
    })
  })

  test(
    'says all of it in Chinese, policies and what they would do to the fleet too',
    async () => {
      await visit(
        browser(),
        `${addressOf(coordinator)}#/fleet`,
        async page => {
          await page.locator('html[lang=zh-Hans]').waitFor()
          for (const link of await page.getByRole('navigation').getByRole('link').all()) {
            const name = (await link.textContent()) ?? ''
            await link.click()
            await page.getByRole('heading', { level: 1, name }).waitFor()
            await page.getByText('加载中…').first().waitFor({ state: 'detached' })
            expect(await englishIn(page), name).toEqual([])
            await looksWell(page, `coordinator-zh-${new URL(page.url()).hash}`)
          }
          await page.goto(`${addressOf(coordinator)}#/policy/fleet`)
          await page.getByText('最大缓存大小（百分比）').waitFor({ state: 'attached' })
          expect(await englishIn(page)).toEqual([])
          await page.getByRole('searchbox').fill('下载模式')
          await page.getByRole('combobox', { name: 'DODownloadMode' }).selectOption('0')
          await page.getByRole('button', { name: '检查并保存' }).click()
          await page
            .getByText(/站点 berlin 将无法共享：DODownloadMode 为 0，不与其他计算机共享（\d 个代理）/)
            .waitFor()
          await looksWell(page, 'coordinator-zh-review')
          await page.keyboard.press('Escape')
          await page.getByRole('searchbox').fill('')
          await page.getByText('磁盘缓存').click()
          await looksWell(page, 'coordinator-zh-policy')
        },
        { session: admin, language: 'zh-CN', expects: [refused] }
      )
      // Each view in both looks and both widths.
    },
    3 * minuteMs
  )

  test('sets a policy after a dry run, and a real agent has it when its rollout is over', async () => {
    await asAdmin(
      'policy/fleet',
      async page => {
        await page.getByRole('searchbox').fill('DOMaxForegroundDownloadBandwidth')
        const field = page.getByRole('textbox', { name: 'DOMaxForegroundDownloadBandwidth' })
        await field.fill('much')
        await page.locator('.review-bar > p .trouble').waitFor()
        await looksWell(page, 'coordinator-policy-fault')
        await field.fill('2048')
        const review = page.getByRole('button', { name: 'Review and save' })
        await review.click()
        const dialog = page.getByRole('dialog', { name: 'Review and save' })
        await dialog.getByText('DOMaxForegroundDownloadBandwidth').waitFor()
        await dialog.getByText('What it would do to the fleet').waitFor()
        await dialog.getByLabel('Reason').fill('the line is thin')
        await dialog.getByLabel('How it reaches its agents').selectOption('own')
        await dialog.getByLabel(/^Stages/).fill('site:berlin,100')
        await dialog.getByLabel('Watch each stage for').selectOption('manual')
        await looksWell(page, 'coordinator-policy-review')
        await dialog.getByRole('button', { name: 'Save and roll out' }).click()
        await dialog.waitFor({ state: 'hidden' })
        await page.getByText('stage 1 of 2').waitFor()
        await expect.poll(() => limitOf(agent), patience).toBe(2048 * KiB)
        await page.getByRole('img', { name: /^1 of \d+ have it/ }).waitFor(patience)
        await looksWell(page, 'coordinator-policy-rollout')
        await page.getByRole('button', { name: 'Next stage now' }).click()
        const sure = page.getByRole('dialog', { name: 'Next stage now' })
        await sure.getByRole('button', { name: 'Next stage now' }).click()
        await page.getByText('stage 2 of 2').waitFor(patience)
      },
      [refused]
    )
  })

  test('has a file fetched by an agent before anybody asks for it', async () => {
    origin.put('/staged.msu', seededContent('staged', 6 * MiB))
    await asAdmin('prestage', async page => {
      await page.getByRole('button', { name: 'Pre-stage a file' }).click()
      const dialog = page.getByRole('dialog', { name: 'Pre-stage a file' })
      await dialog.getByLabel('URL', { exact: true }).fill(`${origin.url}/staged.msu`)
      await dialog.locator('select[name=scope]').selectOption('site:berlin')
      await looksWell(page, 'coordinator-order')
      await dialog.getByRole('button', { name: 'Pre-stage a file' }).click()
      await dialog.waitFor({ state: 'hidden' })
      await page.getByRole('link', { name: 'staged.msu' }).click()
      await page.getByRole('img', { name: /^staged\.msu: 1 of 2 done/ }).waitFor(patience)
      expect((await agent.transfers()).find(({ key }) => key.endsWith('/staged.msu'))?.complete).toBe(true)
      await looksWell(page, 'coordinator-order-done')
      await page.getByRole('link', { name: 'Contents' }).click()
      await page.getByRole('link', { name: 'staged.msu' }).click(patience)
      await page
        .getByRole('heading', { name: /staged\.msu/ })
        .first()
        .waitFor()
      await looksWell(page, 'coordinator-content')
    })
  })

  test('acknowledges an alert', async () => {
    await asAdmin('alerts', async page => {
      await page.getByRole('button', { name: /^Acknowledge: / }).click()
      await page.getByRole('cell', { name: 'ada' }).waitFor()
      await looksWell(page, 'coordinator-alerts')
    })
  })

  test('makes an account, whose owner signs in with it', async () => {
    await asAdmin(
      'accounts',
      async page => {
        await page.getByRole('button', { name: 'New account' }).click()
        const dialog = page.getByRole('dialog', { name: 'New account' })
        await dialog.getByLabel('Name').fill('eve')
        await dialog.getByLabel('Role').selectOption('auditor')
        await dialog.getByLabel('Password').fill('weak')
        await dialog.getByRole('button', { name: 'New account' }).click()
        await dialog.getByRole('alert').waitFor()
        await dialog.getByLabel('Password').fill(password)
        await dialog.getByRole('button', { name: 'New account' }).click()
        await dialog.waitFor({ state: 'hidden' })
        await page.getByRole('row').filter({ hasText: 'eve' }).waitFor()
        await looksWell(page, 'coordinator-accounts')
      },
      [refused]
    )
    await visit(
      browser(),
      addressOf(coordinator),
      async page => {
        await signIn(page, 'eve')
        await untilSignedIn(page)
        await page.getByText('eve · auditor').waitFor()
      },
      { expects: [signedOut] }
    )
  })

  test('finds in the audit log who did what', async () => {
    await asAdmin('audit', async page => {
      await page.getByLabel('Action').fill('account.create')
      await page.getByRole('button', { name: 'Search' }).click()
      const rows = page.getByRole('row').filter({ hasText: 'account.create' })
      await rows.filter({ hasText: 'eve' }).filter({ hasText: 'ada' }).first().waitFor()
      expect(await page.getByRole('row').filter({ hasText: 'order.' }).count()).toBe(0)
      await page.getByRole('button', { name: 'Verify' }).click()
      await page.getByText(/entries, none changed/).waitFor()
      await looksWell(page, 'coordinator-audit')
    })
  })
})

const limitOf = async (agent: AgentHandle): Promise<BytesPerSecond> =>
  (await agent.status()).policy.maxForegroundDownloadBytesPerSecond

/** As it is a few minutes after disks have run full: figures are looked at once a minute, and tests do not wait. */
async function makeFiringAlert(folder: string): Promise<void> {
  const database = await openDatabase({ folder }, createLog('silent'))
  try {
    const now = Date.now()
    await database.db
      .insertInto('alerts')
      .values({
        id: 'low-disk/berlin',
        rule: 'low-disk',
        site: 'berlin',
        state: 'firing',
        turnedAt: now,
        value: 1,
        firedAt: now,
        resolvedAt: null,
        acknowledgedAt: null,
        acknowledgedBy: null,
        told: 'firing',
        attempts: 0,
        nextAt: 0
      })
      .execute()
  } finally {
    await database.close()
  }
}
