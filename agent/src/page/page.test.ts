import { mkdtemp, readFile, readdir, rm, stat, writeFile, chmod } from 'node:fs/promises'
import { request, type IncomingHttpHeaders } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  makePeer,
  makeStatus,
  makeTransfer,
  startLocalPage,
  type LocalPage
} from '../../../test/doubles/local-page.ts'
import { filesIn } from '../config.ts'
import { loadAssets } from '../page-files.ts'
import { routes } from './routes.ts'

const assets = await loadAssets(new URL('../../dist/page/', import.meta.url))
const id = 'ab'.repeat(32)
let folder: string
let page: LocalPage
let token: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'starling-page-'))
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

interface Answer {
  status: number
  headers: IncomingHttpHeaders
  body: string
}

const bodies: Readonly<Record<string, string>> = {
  '/api/v1/cache/purge': '{"class":"generic"}',
  '/api/v1/intercept/retry': '{}',
  '/api/v1/page-code/redeem': '{"code":"none"}'
}

function ask(
  method: string,
  path: string,
  headers: Record<string, string> = {},
  body: string | null = bodies[path] ?? null
): Promise<Answer> {
  const { port } = new URL(page.address)
  return new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port, method, path, agent: false, headers }, response => {
      let answer = ''
      response.setEncoding('utf8').on('data', piece => {
        answer += piece
      })
      response.on('end', () =>
        resolve({ status: response.statusCode!, headers: response.headers, body: answer })
      )
      // Events never end by themselves; their head is all that these tests want.
      if (response.headers['content-type'] === 'text/event-stream') {
        response.destroy()
        resolve({ status: response.statusCode!, headers: response.headers, body: answer })
      }
    })
    asked.on('error', reject).end(body ?? undefined)
  })
}

/** Takes a code for what the others take the token for. */
const needsCode = (path: string) => path === '/api/v1/page-code/redeem'
const withToken = () => ({ authorization: `Bearer ${token}` })
const all = () => [
  ...[...assets.keys()].map(path => ({ method: 'GET', path, change: false })),
  ...routes.map(({ method, path, change }) => ({
    method: method as string,
    path: path.replace(':id', id),
    change
  }))
]

/** Side by side: one after the other takes longer than a test may. */
const eachRoute = (look: (route: ReturnType<typeof all>[number]) => Promise<void>) =>
  Promise.all(all().map(look))

describe('every route', () => {
  it('exists, and those that read need nothing', async () => {
    for (const { method, path, change } of all()) {
      const { status } = await ask(method, path, change ? withToken() : {})
      expect(needsCode(path) ? [403] : [200, 204], `${method} ${path}`).toContain(status)
    }
  })

  it('that changes something is closed without the token, and with a wrong one', async () => {
    const changes = all().filter(({ change }) => change)
    expect(changes.length).toBeGreaterThanOrEqual(4)
    for (const { method, path } of changes) {
      for (const headers of [
        {},
        { authorization: 'Bearer ' },
        { authorization: `Bearer ${'x'.repeat(43)}` },
        { authorization: `Basic ${token}` },
        { 'x-token': token }
      ]) {
        const { status, body } = await ask(method, path, headers)
        expect(status, `${method} ${path}`).toBe(401)
        expect(JSON.parse(body).error.code).toBe('token-needed')
      }
    }
    expect(page.asked).toEqual([])
  })

  it('is there under our own names only', async () => {
    const { port } = new URL(page.address)
    for (const host of [
      `evil.example:${port}`,
      'evil.example',
      '127.0.0.1',
      'localhost',
      `localhost.evil.example:${port}`,
      `127.0.0.1:${Number(port) + 1}`,
      `127.0.0.2:${port}`,
      `127.0.0.1.:${port}`,
      `[::1]:1`
    ]) {
      await eachRoute(async ({ method, path }) => {
        const { status, body } = await ask(method, path, { host, ...withToken() })
        expect(status, `${method} ${path} at ${host}`).toBe(403)
        expect(JSON.parse(body).error.code).toBe('bad-host')
      })
    }
    for (const host of [`127.0.0.1:${port}`, `localhost:${port}`, `LOCALHOST:${port}`, `[::1]:${port}`]) {
      expect((await ask('GET', '/api/v1/status', { host })).status, host).toBe(200)
    }
    expect(page.asked).toEqual([])
  })

  it('is closed to other web pages', async () => {
    const { port } = new URL(page.address)
    const foreign: Record<string, string>[] = [
      { origin: 'http://evil.example' },
      { origin: 'null' },
      { origin: `https://127.0.0.1:${port}` },
      { origin: 'http://127.0.0.1' },
      { origin: `http://127.0.0.1:${Number(port) + 1}` },
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
      { 'sec-fetch-site': 'cross-site', 'sec-fetch-dest': 'iframe' }
    ]
    for (const headers of foreign) {
      await eachRoute(async ({ method, path }) => {
        const { status } = await ask(method, path, { ...headers, ...withToken() })
        expect(status, `${method} ${path} from ${JSON.stringify(headers)}`).toBe(403)
      })
    }
    expect(page.asked).toEqual([])
    const link = { 'sec-fetch-site': 'cross-site', 'sec-fetch-dest': 'document' }
    expect((await ask('GET', '/', link)).status).toBe(200)
    expect((await ask('GET', '/api/v1/status', link)).status).toBe(403)
    expect(
      (await ask('GET', '/api/v1/status', { origin: page.address, 'sec-fetch-site': 'same-origin' })).status
    ).toBe(200)
  })

  it('allows no CORS, no frame, no foreign script, and no cache', async () => {
    for (const { method, path, change } of all()) {
      const { headers } = await ask(method, path, { ...(change ? withToken() : {}), origin: page.address })
      expect(
        Object.keys(headers).filter(name => name.startsWith('access-control-')),
        path
      ).toEqual([])
      expect(headers['content-security-policy'], path).toMatch(/^default-src 'self';.*frame-ancestors 'none'/)
      expect(headers, path).toMatchObject({
        'x-content-type-options': 'nosniff',
        // A built file's name carries a hash of what is in it.
        'cache-control': path.startsWith('/assets/') ? 'private, max-age=31536000, immutable' : 'no-store'
      })
    }
    expect((await ask('OPTIONS', '/api/v1/status', { origin: page.address })).status).toBe(405)
  })
})

describe('requests that are none', () => {
  /** Writes raw bytes and gives back the first line of the answer. */
  const raw = (text: string) =>
    new Promise<string>((resolve, reject) => {
      const socket = connect(Number(new URL(page.address).port), '127.0.0.1', () => socket.write(text))
      let answer = ''
      socket.setEncoding('utf8').on('data', piece => {
        answer += piece
      })
      socket.on('close', () => resolve(answer.split('\r\n')[0]!)).on('error', reject)
    })

  it('are turned away: no Host, two of them, an absolute target, CONNECT, ways out of the folder', async () => {
    const host = `Host: ${new URL(page.address).host}\r\n`
    const end = 'Connection: close\r\n\r\n'
    expect(await raw(`GET / HTTP/1.1\r\n${end}`)).toContain(' 400 ')
    expect(await raw(`GET / HTTP/1.1\r\nHost:\r\n${end}`)).toContain(' 403 ')
    expect(await raw(`GET / HTTP/1.0\r\n${end}`)).toContain(' 403 ')
    expect(await raw(`GET / HTTP/1.1\r\n${host}Host: evil.example\r\n${end}`)).toMatch(/ 40[03] /)
    expect(await raw(`GET http://evil.example/ HTTP/1.1\r\n${host}${end}`)).toContain(' 400 ')
    expect(await raw(`CONNECT evil.example:443 HTTP/1.1\r\n${host}\r\n`)).toBe('')
    for (const path of [
      '/../page.ts',
      '/web/../page.ts',
      '/%2e%2e/page.ts',
      '/..%5cpage.ts',
      '/page.ts',
      '//page.css'
    ]) {
      expect(await raw(`GET ${path} HTTP/1.1\r\n${host}${end}`), path).toContain(' 404 ')
    }
  })

  it('say what would be right', async () => {
    const wrongMethod = await ask('POST', '/api/v1/status')
    expect([wrongMethod.status, wrongMethod.headers.allow]).toEqual([405, 'GET'])
    const unknown = await ask('DELETE', `/api/v1/cache/${'cd'.repeat(32)}`, withToken())
    expect([unknown.status, JSON.parse(unknown.body).error.code]).toEqual([404, 'unknown-transfer'])
    expect((await ask('DELETE', '/api/v1/cache/..%2f..%2fetc', withToken())).status).toBe(404)
    expect(page.asked).toEqual([])
  })
})

describe('the API', () => {
  it('tells status, transfers under way, peers, counters and cache', async () => {
    const other = makeTransfer({
      transfer: 'cd'.repeat(32),
      key: 'origin.example/b',
      keptBytes: 5,
      readers: 1
    })
    page.status = {
      ...page.status,
      transfers: [...page.status.transfers, other],
      peers: [makePeer({ id: 'P' })]
    }
    const json = async (path: string) => JSON.parse((await ask('GET', path)).body)
    expect(await json('/api/v1/status')).toEqual(page.status)
    expect(await json('/api/v1/transfers')).toEqual([other])
    expect(await json('/api/v1/peers')).toEqual(page.status.peers)
    expect(await json('/api/v1/counters')).toMatchObject({ totals: page.status.totals, refusals: {} })
    page.insight = { ...page.insight, copies: () => new Map([[other.transfer, { whole: 1, told: 2 }]]) }
    expect(await json('/api/v1/cache')).toEqual({
      store: page.status.store,
      transfers: page.status.transfers,
      peers: 1,
      copies: { [other.transfer]: { whole: 1, told: 2 } }
    })
  })

  it('changes what it is asked to change', async () => {
    await ask('PUT', `/api/v1/cache/${id}/pin`, withToken())
    await ask('DELETE', `/api/v1/cache/${id}/pin`, withToken())
    await ask('DELETE', `/api/v1/cache/${id}`, withToken())
    expect(page.asked).toEqual([`pin ${id} true`, `pin ${id} false`, `remove ${id}`])
  })

  it('purges by URL, key or class, and says what came of it', async () => {
    const purge = (body: string) => ask('POST', '/api/v1/cache/purge', withToken(), body)
    page.purgeResult = { forgotten: 2, told: 0, notTold: 'nobody is there' }
    const wanted = [{ url: 'http://origin.example/a' }, { key: 'k'.repeat(4096) }, { class: 'generic' }]
    for (const request of wanted) {
      const { status, body } = await purge(JSON.stringify(request))
      expect([status, JSON.parse(body)]).toEqual([200, page.purgeResult])
    }
    const asked = wanted.map(request => `purge ${JSON.stringify(request)}`)
    expect(page.asked).toEqual(asked)
    const refused = ['', '{', '{}', '[]', '{"class":""}', '{"class":"a","key":"b"}', '{"url":7}']
    for (const body of refused) expect((await purge(body)).status, body).toBe(400)
    expect((await purge(JSON.stringify({ key: 'k'.repeat(20 * 1024) }))).status).toBe(413)
    expect(page.asked).toEqual(asked)
  })

  it('verifies line by line', async () => {
    page.verifyResults = [{ transfer: id, key: 'k', chunks: 3, bad: [1] }]
    const { body } = await ask('POST', '/api/v1/cache/verify', withToken())
    expect(
      body
        .trim()
        .split('\n')
        .map(line => JSON.parse(line))
    ).toEqual([...page.verifyResults, { done: true }])
  })

  it('answers HEAD without a body', async () => {
    for (const path of ['/', '/api/v1/status', '/api/v1/events']) {
      expect(await ask('HEAD', path), path).toMatchObject({ status: 200, body: '' })
    }
  })
})

describe('the token', () => {
  it.skipIf(process.platform === 'win32')(
    'is readable by its owner alone, and stays over a restart',
    async () => {
      const file = filesIn(folder).pageToken
      expect((await stat(file)).mode & 0o777).toBe(0o600)
      await page.stop()
      page = await startLocalPage(folder)
      expect((await readFile(file, 'utf8')).trim()).toBe(token)
      expect(await readdir(folder)).toEqual(['page.token'])
    }
  )

  it.skipIf(process.platform === 'win32')(
    'is made anew when others could read it, or when it is none',
    async () => {
      const file = filesIn(folder).pageToken
      await chmod(file, 0o644)
      await page.stop()
      page = await startLocalPage(folder)
      const second = (await readFile(file, 'utf8')).trim()
      expect(second).not.toBe(token)
      expect((await stat(file)).mode & 0o777).toBe(0o600)
      await writeFile(file, 'password')
      await page.stop()
      page = await startLocalPage(folder)
      expect((await readFile(file, 'utf8')).trim()).toMatch(/^[\w-]{43}$/)
    }
  )
})

describe('a port that is taken', () => {
  it('is told with the way out', async () => {
    const { port } = new URL(page.address)
    await expect(startLocalPage(folder, makeStatus(), Number(port))).rejects.toMatchObject({
      code: 'page-port-taken',
      message: expect.stringContaining('--page-port')
    })
  })
})

describe('the files of the page', () => {
  it('come from here and hold nothing inline', async () => {
    const { body } = await ask('GET', '/')
    expect(body).not.toMatch(/https?:\/\/|<script>|<style|style="|onclick/)
    const named = [...body.matchAll(/(?:src|href)="\.?([^"]+)"/g)].map(([, path]) => path!)
    expect(named.length).toBeGreaterThan(1)
    for (const path of named) expect((await ask('GET', path)).status, path).toBe(200)
  })

  it('come gzipped to who takes that, and are the same then', async () => {
    const path = [...assets.keys()].find(name => name.endsWith('.js'))!
    const answer = await fetch(page.address + path)
    expect(answer.headers.get('content-encoding')).toBe('gzip')
    expect(await answer.text()).toBe((await ask('GET', path)).body)
    expect(
      (await ask('GET', path, { 'accept-encoding': 'br, gzip;q=0' })).headers['content-encoding']
    ).toBeUndefined()
  })

  it('put no text in as HTML', async () => {
    const folders = ['agent/src/page/web', 'coordinator/src/page/web', 'shared/web']
    for (const folder of folders) {
      const root = new URL(`../../../${folder}/`, import.meta.url)
      for (const name of await readdir(root)) {
        if (!/\.tsx?$/.test(name)) continue
        expect(await readFile(new URL(name, root), 'utf8'), `${folder}/${name}`).not.toMatch(
          /innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(/i
        )
      }
    }
  })
})

describe('requests of clients', () => {
  it('are told to nobody without the token: they say who fetched what', async () => {
    const { status, body } = await ask('GET', '/api/v1/requests')
    expect([status, JSON.parse(body).error.code]).toEqual([401, 'token-needed'])
    expect(page.asked).toEqual([])
  })

  it('are asked for by what the query says', async () => {
    const search =
      'from=2026-11-26&to=2026-11-26T08:00:00Z&client=10.1.2.3&host=*.example&class=generic&limit=7&cursor=1:2'
    expect((await ask('GET', `/api/v1/requests?${search}`, withToken())).status).toBe(200)
    const query = {
      from: Date.UTC(2026, 10, 26),
      to: Date.UTC(2026, 10, 26, 8),
      client: '10.1.2.3',
      host: '*.example',
      class: 'generic',
      limit: 7,
      cursor: '1:2'
    }
    expect(page.asked).toEqual([`requests ${JSON.stringify(query)}`])
  })

  it.each(['form=2026-11-26', 'from=yesterday', 'from=1', 'limit=0', 'limit=1001', 'limit=x', 'to='])(
    'are not told for %s',
    async search => {
      const { status, body } = await ask('GET', `/api/v1/requests?${search}`, withToken())
      expect([status, JSON.parse(body).error.code]).toEqual([400, 'bad-query'])
      expect(page.asked).toEqual([])
    }
  )
})

it('has tunnelled clients tried again, and writes that down', async () => {
  const retry = (body: string) => ask('POST', '/api/v1/intercept/retry', withToken(), body)
  const { status, body } = await retry('{"host":"files.example","client":"192.0.2.9"}')
  expect([status, JSON.parse(body)]).toEqual([200, { forgotten: 2 }])
  const detail = { host: 'files.example', client: '192.0.2.9', forgotten: 2 }
  expect(page.audited).toEqual([
    { who: 'api', what: 'api', detail: { path: '/api/v1/intercept/retry', ...detail } }
  ])
  for (const wrong of ['', '[]', '{"hosts":"a"}', '{"host":7}'])
    expect((await retry(wrong)).status, wrong).toBe(400)
  expect(page.asked).toEqual(['retry {"host":"files.example","client":"192.0.2.9"}'])
})

it('writes down who changed what, and who tried to without the token', async () => {
  await ask('DELETE', `/api/v1/cache/${id}`, withToken())
  await ask('POST', '/api/v1/cache/purge', withToken())
  await ask('DELETE', `/api/v1/cache/${id}`)
  expect(page.audited).toEqual([
    { who: 'api', what: 'api', detail: { method: 'DELETE', path: '/api/v1/cache/:id', transfer: id } },
    { who: 'api', what: 'purge', detail: { class: 'generic', ...page.purgeResult } },
    { who: 'api', what: 'refused', detail: { rule: 'token', method: 'DELETE', path: `/api/v1/cache/${id}` } }
  ])
})
