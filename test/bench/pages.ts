/**
 * What the two pages cost: until something is seen, what the browser must fetch for it, ten thousand agents listed and
 * filtered, and above all what an open page costs the agent. The agent is not to notice that somebody looks.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { KiB, MiB, secondMs, type Millis } from '@starling/shared/units.ts'
import type { Browser, Page } from 'playwright-core'
import type { AgentStatus } from '@starling/agent/ports.ts'
import { median } from '../demo/words.ts'
import { json } from '../e2e/client.ts'
import { chromiumInstall, hasChromium, launchChromium, visit, type Session } from '../e2e/pages/browser.ts'
import { addressOf, sessionsOf } from '../e2e/pages/signing-in.ts'
import { openHouse, type House } from '../e2e/harness.ts'
import { startCoordinator } from '../e2e/site.ts'
import type { Bench, BenchRun, BenchSetup, Figures } from './bench.ts'
import { enrolAll, makeKeys } from './enrolled-fleet.ts'
import { costOf } from './process-cost.ts'

/** What is there in the page, where the measuring functions run. */
declare const document: {
  querySelector(selector: string): { readonly scrollTop: number } | null
  querySelectorAll(selector: string): { readonly length: number }
}
declare const requestAnimationFrame: (call: (now: number) => void) => void

const agentsUsual = 10_000
/** Each in a browser that has never been there. */
const paints = 5
const updatesPerSecond = 1000
const settleMs: Millis = 3 * secondMs
const watchMs: Millis = 10 * secondMs

export const pages: Bench = {
  name: 'pages',
  says: `both pages in Chromium: first paint, bytes, ${agentsUsual} agents listed, ${updatesPerSecond} chunks a second watched`,
  rounds: 3,
  bars: {
    agentFirstPaintMs: { atMost: 1000 },
    coordinatorFirstPaintMs: { atMost: 1000 },
    agentKiB: { atMost: 100 },
    coordinatorKiB: { atMost: 100 },
    /** What people take for at once. */
    listLongestTaskMs: { atMost: 100 },
    openPageAddsCpuPercent: { atMost: 5 },
    closedPageAddsCpuPercent: { atMost: 1 }
  },
  whyNot: () => (hasChromium() ? null : `chromium is missing: ${chromiumInstall}`),
  open
}

async function open({ say, agents }: BenchSetup): Promise<BenchRun> {
  const house = openHouse()
  try {
    const browser = await launchChromium()
    house.keep(() => browser.close())
    const folder = house.folder('coordinator')
    const count = agents ?? agentsUsual
    say(`${count} agents are enrolled …`)
    const ids = makeKeys(count).map(({ id }) => id)
    await enrolAll({ folder }, ids)
    const coordinator = await startCoordinator(house, ['--no-gateway'], folder)
    const address = addressOf(coordinator)
    const { admin } = await sessionsOf(browser, coordinator, [])
    const agent = await startWatchedAgent(house)
    const wanted = ids[Math.floor(count / 2)]!
    return {
      round: async () => ({
        agentFirstPaintMs: await firstPaintMs(browser, agent.page),
        coordinatorFirstPaintMs: await firstPaintMs(browser, `${address}#/fleet`, admin),
        agentKiB: await visit(browser, agent.page, kibOf),
        coordinatorKiB: await visit(browser, address, kibOfAllViews, { session: admin }),
        ...(await visit(browser, `${address}#/agents`, page => listed(page, wanted), { session: admin })),
        ...(await watched(browser, agent))
      }),
      notes: async () => [
        `the agent's page is a real one over ${updatesPerSecond} chunks a second that were never on a network (bench/pages-agent.ts);`,
        'CPU is what an open page adds to that process, in per cent of a core; a real agent has its downloads beside it'
      ],
      close: () => house.close()
    }
  } catch (error) {
    await house.close()
    throw error
  }
}

interface WatchedAgent {
  readonly pid: number
  readonly page: string
}

async function startWatchedAgent(house: House): Promise<WatchedAgent> {
  const running = await house.start('agent', 'test/bench/pages-agent.ts', [
    house.folder('agent'),
    String(updatesPerSecond)
  ])
  return { pid: running.pid, page: String(running.ready.page) }
}

async function firstPaintMs(browser: Browser, address: string, session?: Session): Promise<Millis> {
  const times: Millis[] = []
  for (let paint = 0; paint < paints; paint++)
    times.push(await visit(browser, address, painted, session === undefined ? {} : { session }))
  return median(times)
}

/** Of content: the page's words, not its ground. */
async function painted(page: Page): Promise<Millis> {
  const isPainted = () => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0
  const handle = await page.waitForFunction(isPainted)
  return await handle.jsonValue()
}

/** Script and style as they came over the wire. */
async function kibOf(page: Page): Promise<number> {
  await page.getByRole('status').getByText('live', { exact: true }).waitFor()
  const bytes = await page.evaluate(() =>
    (performance.getEntriesByType('resource') as PerformanceResourceTiming[])
      .filter(({ name }) => /\.(js|css)$/.test(name))
      .reduce((sum, { encodedBodySize }) => sum + encodedBodySize, 0)
  )
  return bytes / KiB
}

/** What a view brings only when it is opened counts, too. */
async function kibOfAllViews(page: Page): Promise<number> {
  for (const link of await page.getByRole('navigation').getByRole('link').all()) {
    await link.click()
    await page.getByRole('heading', { level: 1 }).waitFor()
  }
  return await kibOf(page)
}

/** Scrolls through the list and looks for one agent in it, while the page writes down how long it was busy at a time. */
async function listed(page: Page, wanted: string): Promise<Figures> {
  const rows = page.locator('.long-table .row')
  await rows.first().waitFor()
  await page.evaluate(() => {
    const seen = { longestTaskMs: 0, longestFrameMs: 0 }
    Object.assign(globalThis, { seen })
    new PerformanceObserver(list => {
      for (const { duration } of list.getEntries())
        seen.longestTaskMs = Math.max(seen.longestTaskMs, duration)
    }).observe({ type: 'longtask' as 'measure' })
    let before = performance.now()
    const frame = (now: number): void => {
      seen.longestFrameMs = Math.max(seen.longestFrameMs, now - before)
      before = now
      requestAnimationFrame(frame)
    }
    requestAnimationFrame(frame)
  })
  await page.locator('.long-table .rows').hover()
  for (let turn = 0; turn < 60; turn++) await page.mouse.wheel(0, 1500)
  await page.waitForFunction(() => document.querySelector('.long-table .rows')!.scrollTop > 30_000)
  const typedAt = performance.now()
  await page.getByRole('searchbox').fill(wanted)
  await page.waitForFunction(() => document.querySelectorAll('.long-table .row').length === 1)
  const listFilterMs = performance.now() - typedAt
  const seen = await page.evaluate(
    () => (globalThis as unknown as { seen: { longestTaskMs: number; longestFrameMs: number } }).seen
  )
  return {
    listFilterMs,
    listLongestTaskMs: seen.longestTaskMs,
    listLongestFrameMs: seen.longestFrameMs
  }
}

/** The same process without a page, with one that shows the chunks as they come, and without one again. */
async function watched(browser: Browser, { pid, page }: WatchedAgent): Promise<Figures> {
  const updates = async (): Promise<number> =>
    (await json<AgentStatus>(`${page}api/v1/status`)).totals.fromPeers / MiB
  const look = async (): Promise<{ readonly cpuPercent: number; readonly perSecond: number }> => {
    await sleep(settleMs)
    const [costBefore, updatesBefore, beganAt] = [costOf(pid).cpuMs, await updates(), performance.now()]
    await sleep(watchMs)
    const seconds = (performance.now() - beganAt) / secondMs
    return {
      cpuPercent: (costOf(pid).cpuMs - costBefore) / (10 * seconds),
      perSecond: ((await updates()) - updatesBefore) / seconds
    }
  }
  const before = await look()
  const during = await visit(browser, page, async open => {
    await open.getByRole('img', { name: /^Chunks of / }).waitFor()
    return await look()
  })
  const after = await look()
  return {
    updatesPerSecond: during.perSecond,
    noPageCpuPercent: before.cpuPercent,
    openPageAddsCpuPercent: during.cpuPercent - Math.min(before.cpuPercent, after.cpuPercent),
    closedPageAddsCpuPercent: Math.max(0, after.cpuPercent - before.cpuPercent)
  }
}
