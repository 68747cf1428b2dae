import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { minuteMs } from '@starling/shared/units.ts'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { makeChunkMap } from '../../../test/doubles/made-insight.ts'
import { makeStatus, makeTransfer, startLocalPage, type LocalPage } from '../../../test/doubles/local-page.ts'
import { filesIn } from '../config.ts'
import { createPageCodes } from './page-code.ts'

const id = 'ab'.repeat(32)
let folder: string
let page: LocalPage
let token: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'starling-insight-'))
  page = await startLocalPage(
    folder,
    makeStatus({ transfers: [makeTransfer({ transfer: id, key: 'origin.example/a.msu' })] })
  )
  token = (await readFile(filesIn(folder).pageToken, 'utf8')).trim()
})
afterEach(async () => {
  await page.stop()
  await rm(folder, { recursive: true })
})

const withToken = () => ({ headers: { authorization: `Bearer ${token}` } })
const at = (path: string, init: RequestInit = {}) => fetch(`${page.address}${path}`, init)

/** Reads from a stream of events until all of these are in it; whoever `stays` goes on to listen. */
async function heard(path: string, wanted: readonly string[], stays?: AbortController): Promise<string> {
  const stop = stays ?? new AbortController()
  const response = await at(path, { signal: stop.signal })
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  while (!wanted.every(word => text.includes(word))) text += (await reader.read()).value ?? ''
  if (stays === undefined) stop.abort()
  return text
}

it('a transfer that is gone by the time it is looked into is none', async () => {
  page.insight = { ...page.insight, why: async () => null, chunks: () => null }
  for (const what of ['why', 'chunks']) {
    const response = await at(`/api/v1/transfers/${id}/${what}`)
    expect([response.status, await response.json()]).toMatchObject([
      404,
      { error: { code: 'unknown-transfer' } }
    ])
  }
})

it('who looks into a transfer is told of its chunks, and nobody else', async () => {
  let asked = 0
  page.insight = {
    ...page.insight,
    chunks(transfer) {
      asked++
      return makeChunkMap(transfer)
    }
  }
  expect(await heard('/api/v1/events', ['event: status'])).not.toContain('event: chunks')
  expect(asked).toBe(0)
  const curious = new AbortController()
  const text = await heard(`/api/v1/events?transfer=${id}`, ['event: status', 'event: chunks'], curious)
  const [, json] = /^event: chunks\ndata: (.*)\n\n/m.exec(text)!
  expect(JSON.parse(json!)).toEqual(makeChunkMap(id))
  expect(asked).toBe(1)
  const both = await heard(`/api/v1/events?transfer=${id}&transfer=${'cd'.repeat(32)}&transfer=${id}`, [
    'cdcd'
  ])
  const told = [...both.matchAll(/^event: chunks\ndata: (.*)\n\n/gm)].map(([, one]) => JSON.parse(one!))
  expect(told).toEqual([makeChunkMap(id), makeChunkMap('cd'.repeat(32))])
  expect(await heard('/api/v1/events', ['event: status'])).not.toContain('event: chunks')
  curious.abort()
  expect((await at('/api/v1/events?transfer=nonsense')).status).toBe(404)
})

it('the log is for the agent’s user, and no longer than was asked for', async () => {
  expect((await at('/api/v1/log')).status).toBe(401)
  let lines = 0
  page.insight = { ...page.insight, log: linesMax => ((lines = linesMax), []) }
  expect((await at('/api/v1/log?limit=7', withToken())).status).toBe(200)
  expect(lines).toBe(7)
  for (const limit of ['0', '-1', 'x', '2001', ''])
    expect((await at(`/api/v1/log?limit=${limit}`, withToken())).status, limit).toBe(400)
})

it('a support bundle is for the agent’s user, and it is written down who took one', async () => {
  expect((await at('/api/v1/support-bundle')).status).toBe(401)
  let names: boolean | null = null
  page.insight = {
    ...page.insight,
    supportBundle: async withNames => {
      names = withNames
      return new Uint8Array([1, 2])
    }
  }
  const response = await at('/api/v1/support-bundle', withToken())
  expect([response.headers.get('content-type'), names]).toEqual(['application/zip', false])
  expect([...new Uint8Array(await response.arrayBuffer())]).toEqual([1, 2])
  await at('/api/v1/support-bundle?names=1', withToken())
  expect(names).toBe(true)
  expect(page.audited.at(-1)?.detail).toEqual({ path: '/api/v1/support-bundle', withNames: true })
})

it('a code gives the token once', async () => {
  expect((await at('/api/v1/page-code', { method: 'POST' })).status).toBe(401)
  const { code } = (await (await at('/api/v1/page-code', { method: 'POST', ...withToken() })).json()) as {
    code: string
  }
  const redeem = (body: string) => at('/api/v1/page-code/redeem', { method: 'POST', body })
  for (const wrong of ['', '{}', '{"code":""}', `{"code":"${'x'.repeat(32)}"}`])
    expect([400, 403], wrong).toContain((await redeem(wrong)).status)
  const first = await redeem(JSON.stringify({ code }))
  expect([first.status, await first.json()]).toEqual([200, { token }])
  const again = await redeem(JSON.stringify({ code }))
  expect([again.status, await again.json()]).toMatchObject([403, { error: { code: 'code-used' } }])
})

it('a code is good for a minute, and many make the oldest worthless', () => {
  let now = 0
  const codes = createPageCodes(() => now)
  const late = codes.make()
  now += minuteMs
  expect(codes.redeem(late)).toBe(false)
  const first = codes.make()
  const others = Array.from({ length: 8 }, () => codes.make())
  expect(codes.redeem(first)).toBe(false)
  expect(codes.redeem(others.at(-1)!)).toBe(true)
})
