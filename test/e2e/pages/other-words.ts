/** Whether a page in another language still says something in English. */
import type { Page } from 'playwright-core'

/** What is there in the page, where this function runs. */
declare const document: {
  querySelector(selector: string): { cloneNode(deep: true): Part } | null
}
interface Part {
  readonly textContent: string
  querySelectorAll(selector: string): Iterable<{ remove(): void }>
}

/** @returns what looks like an English sentence: four words with nothing but spaces between them. Names and commands stand in `code`. */
export async function englishIn(page: Page): Promise<string[]> {
  const text = await page.evaluate(() => {
    const main = document.querySelector('main')!.cloneNode(true)
    for (const part of main.querySelectorAll('code, pre, [lang=en], select')) part.remove()
    return main.textContent
  })
  return text.match(/[A-Za-z]+(?: [a-z]+){3,}/g) ?? []
}
