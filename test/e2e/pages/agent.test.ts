/** The agent's page as the user of a machine and the helpdesk see it: what goes on, live, and nothing for strangers. */
import { readFileSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { KiB, MiB } from '@starling/shared/units.ts'
import { routes } from '@starling/agent/page/routes.ts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { seededContent } from '../../doubles/content.ts'
import { startOrigin, type Origin } from '../../doubles/origin.ts'
import { download } from '../client.ts'
import { openHouse } from '../harness.ts'
import { fleetSecret, startAgent, startMembers, type AgentHandle } from '../site.ts'
import { describeInBrowser, foreignHost, visit } from './browser.ts'
import { attackFrom, openForeignPage } from './foreign-page.ts'
import { looksWell } from './looks.ts'

const house = openHouse()
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

  test('says what to do while there is nothing to see', async () => {
    await visit(browser(), `${first.page}/`, async page => {
      await page.getByRole('status').getByText('live', { exact: true }).waitFor()
      await page.getByText('Nothing is being fetched').waitFor()
      await looksWell(page, 'agent-empty')
    })
  })

  test('shows a download from its first bytes to its end, and where they came from', async () => {
    const length = 24 * MiB
    origin.put('/update.cab', seededContent('page', length))
    origin.setRate(4 * MiB)
    await visit(browser(), `${first.page}/`, async page => {
      const done = download(first.proxy, `${origin.url}/update.cab`)
      const card = page.getByRole('listitem').filter({ hasText: 'update.cab' })
      await card.waitFor()
      const share = async (): Promise<number> =>
        Number(/(\d+)(?:\.\d+)?\s?%/.exec((await card.textContent()) ?? '')?.[1] ?? 0)
      await expect.poll(share, { timeout: 20_000 }).toBeGreaterThan(5)
      const before = await share()
      await expect.poll(share, { timeout: 20_000 }).toBeGreaterThan(before)
      await card.getByRole('img', { name: /Origin [\d.]+ MB/ }).waitFor()
      await looksWell(page, 'agent-download')
      origin.setRate(null)
      expect((await done).bytes).toBe(length)
      await card.waitFor({ state: 'detached' })
      await page.getByRole('row').filter({ hasText: 'update.cab' }).waitFor()
    })
  })

  test('names the peers that a file came from', async () => {
    await visit(browser(), `${second.page}/`, async page => {
      await page.getByRole('status').getByText('live', { exact: true }).waitFor()
      await download(second.proxy, `${origin.url}/update.cab`)
      const row = page.getByRole('row').filter({ hasText: 'update.cab' })
      await row.getByRole('img', { name: /LAN peers [\d.]+ MB/ }).waitFor()
      expect(await row.getByRole('img', { name: /Origin/ }).count()).toBe(0)
      await looksWell(page, 'agent-cache')
    })
  })

  test('shows what origins call their files as text', async () => {
    const names = ['/<svg onload=alert(1)>.cab', '/\'"><script>alert(2)</script>.cab']
    await visit(browser(), `${second.page}/`, async page => {
      for (const name of names) {
        origin.put(name, seededContent(name, 64 * KiB))
        origin.put(encodeURI(name), seededContent(name, 2 * MiB))
        await download(second.proxy, origin.url + encodeURI(name))
      }
      await expect
        .poll(() =>
          page
            .getByRole('row')
            .filter({ hasText: /onload=alert|alert\(2\)/ })
            .count()
        )
        .toBe(2)
      expect(await page.locator('main [onload], main script').count()).toBe(0)
      await looksWell(page, 'agent-hostile-names')
    })
  })

  test('says so while the agent is away, and is live again after its restart', async () => {
    await visit(
      browser(),
      `${second.page}/`,
      async page => {
        await page.getByRole('row').filter({ hasText: 'update.cab' }).waitFor()
        const loaded = await page.evaluate(() => performance.timeOrigin)
        await second.stop()
        await page.getByRole('status').getByText('agent not reached, trying again').waitFor()
        await looksWell(page, 'agent-away')
        const args = ['--page-port', new URL(second.page).port]
        second = await startAgent(house, 'page-2', { folder: second.folder, secret, peers: [first], args })
        await page.getByRole('status').getByText('live', { exact: true }).waitFor()
        await page.getByRole('row').filter({ hasText: 'update.cab' }).waitFor()
        expect(await page.evaluate(() => performance.timeOrigin)).toBe(loaded)
      },
      { expects: [/ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED_ENCODING|ERR_CONNECTION_RESET/] }
    )
  })

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
    const token = readFileSync(join(first.folder, 'page.token'), 'utf8').trim()
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
      expects: [/403 \(Forbidden\)/]
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
