import { hostname } from 'node:os'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { dayMs, hourMs, MiB } from '@starling/shared/units.ts'
import { bytesContent } from '../../../../test/doubles/content.ts'
import { startOrigin, type Front, type Origin } from '../../../../test/doubles/origin.ts'
import { putGoModules, putNpmPackage } from '../../../../test/doubles/packages.ts'
import {
  ask,
  cleanUp,
  closers,
  defaultRules,
  proxyOf,
  swarm,
  upstreamOf,
  type Answer
} from '../../../../test/doubles/proxy-harness.ts'
import type { ProxyRule } from '@starling/shared/policy/access.ts'
import type { MirrorConfig } from '../../mirror-config.ts'
import type { AccessLine } from '../../ports.ts'
import type { Proxy } from '../http-proxy.ts'

afterEach(async () => {
  vi.useRealTimers()
  await cleanUp()
})

interface Stage {
  readonly origin: Origin
  readonly proxy: Proxy
  readonly get: (path: string, headers?: Record<string, string>, method?: string) => Promise<Answer>
  /** Status, and how the answer came about. */
  readonly how: (path: string) => Promise<string>
  /** The upstream's machine is switched off. */
  readonly close: () => Promise<void>
  readonly lines: AccessLine[]
  readonly audits: unknown[]
}

const sumdb = { name: 'sum.example', url: '/sum/' }

/** A proxy with a mirror of each kind, whose upstreams are parts of one origin. */
async function setUp(front?: Front, rules: readonly ProxyRule[] = []): Promise<Stage> {
  const origin = await startOrigin(front === undefined ? {} : { front })
  let isOpen = true
  const close = async (): Promise<void> => {
    if (isOpen) await origin.close()
    isOpen = false
  }
  closers.push(close)
  const common = { hosts: ['mirror.corp.example'] }
  const mirrors: MirrorConfig[] = [
    {
      kind: 'go',
      name: 'go',
      upstream: `${origin.url}/go/`,
      ...common,
      allow: [],
      deny: ['example.com/bad'],
      private: ['corp.example'],
      sumdb: { ...sumdb, url: origin.url + sumdb.url }
    },
    { kind: 'npm', name: 'npm', upstream: `${origin.url}/npm/`, ...common },
    { kind: 'tree', name: 'debian', upstream: `${origin.url}/debian/`, ...common }
  ]
  const upstream = upstreamOf()
  const lines: AccessLine[] = []
  const audits: unknown[] = []
  const accessLog = {
    notesRequests: true,
    note: (line: AccessLine) => void lines.push(line),
    audit: (line: unknown) => void audits.push(line)
  }
  const proxy = await proxyOf(swarm(upstream), { mirrors, rules }, upstream, undefined, accessLog)
  const get: Stage['get'] = (path, headers, method) => ask(proxy, path, headers, method)
  const how = async (path: string): Promise<string> => {
    const { status, headers } = await get(path)
    return `${status} ${String(headers['x-starling'])}`
  }
  return { origin, proxy, get, how, close, lines, audits }
}

const list = '/m/go/example.com/mod/@v/list'
const zip = '/m/go/example.com/mod/@v/v1.0.0.zip'
const withModule = async (front?: Front): Promise<Stage> => {
  const stage = await setUp(front)
  putGoModules(stage.origin, '/go', [{ path: 'example.com/mod', version: 'v1.0.0' }])
  return stage
}

test('a mirror comes and goes while the proxy runs', async () => {
  const { proxy, get, origin } = await withModule()
  const tree = { kind: 'tree' as const, name: 'files', upstream: `${origin.url}/go/`, hosts: [] }
  proxy.reconfigure({ ...defaultRules, mirrors: [tree] })
  expect((await get(list)).body.toString()).toMatch(/no mirror is called "go"; there is files/)
  expect((await get('/m/files/example.com/mod/@v/list')).status).toBe(200)
})

describe('a Go module proxy', () => {
  test('keeps what never changes, and what changes for as long as it is fresh', async () => {
    const { origin, get, how } = await withModule()
    expect((await get(list)).body.toString()).toBe('v1.0.0\n')
    expect(await how(list)).toBe('200 cache; class=generic; fresh')
    expect((await get(zip)).body.subarray(0, 2).toString()).toBe('PK')
    expect(await how(zip)).toBe('200 cache; class=go; fresh')
    expect(origin.stats('/go/example.com/mod/@v/v1.0.0.zip').requests).toBe(1)
  })

  test('refuses by its rules without asking upstream, and passes 404 and 410 on as they are', async () => {
    const { origin, get } = await withModule()
    for (const module of ['example.com/bad', 'corp.example/secret']) {
      const { status, body } = await get(`/m/go/${module}/@v/list`)
      expect([status, body.toString()]).toEqual([
        404,
        expect.stringContaining(` rule ${module.split('/sec')[0]!} `)
      ])
    }
    expect(origin.paths().filter(path => !path.startsWith('/go/example.com/mod/'))).toEqual([])
    origin.setFaults('/go/example.com/gone/@v/list', { status: 410 })
    expect((await get('/m/go/example.com/none/@v/list')).status).toBe(404)
    expect((await get('/m/go/example.com/gone/@v/list')).status).toBe(410)
  })

  test('asked with another method says which it takes', async () => {
    const { get } = await withModule()
    const { status, headers } = await get(zip, {}, 'PUT')
    expect([status, headers.allow]).toEqual([405, 'GET, HEAD'])
  })

  test('has its refusals counted, and written down with what was asked for', async () => {
    const { proxy, get, lines, audits } = await withModule()
    await get('/m/go/example.com/bad/@v/list?x')
    await get('/m/go/corp.example/secret/@latest')
    await get('/m/go/sumdb/sum.example/lookup/corp.example/secret@v1.0.0')
    await get(zip, {}, 'PUT')
    await get(zip, { host: 'evil.example' })
    await get('/m/go/no-path')
    expect(proxy.tally().refused).toEqual({
      'mirror-modules': 1,
      'mirror-private': 2,
      'mirror-methods': 1,
      'mirror-hosts': 1
    })
    await vi.waitUntil(() => lines.length === 6)
    expect(lines[0]).toMatchObject({
      face: 'mirror',
      host: `127.0.0.1:${proxy.port}`,
      path: '/m/go/example.com/bad/@v/list',
      status: 404,
      rule: 'mirror-modules'
    })
    expect(lines.map(({ rule }) => rule).slice(3)).toEqual(['mirror-methods', 'mirror-hosts', null])
    expect(audits).toHaveLength(5)
    expect(audits[4]).toEqual({
      who: '127.0.0.1',
      what: 'refused',
      detail: { rule: 'mirror-hosts', host: 'evil.example' }
    })
  })

  test('goes on without its upstream: what never changes for ever, lists for a week', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    const { how, close } = await withModule()
    await how(list)
    await how(zip)
    await close()
    vi.setSystemTime(Date.now() + hourMs)
    expect(await how(list)).toMatch(/^200 cache; .*stale-if-error/)
    expect(await how('/m/go/example.com/other/@v/list')).toMatch(/^502 /)
    vi.setSystemTime(Date.now() + 6 * dayMs)
    expect(await how(list)).toMatch(/^200 /)
    vi.setSystemTime(Date.now() + 2 * dayMs)
    expect(await how(list)).toMatch(/^502 /)
    vi.setSystemTime(Date.now() + 100 * dayMs)
    expect(await how(zip)).toBe('200 cache; class=go; stale-if-error')
  })

  test('does not give what is stale where the upstream forbids it, nor to who asks past the mirror', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    const { origin, proxy, how, close } = await withModule()
    const strict = '/go/example.com/strict/@v/list'
    origin.put(strict, bytesContent(Buffer.from('v1.0.0\n')))
    origin.setFaults(strict, { headers: { 'cache-control': 'max-age=60, must-revalidate' } })
    expect(await how('/m/go/example.com/strict/@v/list')).toMatch(/^200 /)
    await how(list)
    await close()
    vi.setSystemTime(Date.now() + hourMs)
    expect(await how('/m/go/example.com/strict/@v/list')).toMatch(/^502 /)
    expect((await ask(proxy, `${origin.url}/go/example.com/mod/@v/list`)).status).toBe(502)
    expect(await how(list)).toMatch(/^200 /)
  })

  test('covers an upstream that answers with errors, until it answers again', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    const { origin, how } = await withModule()
    await how(list)
    vi.setSystemTime(Date.now() + hourMs)
    origin.setFaults('/go/example.com/mod/@v/list', { status: 503 })
    expect(await how(list)).toMatch(/^200 cache; .*stale-if-error/)
    origin.setFaults('/go/example.com/mod/@v/list', {})
    expect(await how(list)).toMatch(/^200 pass; .*kept/)
  })

  test('follows redirects itself, and keeps what never changes from there', async () => {
    const storage = await startOrigin()
    closers.push(() => storage.close())
    storage.put('/blob', bytesContent(Buffer.from('zip')))
    const moved: Front = async (_, path) => ({
      faults: {},
      answer: path.startsWith('/go/')
        ? { status: 302, headers: { location: `${storage.url}/blob` }, body: '' }
        : null
    })
    const { get, how } = await withModule(moved)
    const { status, body } = await get(zip)
    expect([status, body.toString()]).toEqual([200, 'zip'])
    expect(await how(zip)).toBe('200 cache; class=go; fresh')
    expect(await how(list)).toMatch(/^200 pass/)
    expect(await how(list)).toMatch(/^200 pass/)
  })

  test('passes its checksum database on, whose tiles never change', async () => {
    const { origin, get, how } = await withModule()
    const tile = 'tile/8/0/001'
    origin.put(`/sum/${tile}`, bytesContent(Buffer.from('hashes')))
    origin.setFaults(`/sum/${tile}`, {
      headers: { 'cache-control': null, etag: null, 'last-modified': null }
    })
    expect((await get('/m/go/sumdb/sum.example/supported')).status).toBe(200)
    expect((await get(`/m/go/sumdb/sum.example/${tile}`)).body.toString()).toBe('hashes')
    expect(await how(`/m/go/sumdb/sum.example/${tile}`)).toMatch(/^200 cache.*fresh/)
    expect((await get('/m/go/sumdb/sum.example/lookup/corp.example/x@v1.0.0')).status).toBe(404)
    expect(origin.paths()).not.toContain('/sum/lookup/corp.example/x@v1.0.0')
  })
})

describe('npm', () => {
  const tarball = 'npm/left/-/left-1.0.0.tgz'
  const withPackage = async (): Promise<Stage> => {
    const stage = await setUp()
    putNpmPackage(stage.origin, '/npm', 'left', '1.0.0', {})
    putNpmPackage(stage.origin, '/npm', '@corp/left', '1.0.0', {})
    return stage
  }

  test('names our own addresses, as the client reached us, also out of the cache', async () => {
    const { proxy, get } = await withPackage()
    const addressIn = ({ body }: Answer): unknown =>
      (JSON.parse(body.toString()) as { versions: Record<string, { dist: { tarball: string } }> }).versions[
        '1.0.0'
      ]!.dist.tarball
    expect(addressIn(await get('/m/npm/left'))).toBe(`http://127.0.0.1:${proxy.port}/m/${tarball}`)
    const again = await get('/m/npm/left', { host: `mirror.corp.example:${proxy.port}` })
    expect(again.headers['x-starling']).toBe('cache; class=generic; fresh')
    expect(addressIn(again)).toBe(`http://mirror.corp.example:${proxy.port}/m/${tarball}`)
    expect(again.headers['content-encoding']).toBeUndefined()
    expect(addressIn(await get('/m/npm/@corp%2fleft'))).toBe(
      `http://127.0.0.1:${proxy.port}/m/npm/@corp/left/-/left-1.0.0.tgz`
    )
    expect((await get(`/m/${tarball}`)).body.subarray(0, 2)).toEqual(Buffer.from([0x1f, 0x8b]))
  })

  test('keeps a document for each Accept, and says 304 to who has it', async () => {
    const { origin, get } = await withPackage()
    origin.setFaults('/npm/left', {
      headers: { 'content-type': 'application/json', 'content-encoding': 'gzip' }
    })
    const { headers } = await get('/m/npm/left', { accept: 'application/json' })
    expect(headers.etag).toMatch(/^W\/"/)
    const same = { accept: 'application/json', 'if-none-match': headers.etag! }
    expect((await get('/m/npm/left', same)).status).toBe(304)
    expect((await get('/m/npm/left', { accept: 'text/plain' })).headers['x-starling']).toMatch(/^pass/)
    expect((await get('/m/npm/left', { accept: 'application/json' })).headers['x-starling']).toMatch(/^cache/)
    const head = await get('/m/npm/left', { accept: 'application/json' }, 'HEAD')
    expect([head.status, head.headers['content-length']]).toEqual([200, undefined])
  })

  test('tells the registry nothing of npm itself, so that all have the same document', async () => {
    const told: string[] = []
    const { origin, get } = await setUp(async ({ headers }) => {
      told.push(...Object.keys(headers).filter(name => /^(npm|pacote|x)-/.test(name)))
      return { faults: {}, answer: null }
    })
    putNpmPackage(origin, '/npm', 'left', '1.0.0', {})
    const fields = { 'npm-session': '1', 'npm-command': 'ci', 'pacote-version': '1' }
    expect((await get('/m/npm/left', fields)).headers['x-starling']).toMatch(/^pass; .*kept/)
    expect((await get('/m/npm/left', { 'x-tool': 'a' })).headers['x-starling']).toMatch(/^cache; .*fresh/)
    putNpmPackage(origin, '/npm', 'right', '1.0.0', {})
    expect((await get('/m/npm/right', { 'x-tool': 'a' })).headers['x-starling']).toMatch(/^cache; .*fetched/)
    expect(told).toEqual([])
  })

  test('has documents of any size, which are nothing for the swarm', async () => {
    const { origin, proxy, get } = await setUp()
    const document = (place: string): string =>
      `{"readme":"${'x'.repeat(6 * MiB)}","tarball":"${place}large/-/large-1.0.0.tgz"}`
    origin.put('/npm/large', bytesContent(Buffer.from(document(`${origin.url}/npm/`))))
    origin.setFaults('/npm/large', { headers: { 'content-type': 'application/json' } })
    // Past the mirror it is what any large file is.
    const plain = await ask(proxy, `${origin.url}/npm/large`)
    expect(plain.headers['x-starling']).toMatch(/^swarm/)
    for (const method of ['GET', 'HEAD', 'GET']) {
      const { headers, body } = await get('/m/npm/large', { range: 'bytes=0-9' }, method)
      expect([headers['content-length'], headers['x-starling']]).toEqual([
        undefined,
        expect.stringMatching(/^pass/)
      ])
      const whole = document(`http://127.0.0.1:${proxy.port}/m/npm/`)
      expect(body.toString() === (method === 'GET' ? whole : '')).toBe(true)
    }
  })

  test('is only read, but for the question of an audit', async () => {
    const { origin, get } = await withPackage()
    const { status, body } = await get('/m/npm/left', {}, 'PUT')
    expect([status, body.toString()]).toEqual([405, expect.stringContaining(`${origin.url}/npm/`)])
    expect((await get('/m/npm/left', {}, 'POST')).body.toString()).toContain('only read')
    expect((await get('/m/npm/-/npm/v1/security/advisories/bulk', {}, 'POST')).status).toBe(404)
    expect(origin.stats('/npm/-/npm/v1/security/advisories/bulk').requests).toBe(1)
  })
})

describe('a tree', () => {
  const deb = 'debian/pool/main/h/hello/hello_1_amd64.deb'

  test('has ranges, HEAD, and its upstream’s own answers', async () => {
    const { origin, get } = await setUp()
    origin.put(`/${deb}`, bytesContent(Buffer.from('0123456789')))
    const part = await get(`/m/${deb}`, { range: 'bytes=2-4' })
    expect([part.status, part.body.toString()]).toEqual([206, '234'])
    expect((await get(`/m/${deb}`)).body.toString()).toBe('0123456789')
    const head = await get(`/m/${deb}`, {}, 'HEAD')
    expect([head.status, head.headers['content-length'], head.headers['x-starling']]).toEqual([
      200,
      '10',
      'cache; class=apt; fresh'
    ])
    expect((await get('/m/debian/none')).status).toBe(404)
    expect((await get(`/m/${deb}`, {}, 'DELETE')).status).toBe(405)
  })

  test.each(['../go/x', '%2e%2e/go/x', 'a/..%2f..%2fgo/x', '..\\go\\x', 'a%5c..%5c..%5cgo'])(
    '%s does not lead out of it',
    async rest => {
      const { origin, get } = await setUp()
      expect((await get(`/m/debian/${rest}`)).status).toBe(400)
      expect(origin.paths()).toEqual([])
    }
  )
})

describe('all mirrors', () => {
  test('answer to addresses of this machine, its name and those that are listed', async () => {
    const { origin, get } = await withModule()
    for (const host of ['localhost:1', '10.1.2.3', '[::1]:17831', hostname(), 'MIRROR.corp.example'])
      expect([host, (await get(list, { host })).status]).toEqual([host, 200])
    const { status, body } = await get(list, { host: 'evil.example' })
    expect([status, body.toString()]).toEqual([403, expect.stringContaining('hosts')])
    expect(origin.stats('/go/example.com/mod/@v/list').requests).toBe(1)
  })

  test('leave cookies where they are', async () => {
    const cookies: unknown[] = []
    const { origin, get } = await withModule(async ({ headers }) => {
      cookies.push(headers.cookie)
      return { faults: {}, answer: null }
    })
    origin.setFaults('/go/example.com/mod/@v/v1.0.0.info', { headers: { 'set-cookie': 'a=b' } })
    const { headers } = await get('/m/go/example.com/mod/@v/v1.0.0.info', { cookie: 'session=1' })
    expect([headers['set-cookie'], cookies]).toEqual([undefined, [undefined]])
  })

  test('keep what is asked with fields that nobody knows, and ask again with them where it is refused', async () => {
    const tokens: unknown[] = []
    const secret = '/go/example.com/secret/@v/list'
    const { origin, get, how } = await withModule(async ({ headers }, path) => {
      if (path === secret) tokens.push(headers['x-token'])
      const isRefused = path === secret && headers['x-token'] === undefined
      const answer = { status: 404, headers: { 'cache-control': 'max-age=60' }, body: '' }
      return { faults: {}, answer: isRefused ? answer : null }
    })
    origin.put(secret, bytesContent(Buffer.from('v1.0.0\n')))
    expect((await get(list, { 'x-tool': 'a' })).status).toBe(200)
    expect(await how(list)).toBe('200 cache; class=generic; fresh')
    expect((await get(`/m${secret}`, { 'x-token': '1' })).status).toBe(200)
    expect(tokens).toEqual([undefined, '1'])
    expect(await how(`/m${secret}`)).toMatch(/^404 /)
    expect((await get(`/m${secret}`, { 'x-token': '1' })).status).toBe(200)
  })

  test('pass Authorization on, and keep nothing that was asked with it', async () => {
    const seen: unknown[] = []
    const { get } = await withModule(async ({ headers }) => {
      seen.push(headers.authorization)
      return { faults: {}, answer: null }
    })
    for (const authorization of ['Basic a', 'Basic b'])
      expect((await get(list, { authorization })).headers['x-starling']).toMatch(/^pass/)
    expect(seen).toEqual(['Basic a', 'Basic b'])
  })

  test('give what is stale also to who waits for it, but not to who asks past them', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    const waiting = Promise.withResolvers<void>()
    let isBroken = false
    const asked = Promise.withResolvers<void>()
    const { origin, proxy, how } = await withModule(async () => {
      if (!isBroken) return { faults: {}, answer: null }
      asked.resolve()
      await waiting.promise
      return { faults: {}, answer: { status: 503, headers: {}, body: '' } }
    })
    await how(list)
    vi.setSystemTime(Date.now() + hourMs)
    isBroken = true
    const first = how(list)
    await asked.promise
    const others = Promise.all([how(list), ask(proxy, `${origin.url}/go/example.com/mod/@v/list`)])
    // Whoever comes after them has been let in after them.
    await ask(proxy, '/m/none/')
    waiting.resolve()
    expect(await first).toMatch(/^200 .*stale-if-error/)
    const [mirrored, plain] = await others
    expect([mirrored, plain.status]).toEqual([expect.stringMatching(/^200 .*stale-if-error/), 503])
  })

  test('refuse by the rules of the proxy in words of HTTP, not in those for Windows', async () => {
    const { origin, get } = await setUp(undefined, [{ name: 'closed', action: 'deny', paths: ['/go/**'] }])
    const { status, body } = await get(list)
    expect([status, body.toString()]).toEqual([403, expect.stringContaining('closed')])
    expect(origin.paths()).toEqual([])
  })

  test('that are not there are told apart from those that are', async () => {
    const { get } = await setUp()
    const { status, body } = await get('/m/pypi/x')
    expect([status, body.toString()]).toEqual([
      404,
      expect.stringContaining('"pypi"; there is go, npm, debian')
    ])
    expect((await get('/m/')).status).toBe(404)
  })
})
