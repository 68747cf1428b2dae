import { mkdtemp, rm } from 'node:fs/promises'
import { get, type IncomingMessage } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { makeStatus, makeTransfer, startLocalPage, type LocalPage } from '../../../test/doubles/local-page.ts'
import { eventsDefaults } from './events.ts'

let folder: string
let page: LocalPage
const open: IncomingMessage[] = []
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'starling-events-'))
  page = await startLocalPage(folder)
})
afterEach(async () => {
  for (const response of open.splice(0)) response.destroy()
  await page.stop()
  await rm(folder, { recursive: true })
})

interface Listener {
  text: string
  status: number
  events(): { totals: { toClients: number } }[]
  close(): void
}

function listen(): Promise<Listener> {
  return new Promise((resolve, reject) => {
    get(`${page.address}/api/v1/events`, { agent: false }, response => {
      open.push(response)
      const listener: Listener = {
        text: '',
        status: response.statusCode!,
        events: () =>
          [...listener.text.matchAll(/^event: status\ndata: (.*)\n\n/gm)].map(([, json]) =>
            JSON.parse(json!)
          ),
        close: () => response.destroy()
      }
      response
        .setEncoding('utf8')
        .on('data', piece => {
          listener.text += piece
        })
        .on('error', () => {})
      resolve(listener)
    }).on('error', reject)
  })
}

/** Looks again until it is so; the deadline fails the test. */
async function until(isSo: () => boolean): Promise<void> {
  const deadline = performance.now() + 5000
  while (!isSo()) {
    if (performance.now() > deadline) throw new Error('it never came to be')
    await new Promise(resolve => {
      setTimeout(resolve, 5)
    })
  }
}

const bump = () => {
  const { totals } = page.status
  page.status = { ...page.status, totals: { ...totals, toClients: totals.toClients + 1 } }
  page.changed()
}

it('a listener gets a snapshot at once, and another when something changes', async () => {
  const listener = await listen()
  await until(() => listener.events().length === 1)
  expect(listener.text).toMatch(/^retry: \d+\n\n/)
  bump()
  await until(() => listener.events().length === 2)
  expect(listener.events()[1]!.totals.toClients).toBe(1)
})

it('many changes are few events, and the last of them is never lost', async () => {
  const listener = await listen()
  await until(() => listener.events().length === 1)
  const startedAt = performance.now()
  const looksBefore = page.looks
  while (performance.now() - startedAt < 3 * eventsDefaults.intervalMs) {
    bump()
    await new Promise(setImmediate)
  }
  const { toClients } = page.status.totals
  expect(toClients).toBeGreaterThan(50)
  await until(() => listener.events().at(-1)!.totals.toClients === toClients)
  const intervals = (performance.now() - startedAt) / eventsDefaults.intervalMs
  expect(listener.events().length - 1).toBeLessThanOrEqual(Math.ceil(intervals) + 1)
  expect(page.looks - looksBefore).toBeLessThanOrEqual(Math.ceil(intervals) + 1)
})

it('a change while the last one is being told is told too', async () => {
  const listener = await listen()
  await until(() => listener.events().length === 1)
  const { promise, resolve } = Promise.withResolvers<void>()
  page.held = promise
  const { looks } = page
  bump()
  await until(() => page.looks > looks)
  bump()
  page.held = null
  resolve()
  await until(() => listener.events().at(-1)!.totals.toClients === 2)
})

it('nobody listens: nothing is subscribed or computed', async () => {
  expect(page.subscribers).toBe(0)
  const [first, second] = [await listen(), await listen()]
  await until(() => first.events().length > 0 && second.events().length > 0)
  expect(page.subscribers).toBe(1)
  first.close()
  second.close()
  await until(() => page.subscribers === 0)
  const { looks } = page
  bump()
  await new Promise(setImmediate)
  expect(page.looks).toBe(looks)
})

it('a listener of before a restart is told the truth after it', async () => {
  const before = await listen()
  await until(() => before.events().length === 1)
  const { port } = new URL(page.address)
  await page.stop()
  page = await startLocalPage(folder, makeStatus({ version: '0.2.0' }), Number(port))
  const after = await listen()
  await until(() => after.events().length === 1)
  expect(after.events()[0]).toMatchObject({ version: '0.2.0' })
})

it('a screenful is sent, busiest first, and the rest is counted', async () => {
  const idOf = (index: number) => index.toString(16).padStart(64, '0')
  const transfers = Array.from({ length: 300 }, (_, index) =>
    makeTransfer({
      transfer: idOf(index),
      key: `origin.example/${index}`,
      lastUsedAt: index,
      readers: index === 7 ? 1 : 0
    })
  )
  page.status = makeStatus({ transfers })
  const listener = await listen()
  await until(() => listener.events().length === 1)
  const [event] = listener.events() as unknown as [
    { transfers: { transfer: string }[]; transfersTotal: number }
  ]
  expect(event.transfersTotal).toBe(300)
  expect(event.transfers.length).toBe(200)
  expect(event.transfers.slice(0, 2).map(one => one.transfer)).toEqual([idOf(7), idOf(299)])
})

it('more listeners than a machine has screens are asked to come back later', async () => {
  for (let count = 0; count < eventsDefaults.listenersMax; count++) await listen()
  const late = await listen()
  await until(() => late.text !== '')
  expect(late.text).toBe('retry: 10000\n\n')
})
