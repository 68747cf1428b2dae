/** The watch over a visited page is what all tests of pages rest on: it notices what it is there for. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, expect, test } from 'vitest'
import { openHouse } from '../harness.ts'
import { visit } from './browser.ts'
import { describeInBrowser } from './in-browser.ts'

const house = openHouse()
afterAll(() => house.close())

const faults: ReadonlyArray<readonly [what: string, body: string, trouble: RegExp]> = [
  ['an error on the console', '<script src="/?console.error(7)"></script>', /^error: 7/m],
  ['an error that nobody caught', '<script src="/?throw Error(8)"></script>', /^uncaught: Error: 8/m],
  ['a dialog', '<script src="/?alert(9)"></script>', /^dialog: 9/m],
  ['a script within the document', '<script>document.title = 1</script>', /Content Security Policy/],
  ['a file of another host', '<img src="http://127.0.0.9:9/x">', /^asked http:\/\/127\.0\.0\.9:9\/x/m],
  ['a file that is not there', '<img src="/none">', /404/]
]

describeInBrowser('the watch over a page', browser => {
  test.each(faults)('notices %s', async (_, body, trouble) => {
    const server = createServer(({ url = '' }, response) => {
      response.setHeader('content-security-policy', "default-src 'self'; img-src * data:")
      if (url === '/none') return response.writeHead(404).end()
      const script = url.startsWith('/?') ? decodeURIComponent(url.slice(2)) : null
      return response
        .setHeader('content-type', script === null ? 'text/html' : 'text/javascript')
        .end(script ?? `<!doctype html><title>x</title><link rel="icon" href="data:,">${body}`)
    })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    house.keep(() => void server.close())
    const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
    await expect(visit(browser(), address, async page => await page.title())).rejects.toMatchObject({
      code: 'page-trouble',
      message: expect.stringMatching(trouble) as string
    })
    expect(await visit(browser(), address, async page => await page.title(), { expects: [/./] })).toBe('x')
  })
})
