/**
 * How a page looks, in light and dark, on a phone and on a wide screen: a picture of each for people, and what a machine can
 * judge: nothing sticks out of the screen, and axe-core finds nothing serious.
 */
import { StarlingError } from '@starling/shared/errors.ts'
import axe from 'axe-core'
import type { Page } from 'playwright-core'
import { screenshotFile } from './browser.ts'

/** What is there in the page, where these functions run. */
declare const document: { readonly documentElement: { readonly scrollWidth: number } }
declare const innerWidth: number

const schemes = ['light', 'dark'] as const
const widths = [390, 1280] as const

/** @throws StarlingError `looks-wrong` */
export async function looksWell(page: Page, name: string): Promise<void> {
  const { width: widthBefore = 1280 } = page.viewportSize() ?? {}
  const wrong: string[] = []
  for (const width of widths) {
    await page.setViewportSize({ width, height: 900 })
    for (const colorScheme of schemes) {
      await page.emulateMedia({ colorScheme })
      const look = `${name}-${colorScheme}-${width}`
      await page.screenshot({ path: screenshotFile(look), fullPage: true })
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)
      if (wide > 0) wrong.push(`${look}: ${wide} px stick out to the right`)
      for (const finding of await seriousFindings(page)) wrong.push(`${look}: ${finding}`)
    }
  }
  await page.emulateMedia({ colorScheme: 'light' })
  await page.setViewportSize({ width: widthBefore, height: 900 })
  if (wrong.length > 0) throw new StarlingError('looks-wrong', wrong.join('\n'))
}

/** By the debugger's door, which the page's policy for scripts does not close. */
async function seriousFindings(page: Page): Promise<string[]> {
  if (!(await page.evaluate(() => 'axe' in globalThis))) await page.evaluate(axe.source)
  const { violations } = await page.evaluate(() =>
    (globalThis as unknown as { axe: typeof axe }).axe.run({ resultTypes: ['violations'] })
  )
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, help, nodes }) => nodes.map(node => `${id} (${help}): ${node.html.slice(0, 200)}`))
}
