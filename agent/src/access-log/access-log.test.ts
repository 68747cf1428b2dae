import { appendFile, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { KiB } from '@starling/shared/units.ts'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createLog } from '../log.ts'
import type { AccessLine, RequestQuery } from '../ports.ts'
import { createAccessLog, type AccessLog, type AccessLogOptions } from './access-log.ts'
import { linesBackwards } from './backwards.ts'
import { pathOf } from './log-files.ts'

let folder: string
const opened: AccessLog[] = []
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'starling-log-'))
})
afterEach(async () => {
  for (const log of opened.splice(0)) await log.close()
  await rm(folder, { recursive: true })
})

function open(options: Partial<AccessLogOptions> = {}): AccessLog {
  const log = createAccessLog(
    { log: createLog('silent', 'test') },
    { folder: join(folder, 'logs'), requests: true, audit: true, fileBytes: 64 * KiB, files: 3, ...options }
  )
  opened.push(log)
  return log
}

const begin = Date.UTC(2026, 10, 26)
/** The line number `index`, a second after the one before. */
const line = (index: number, given: Partial<AccessLine> = {}): AccessLine => ({
  time: new Date(begin + index * 1000).toISOString(),
  client: '10.1.2.3',
  method: 'GET',
  host: 'files.example',
  path: `/${index}`,
  class: 'generic',
  face: 'forward',
  status: 200,
  whole: true,
  bytes: 1,
  from: { pass: 1 },
  received: 0,
  firstByteMs: 1,
  totalMs: 2,
  agent: 'curl/8.5.0',
  rule: null,
  ...given
})
const query = (given: Partial<RequestQuery> = {}): RequestQuery => ({
  from: null,
  to: null,
  client: null,
  host: null,
  class: null,
  limit: 100,
  cursor: null,
  ...given
})
const places = (lines: readonly AccessLine[]) => lines.map(({ path }) => Number(path!.slice(1)))
const upTo = (count: number) => Array.from({ length: count }, (_, index) => index)
const files = async () => (await readdir(join(folder, 'logs'))).toSorted()

describe('files', () => {
  test('hold one JSON line for each request, and only their user may read them', async () => {
    const log = open()
    log.note(line(1))
    log.note(line(2))
    await log.close()
    const path = pathOf(join(folder, 'logs'), 'access', 1)
    const lines = (await readFile(path, 'utf8')).split('\n')
    expect(lines.map(text => (text === '' ? '' : (JSON.parse(text) as unknown)))).toEqual([
      line(1),
      line(2),
      ''
    ])
    // On Windows modes mean nothing: there the folder's ACL counts.
    const mode = process.platform === 'win32' ? 0o600 : (await stat(path)).mode & 0o777
    expect(mode).toBe(0o600)
  })

  test('follow each other by number when they are full, the oldest go, and none is renamed', async () => {
    const log = open()
    for (const index of upTo(1050)) {
      log.note(line(index))
      if (index % 100 === 99) await log.search(query({ limit: 1 }))
    }
    await log.close()
    const names = await files()
    expect(names).toHaveLength(3)
    const last = Number(/\d+/.exec(names.at(-1)!)![0])
    expect(last).toBeGreaterThan(3)
    for (const name of names) expect((await stat(join(folder, 'logs', name))).size).toBeLessThan(100 * KiB)
    // After a restart the last one is gone on with.
    const again = open()
    again.note(line(1050))
    expect(places((await again.search(query({ limit: 2 }))).requests)).toEqual([1050, 1049])
    expect(await files()).toEqual(names)
  })

  test('that cannot be written cost lines, which are counted, and nothing else', async () => {
    await writeFile(join(folder, 'logs'), 'in the way')
    const log = open()
    log.note(line(1))
    log.note(line(2))
    await log.close()
    expect(log.lost()).toBe(2)
    await rm(join(folder, 'logs'))
    log.note(line(3))
    expect(places((await log.search(query())).requests)).toEqual([3])
    expect(log.lost()).toBe(2)
  })

  test('are not waited for: what the disk does not follow is dropped and counted', async () => {
    const log = open({ fileBytes: 1024 * KiB * 64 })
    // All in one turn, in which no disk can take anything.
    for (const index of upTo(10_000)) log.note(line(index))
    const lost = log.lost()
    expect(lost).toBeGreaterThan(1000)
    const kept = (await log.search(query({ limit: 1_000_000 }))).requests
    expect(kept.length + lost).toBe(10_000)
    expect(places(kept)).toEqual(upTo(kept.length).toReversed())
  })

  test('are not even made where policy does not want them', async () => {
    const log = open({ requests: false, audit: false })
    log.note(line(1))
    log.audit({ who: 'api', what: 'api', detail: {} })
    await log.close()
    expect([log.notesRequests, await readdir(folder)]).toEqual([false, []])
  })
})

describe('what is written changes while it runs', () => {
  const rules = { requests: true, audit: true, fileBytes: 64 * KiB, files: 3 }

  test('on and off, without a line lost or one too many', async () => {
    const log = open({ requests: false })
    log.note(line(0))
    for (let index = 1; index < 100; index++) {
      log.reconfigure(rules)
      expect(log.notesRequests).toBe(true)
      log.note(line(index))
      log.reconfigure({ ...rules, requests: false })
      log.note(line(1000))
    }
    log.reconfigure(rules)
    log.note(line(100))
    const kept = await log.search(query({ limit: 1000 }))
    expect([places(kept.requests), log.lost()]).toEqual([upTo(101).slice(1).toReversed(), 0])
  })

  test('for the refusals, too', async () => {
    const log = open({ audit: false })
    const refused = (rule: string) => log.audit({ who: 'api', what: 'refused', detail: { rule } })
    refused('before')
    log.reconfigure(rules)
    refused('while')
    await log.close()
    expect(await readFile(pathOf(join(folder, 'logs'), 'audit', 1), 'utf8')).toMatch(
      /^\{.*"rule":"while"\}\}\n$/
    )
  })

  test('and how large files are, and how many', async () => {
    const log = open({ fileBytes: 1024 * KiB, files: 2 })
    const write = async (times: number) => {
      for (const index of upTo(times)) {
        log.note(line(index))
        if (index % 100 === 0) await log.search(query({ limit: 1 }))
      }
      await log.search(query({ limit: 1 }))
    }
    await write(1000)
    expect(await files()).toHaveLength(1)
    log.reconfigure({ ...rules, files: 4 })
    await write(2000)
    expect(await files()).toHaveLength(4)
  })
})

describe('a search', () => {
  async function filled(): Promise<AccessLog> {
    const log = open({ fileBytes: 256 * KiB, files: 10 })
    for (const index of upTo(2000)) {
      const host = index % 10 === 0 ? 'Dl.WindowsUpdate.com:8080' : 'files.example'
      log.note(line(index, { host, client: index % 2 === 0 ? '10.0.0.2' : '10.0.0.3' }))
      if (index % 500 === 0) await log.search(query({ limit: 1 }))
    }
    return log
  }

  test('gives page after page, the newest first, whatever is written meanwhile', async () => {
    const log = await filled()
    const seen: number[] = []
    let cursor: string | null = null
    do {
      const page = await log.search(query({ limit: 300, cursor }))
      seen.push(...places(page.requests))
      ;({ cursor } = page)
      log.note(line(9999))
    } while (cursor !== null)
    expect(seen).toEqual(upTo(2000).toReversed())
    expect((await files()).length).toBeGreaterThan(1)
  })

  test('finds by client, host, class and time', async () => {
    const log = await filled()
    const found = async (given: Partial<RequestQuery>) =>
      places((await log.search(query({ limit: 5000, ...given }))).requests)
    expect(await found({ client: '10.0.0.3' })).toHaveLength(1000)
    expect(await found({ host: '*.windowsupdate.com' })).toHaveLength(200)
    expect(await found({ host: 'dl.windowsupdate.com', client: '10.0.0.3' })).toEqual([])
    expect(await found({ class: 'windows-update' })).toEqual([])
    expect(await found({ from: begin + 10_000, to: begin + 12_000 })).toEqual([12, 11, 10])
  })

  test('takes no line that was cut off, nor spoils the next one', async () => {
    const log = open()
    log.note(line(1))
    await log.close()
    await appendFile(pathOf(join(folder, 'logs'), 'access', 1), '{"time":"2026')
    const again = open()
    again.note(line(2))
    expect(places((await again.search(query())).requests)).toEqual([2, 1])
  })

  test('by a cursor that nobody gave is refused; one of a file that has gone finds nothing', async () => {
    const log = open()
    log.note(line(1))
    await expect(log.search(query({ cursor: '../1' }))).rejects.toMatchObject({ code: 'bad-query' })
    expect(await log.search(query({ cursor: '0:7' }))).toEqual({ requests: [], cursor: null })
  })
})

test('lines are read backwards across the seams of blocks', async () => {
  const lengths = upTo(400).map(index => (index * 7919) % 1500)
  const texts = lengths.map((length, index) => `${index}:${'ü'.repeat(length)}`)
  await writeFile(pathOf(folder, 'x', 3), texts.slice(0, 200).join('\n') + '\n')
  await writeFile(pathOf(folder, 'x', 20), texts.slice(200).join('\n') + '\n')
  const read: string[] = []
  for await (const { text } of linesBackwards(folder, 'x', null)) read.push(text)
  expect(read).toEqual(texts.toReversed())
})

describe('the audit', () => {
  const audits = async (log: AccessLog) => {
    await log.close()
    const text = await readFile(pathOf(join(folder, 'logs'), 'audit', 1), 'utf8')
    return text
      .trimEnd()
      .split('\n')
      .map(one => JSON.parse(one) as { who: string; detail: Record<string, unknown> })
  }

  test('tells who did what', async () => {
    const log = open({ now: () => begin })
    log.audit({ who: 'api', what: 'purge', detail: { class: 'generic', forgotten: 3 } })
    expect(await audits(log)).toEqual([
      {
        time: '2026-11-26T00:00:00.000Z',
        who: 'api',
        what: 'purge',
        detail: { class: 'generic', forgotten: 3 }
      }
    ])
  })

  test('has a line a minute for the same refusal, which tells how many there were', async () => {
    let now = begin
    const log = open({ now: () => now })
    const refuse = (who: string, rule: string) => log.audit({ who, what: 'refused', detail: { rule } })
    for (let index = 0; index < 1000; index++) refuse('10.0.0.2', 'requests')
    refuse('10.0.0.2', 'no-video')
    refuse('10.0.0.3', 'requests')
    now += 60_000
    refuse('10.0.0.2', 'requests')
    expect((await audits(log)).map(({ who, detail }) => [who, detail])).toEqual([
      ['10.0.0.2', { rule: 'requests' }],
      ['10.0.0.2', { rule: 'no-video' }],
      ['10.0.0.3', { rule: 'requests' }],
      ['10.0.0.2', { rule: 'requests', moreBefore: 999 }]
    ])
  })
})
