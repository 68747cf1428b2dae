/** The page for somebody who has no mouse: Tab is pressed until it is there, as people do. */
import { StarlingError } from '@starling/shared/errors.ts'
import type { Page } from 'playwright-core'

/** What is there in the page, where this function runs. */
declare const document: {
  readonly activeElement: {
    readonly textContent: string | null
    getAttribute(name: string): string | null
  } | null
}

/** More stops than any page should have before its main things. */
const stopsMax = 60

/** What the keyboard would act on, as a screen reader calls it. */
export function focused(page: Page): Promise<string> {
  return page.evaluate(() => {
    const at = document.activeElement
    return (at?.getAttribute('aria-label') ?? at?.textContent ?? '').trim()
  })
}

/** @throws StarlingError `not-reached` with where it came by */
export async function tabTo(page: Page, name: string): Promise<void> {
  const stops: string[] = []
  while (stops.at(-1) !== name) {
    if (stops.length === stopsMax)
      throw new StarlingError('not-reached', `Tab does not lead to ${name}, but to ${stops.join(', ')}`)
    await page.keyboard.press('Tab')
    stops.push(await focused(page))
  }
}
