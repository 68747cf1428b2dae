/** Tests in a browser: skipped, loudly, where there is none, except in CI. */
import { StarlingError } from '@starling/shared/errors.ts'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { chromiumInstall, hasChromium, launchChromium } from './browser.ts'

/** Tests in a browser, which is started for all of them once. They are skipped, loudly, where there is none. */
export function describeInBrowser(title: string, tests: (browser: () => Browser) => void): void {
  const isHere = hasChromium()
  if (!isHere)
    console.warn(`\n*** no chromium here: the tests of ${title} are skipped. Run: ${chromiumInstall}\n`)
  test.runIf(!isHere && process.env.CI === 'true')('chromium is installed, as it must be in CI', () => {
    expect.fail(`chromium is missing: ${chromiumInstall}`)
  })
  describe.skipIf(!isHere)(`${title}`, () => {
    let browser: Browser | null = null
    beforeAll(async () => {
      browser = await launchChromium()
    })
    afterAll(() => browser?.close())
    tests(() => {
      if (browser === null) throw new StarlingError('no-browser', 'the browser is started before each test')
      return browser
    })
  })
}
