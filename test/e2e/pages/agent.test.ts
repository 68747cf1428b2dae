/** The agent's page as the user of a machine and the helpdesk see it: what goes on, live, and nothing for strangers. */
import { readFileSync } from 'node:fs'
import { request } from 'node:http'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { KiB, MiB, minuteMs } from '@starling/shared/units.ts'
import { routes } from '@starling/agent/page/routes.ts'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { seededContent } from '../../doubles/content.ts'
import { startOrigin, type Origin } from '../../doubles/origin.ts'
import { download } from '../client.ts'
import { openHouse } from '../harness.ts'
import { fleetSecret, startAgent, startMembers, type AgentHandle } from '../site.ts'
import { foreignHost, visit } from './browser.ts'
import { describeInBrowser } from './in-browser.ts'
import { attackFrom, openForeignPage } from './foreign-page.ts'
import { looksWell } from './looks.ts'
import { englishIn } from './other-words.ts'

const house = openHouse()
/** Bytes of a real download, on a loaded machine. */
const patience = { timeout: 20_000 }
afterAll(() => house.close())

describeInBrowser("the agent's page", browser => {
  let origin: Origin
  let first: AgentHandle
  let second: AgentHandle
  const secret = fleetSecret()

  beforeAll(async () => {
    origin = await startOrigin()
    house.keep(() => origin.close())
    ;[first, second] = (await startMembers(house, secret, ['page-1', 'page-2'])) as [AgentHandle, AgentHandle]
  })

  const untilLive = (page: Page): Promise<void> =>
    page.getByRole('status').getByText('live', { exact: true }).waitFor()
  const go = (page: Page, place: string): Promise<void> =>
    page.getByRole('navigation').getByRole('link', { name: place }).click()
  const rowOf = (page: Page, name: string) => page.locator('.long-table .row').filter({ hasText: name })

  test('says what to do while there is nothing to see', async () => {
    await visit(browser(), `${first.page}/`, async page => {
      await untilLive(page)
      await page.getByText('Nothing is being downloaded').waitFor()
      await page.getByText(first.proxy).waitFor()
      await looksWell(page, 'agent-empty')
    })
  })

  test('shows a download from its first bytes to its end, where its chunks came from, and why', async () => {
    const length = 24 * MiB
    origin.put('/update.cab', seededContent('page', length))
    origin.setRate(2 * MiB)
    await visit(browser(), `${first.page}/`, async page => {
      await untilLive(page)
      const done = download(first.proxy, `${origin.url}/update.cab`)
      const card = page.getByRole('listitem', { name: 'update.cab' })
      await card.waitFor()
      const percent = async (): Promise<number> =>
        Number.parseFloat((await card.locator('.percent strong').textContent()) ?? '')
      await expect.poll(percent, patience).toBeGreaterThan(5)
      const before = await percent()
      await expect.poll(percent, patience).toBeGreaterThan(before)
      await card.getByRole('img', { name: /^Chunks of update\.cab: .*Origin \d+%/ }).waitFor()
      await card.getByText('This machine fetches from the origin').waitFor()
      const slider = card.getByRole('slider')
      await slider.focus()
      await page.keyboard.press('ArrowRight')
      await card.getByText('Chunk 1: Origin').waitFor()
      origin.put('/second.cab', seededContent('second', 8 * MiB))
      const other = download(first.proxy, `${origin.url}/second.cab`)
      const secondCard = page.getByRole('listitem', { name: 'second.cab' })
      await secondCard.getByRole('button', { name: 'Chunks, and why' }).click()
      await secondCard.getByRole('img', { name: /^Chunks of second\.cab/ }).waitFor()
      await card.getByRole('img', { name: /^Chunks of update\.cab/ }).waitFor()
      // What goes on is not to stop before it has been looked at, nor to take longer.
      origin.setRate(64 * KiB)
      await looksWell(page, 'agent-download')
      origin.setRate(null)
      expect((await done).bytes).toBe(length)
      await other
      await card.waitFor({ state: 'detached' })
      await page
        .getByRole('listitem')
        .filter({ hasText: 'update.cab' })
        .getByRole('img', { name: /Origin [\d.]+ MiB/ })
        .waitFor()
    })
  })

  test('names the peers that a file came from', async () => {
    await visit(browser(), `${second.page}/`, async page => {
      await untilLive(page)
      await download(second.proxy, `${origin.url}/update.cab`)
      const lately = page.getByRole('listitem').filter({ hasText: 'update.cab' })
      await lately.getByRole('img', { name: /LAN peers [\d.]+ MiB/ }).waitFor()
      expect(await lately.getByRole('img', { name: /Origin/ }).count()).toBe(0)
      await looksWell(page, 'agent-now')
      await go(page, 'Peers')
      await page
        .getByRole('row')
        .filter({ hasText: hostname().split('.')[0]! })
        .filter({ hasText: first.id.slice(-8) })
        .getByText(/[\d.]+ MiB/)
        .first()
        .waitFor()
      await looksWell(page, 'agent-peers')
    })
  })

  test('has a place for savings, cache, health, policy and log, each of which looks well', async () => {
    await visit(browser(), `${second.page}/`, async page => {
      await untilLive(page)
      await go(page, 'Savings')
      await page.getByText('From PCs on your local network').first().waitFor()
      await looksWell(page, 'agent-savings')
      await page.getByRole('button', { name: 'Show as table' }).click()
      const times = page.getByRole('columnheader', { name: 'Time' })
      await times.waitFor()
      await page
        .getByRole('cell', { name: /[1-9].* MiB/ })
        .first()
        .waitFor()
      await looksWell(page, 'agent-savings-table')
      await page.getByRole('button', { name: 'Show as chart' }).click()
      await times.waitFor({ state: 'detached' })
      await go(page, 'Cache')
      await rowOf(page, 'update.cab').waitFor()
      await page.getByRole('searchbox').fill('no such file')
      await page.getByText('Nothing matches').waitFor()
      await page.getByRole('searchbox').fill('update')
      await rowOf(page, 'update.cab').getByText('1 of 1 peer').waitFor()
      await page.getByRole('combobox', { name: 'Order' }).selectOption({ label: 'oldest first' })
      await rowOf(page, 'update.cab').waitFor()
      await looksWell(page, 'agent-cache')
      await go(page, 'Health')
      await page.getByRole('heading', { name: 'Proxy self-test' }).waitFor()
      await looksWell(page, 'agent-health')
      for (const place of ['Policy', 'Log']) {
        await go(page, place)
        await page.getByRole('heading', { name: 'Locked' }).waitFor()
      }
      await looksWell(page, 'agent-locked')
    })
  })

  test('pins and removes for whoever shows the token, and for nobody after it was locked', async () => {
    await visit(
      browser(),
      `${second.page}/#/cache`,
      async page => {
        await rowOf(page, 'update.cab').waitFor()
        expect(await page.getByRole('button', { name: 'Pin update.cab' }).count()).toBe(0)
        await page.getByLabel(/paste the token/).fill('x'.repeat(43))
        await page.getByRole('button', { name: 'Unlock' }).click()
        await page.getByText('This is not the token').waitFor()
        await page.getByLabel(/paste the token/).fill(tokenOf(second))
        await page.getByRole('button', { name: 'Unlock' }).click()
        await page.getByRole('button', { name: 'Pin update.cab' }).click()
        await page.getByRole('button', { name: 'Unpin update.cab' }).waitFor()
        expect((await second.transfers()).map(({ pinned }) => pinned)).toEqual([true])
        await looksWell(page, 'agent-unlocked')
        await page.getByRole('button', { name: 'Unpin update.cab' }).click()
        await page.getByRole('button', { name: 'Pin update.cab', exact: true }).waitFor()
        await page.getByRole('button', { name: 'Verify now' }).click()
        await page.getByText(/Done: 1 content, 24 chunks, 0 damaged/).waitFor()
        await go(page, 'Log')
        await page.getByRole('heading', { name: 'Log' }).waitFor()
        await looksWell(page, 'agent-log')
        await go(page, 'Policy')
        await page.getByRole('button', { name: 'All' }).click()
        await page
          .getByRole('cell', { name: 'DOMinRAMAllowedToPeer' })
          .or(page.getByText('DOMinRAMAllowedToPeer'))
          .first()
          .waitFor()
        await looksWell(page, 'agent-policy')
        await page.getByRole('button', { name: 'Lock' }).click()
        await page.getByRole('heading', { name: 'Locked' }).waitFor()
      },
      { expects: [/401 \(Unauthorized\)/] }
    )
  })

  test('shows the token to what needs it, and to nothing else', async () => {
    await visit(browser(), `${second.page}/#/policy`, async page => {
      const shownTo = new Set<string>()
      const asked = new Set<string>()
      page.on('request', request => {
        const { pathname } = new URL(request.url())
        asked.add(pathname)
        if (request.headers()['authorization'] !== undefined) shownTo.add(pathname)
      })
      await page.getByLabel(/paste the token/).fill(tokenOf(second))
      await page.getByRole('button', { name: 'Unlock' }).click()
      await page.getByRole('button', { name: 'Lock' }).waitFor()
      const answers = ['/history', '/peer-info', '/cache', '/health', '/policy', '/log']
      for (const place of ['Savings', 'Peers', 'Cache', 'Health', 'Policy', 'Log', 'Now'])
        await go(page, place)
      await expect.poll(() => answers.filter(path => !asked.has(`/api/v1${path}`)), patience).toEqual([])
      const needing = new Set(routes.filter(({ change }) => change).map(({ path }) => path))
      expect([...shownTo].filter(path => !needing.has(path))).toEqual([])
      expect([...shownTo]).toEqual(expect.arrayContaining(['/api/v1/policy', '/api/v1/log']))
    })
  })

  test('shows what origins call their files as text', async () => {
    const names = ['/<svg onload=alert(1)>.cab', "/'<b onclick=alert(2)>.cab"]
    await visit(browser(), `${second.page}/#/cache`, async page => {
      for (const name of names) {
        for (const spelled of [name, encodeURI(name)]) origin.put(spelled, seededContent(name, 2 * MiB))
        await download(second.proxy, origin.url + encodeURI(name))
      }
      await expect.poll(() => rowOf(page, 'alert').count(), patience).toBe(2)
      expect(await page.locator('main [onload], main [onclick]').count()).toBe(0)
      await looksWell(page, 'agent-hostile-names')
    })
  })

  test('says so while the agent is away, and is live again after its restart', async () => {
    await visit(
      browser(),
      `${second.page}/`,
      async page => {
        await untilLive(page)
        const loaded = await page.evaluate(() => performance.timeOrigin)
        await second.stop()
        await page.getByRole('status').getByText('agent not reached, trying again').waitFor()
        await looksWell(page, 'agent-away')
        const args = ['--page-port', new URL(second.page).port]
        second = await startAgent(house, 'page-2', { folder: second.folder, secret, peers: [first], args })
        await untilLive(page)
        await page.getByRole('listitem').filter({ hasText: 'update.cab' }).waitFor()
        expect(await page.evaluate(() => performance.timeOrigin)).toBe(loaded)
      },
      { expects: [/ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED_ENCODING|ERR_CONNECTION_RESET/] }
    )
  })

  test(
    'speaks Chinese to a Chinese browser',
    async () => {
      await visit(
        browser(),
        `${second.page}/`,
        async page => {
          await page.locator('html[lang=zh-Hans]').waitFor()
          await page.getByRole('listitem').filter({ hasText: 'update.cab' }).waitFor()
          for (const link of await page.getByRole('navigation').getByRole('link').all()) {
            const name = (await link.textContent()) ?? ''
            await link.click()
            await page.locator('main h2').first().waitFor()
            expect(await englishIn(page), name).toEqual([])
            await looksWell(page, `agent-zh-${new URL(page.url()).hash}`)
          }
        },
        { language: 'zh-CN' }
      )
      // Each view in both looks and both widths.
    },
    3 * minuteMs
  )

  test('changes nothing for a page that does not show the token', async () => {
    const [transfer] = await first.transfers()
    const changing = routes.filter(({ change }) => change)
    const answers = await visit(
      browser(),
      `${first.page}/`,
      page =>
        page.evaluate(
          async asked =>
            await Promise.all(
              asked.map(async ({ method, path }) => {
                const tokens = [undefined, 'Bearer ', `Bearer ${'x'.repeat(43)}`]
                return await Promise.all(
                  tokens.map(async token => {
                    const headers = token === undefined ? {} : { authorization: token }
                    return (await fetch(path, { method, headers })).status
                  })
                )
              })
            ),
          changing.map(({ method, path }) => ({ method, path: path.replace(':id', transfer!.transfer) }))
        ),
      { expects: [/401 \(Unauthorized\)/] }
    )
    expect(answers).toEqual(changing.map(() => [401, 401, 401]))
    expect((await first.transfers()).map(one => one.transfer)).toContain(transfer!.transfer)
  })

  test('is closed to pages of others, and to a name that was turned to this machine', async () => {
    const foreign = await openForeignPage(house)
    const token = tokenOf(first)
    const attacks = [
      { method: 'GET', path: '/api/v1/status' },
      { method: 'GET', path: '/metrics' },
      { method: 'POST', path: '/api/v1/cache/purge', body: '{"class":"any"}', type: 'text/plain' },
      { method: 'POST', path: '/api/v1/config/reload' }
    ]
    expect(await attackFrom(browser(), foreign, `${first.page}/`, attacks)).toEqual([])
    const rebound = new URL(first.page)
    rebound.hostname = foreignHost
    const shown = await visit(browser(), rebound.href, page => page.locator('body').textContent(), {
      expects: [/403 \(Forbidden\)/, /Cross-Origin-Opener-Policy/]
    })
    expect(shown).toContain('bad-host')
    // Even with the token, so that a rule is seen at work and not the lack of it.
    for (const headers of [{ host: rebound.host }, { origin: new URL(foreign).origin }, { origin: 'null' }])
      expect(
        await statusOf(`${first.page}/api/v1/config`, { ...headers, authorization: `Bearer ${token}` })
      ).toBe(403)
    expect(await statusOf(`${first.page}/api/v1/config`, { authorization: `Bearer ${token}` })).toBe(200)
  })
})

const tokenOf = ({ folder }: AgentHandle): string => readFileSync(join(folder, 'page.token'), 'utf8').trim()

/** By node:http, because fetch sets Host and Origin by itself. */
function statusOf(url: string, headers: Readonly<Record<string, string>>): Promise<number> {
  return new Promise((resolve, reject) => {
    request(url, { headers, agent: false }, response => {
      response.resume()
      resolve(response.statusCode ?? 0)
    })
      .on('error', reject)
      .end()
  })
}
