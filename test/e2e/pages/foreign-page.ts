/**
 * A page of somebody else that is open in the same browser and means ill: it sends whatever a page may send to an address
 * that is not its own, and writes down what it could read.
 */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Browser } from 'playwright-core'
import type { House } from '../harness.ts'
import { foreignHost, visit, type Session } from './browser.ts'

/** What is there in the page, where the attack runs. */
declare const document: {
  createElement(name: 'iframe'): { src: string } & EventTarget
  readonly body: { append(frame: object): void }
}

export interface Attack {
  readonly method: string
  readonly path: string
  readonly body?: string
  /** A body that needs no permission to be sent, as a form's does. */
  readonly type?: string
}

/** @returns the address of an empty page under a name of its own */
export async function openForeignPage(house: House): Promise<string> {
  const server = createServer((_request, response) => {
    response.setHeader('content-type', 'text/html').end('<!doctype html><title>elsewhere</title>')
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  house.keep(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://${foreignHost}:${(server.address() as AddressInfo).port}/`
}

/** @returns what it could read, by attack: nothing, when all is well */
export function attackFrom(
  browser: Browser,
  page: string,
  target: string,
  attacks: readonly Attack[],
  session?: Session
): Promise<string[]> {
  return visit(
    browser,
    page,
    async open => {
      const read = await open.evaluate(
        async ({ target, attacks }) => {
          const read: string[] = []
          for (const { method, path, body, type } of attacks) {
            for (const mode of ['cors', 'no-cors'] as const) {
              try {
                const answer = await fetch(new URL(path, target).href, {
                  method,
                  mode,
                  credentials: 'include',
                  ...(type === undefined ? {} : { headers: { 'content-type': type } }),
                  ...(body === undefined ? {} : { body })
                })
                const text = await answer.text()
                if (text !== '') read.push(`${mode} ${method} ${path}: ${text}`)
              } catch {
                // The browser keeps the answer from the page.
              }
            }
          }
          const frame = document.createElement('iframe')
          frame.src = target
          const loaded = new Promise(resolve => frame.addEventListener('load', resolve))
          document.body.append(frame)
          await loaded
          return read
        },
        { target, attacks }
      )
      // In place of a page that does not want to be in a frame there is the browser's own error.
      const framed = open.frames().map(frame => frame.url())
      return [...read, ...framed.filter(url => url.startsWith(target)).map(url => `in a frame: ${url}`)]
    },
    { ...(session === undefined ? {} : { session }), hosts: [new URL(target).host], expects: [/./] }
  )
}
