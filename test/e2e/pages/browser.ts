/**
 * The pages in a real browser, Debian's Chromium, against real processes. A visit is a browser of its own as far as cookies
 * and storage go, and it is watched: whatever the browser complains about, whatever the page asks of another host, and
 * every dialog fails the test, unless it says that it expects just that.
 */
import { existsSync, mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { StarlingError } from '@starling/shared/errors.ts'
import { secondMs, type Millis } from '@starling/shared/units.ts'
import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright-core'
import { houseRoot } from '../program.ts'

export const chromiumInstall = 'apt-get install -y --no-install-recommends chromium'
const program = '/usr/bin/chromium'
/** A loaded machine with two cores is slow to draw. */
const patienceMs: Millis = 20 * secondMs

let failures = 0

/** A name that leads to this machine, as a rebound name does. */
export const foreignHost = 'evil.example'

export type Session = Exclude<BrowserContextOptions['storageState'], string | undefined>

export interface VisitOptions {
  readonly session?: Session
  readonly language?: string
  readonly width?: number
  /** Complaints that belong to what is tested: a refusal is an error for the browser. */
  readonly expects?: readonly RegExp[]
  /** Beside the page's own. */
  readonly hosts?: readonly string[]
}

export function hasChromium(): boolean {
  return existsSync(program)
}

export function launchChromium(): Promise<Browser> {
  return chromium.launch({
    executablePath: program,
    args: ['--no-sandbox', '--no-proxy-server', `--host-resolver-rules=MAP ${foreignHost} 127.0.0.1`]
  })
}

/** Opens `address` in a browser of its own, and closes it. @throws StarlingError `page-trouble` */
export async function visit<Result>(
  browser: Browser,
  address: string,
  act: (page: Page) => Promise<Result>,
  options: VisitOptions = {}
): Promise<Result> {
  const context = await browser.newContext({
    ignoreHTTPSErrors: true,
    locale: options.language ?? 'en-GB',
    timezoneId: 'UTC',
    reducedMotion: 'reduce',
    viewport: { width: options.width ?? 1280, height: 900 },
    ...(options.session === undefined ? {} : { storageState: options.session })
  })
  context.setDefaultTimeout(patienceMs)
  const troubles: string[] = []
  const hosts = [new URL(address).host, ...(options.hosts ?? [])]
  const complain = (text: string): void => {
    if (options.expects?.some(expected => expected.test(text)) !== true) troubles.push(text)
  }
  context.on('console', message => {
    if (['error', 'warning'].includes(message.type()))
      complain(`${message.type()}: ${message.text()} (${message.location().url})`)
  })
  context.on('weberror', web => complain(`uncaught: ${web.error().stack ?? web.error().message}`))
  context.on('dialog', dialog => {
    complain(`dialog: ${dialog.message()}`)
    void dialog.dismiss()
  })
  context.on('request', request => {
    const { host, protocol } = new URL(request.url())
    if (protocol.startsWith('http') && !hosts.includes(host)) complain(`asked ${request.url()}`)
  })
  try {
    const page = await context.newPage()
    try {
      await page.goto(address)
      const result = await act(page)
      if (troubles.length === 0) return result
    } catch (error) {
      await page.screenshot({ path: screenshotFile(`failed ${new URL(page.url()).hash} ${failures++}`) })
      if (troubles.length === 0) throw error
      throw new StarlingError('page-trouble', troubles.join('\n'), { cause: error })
    }
    throw new StarlingError('page-trouble', troubles.join('\n'))
  } finally {
    await context.close()
  }
}

/** What tests saw is kept to be looked at, also of those that failed. */
export function screenshotFile(name: string): string {
  const folder = resolve(process.env.STARLING_SCREENSHOTS ?? join(houseRoot, '.tmp', 'screenshots'))
  mkdirSync(folder, { recursive: true })
  return join(folder, `${name.replaceAll(/[^\w.-]+/g, '-').slice(0, 120)}.png`)
}
