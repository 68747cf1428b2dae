import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { GiB, MiB } from '@starling/shared/units.ts'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { dataFolderOf, defaultDataFolder, loadConfig, type SecretReader } from './config-sources.ts'
import { agentConfig, filesIn, settings, withoutSecrets, type AgentConfig } from './config.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'starling-config-'))
})
afterEach(async () => {
  await rm(folder, { recursive: true })
})

const noSecrets: SecretReader = {
  readFile: async () => null,
  parse: () => {
    throw new Error('the fleet secret is not random')
  }
}

const load = (env: Record<string, string>, commandLine: Record<string, string> = {}, secrets = noSecrets) =>
  loadConfig({ dataFolder: folder, env, commandLine: new Map(Object.entries(commandLine)) }, secrets)

const problemsOf = async (loading: Promise<AgentConfig>) => {
  const error = await loading.then(
    () => null,
    (thrown: unknown) => thrown as Error & { code: string }
  )
  expect(error?.code).toBe('bad-config')
  return error!.message
}

const writeConfig = (value: unknown) =>
  writeFile(filesIn(folder).config, typeof value === 'string' ? value : JSON.stringify(value))

describe('mirrors', () => {
  const go = { name: 'go', kind: 'go', upstream: 'https://goproxy.example/base' }

  it('are none unless somebody names them, and then complete', async () => {
    expect((await load({})).mirrors).toEqual([])
    await writeConfig({
      mirrors: [go, { name: 'npm', kind: 'npm', upstream: 'http://registry.example:4873' }]
    })
    expect((await load({})).mirrors).toEqual([
      {
        ...go,
        upstream: 'https://goproxy.example/base/',
        hosts: [],
        allow: [],
        deny: [],
        private: [],
        sumdb: null
      },
      { name: 'npm', kind: 'npm', upstream: 'http://registry.example:4873/', hosts: [] }
    ])
  })

  it.each<[string, object, RegExp]>([
    ['name', { ...go, name: 'Go/x' }, /mirrors\[0\]\.name: .*small letters/],
    ['kind', { ...go, kind: 'pypi' }, /mirrors\[0\]\.kind: .*go, npm and tree/],
    ['upstream', { ...go, upstream: 'goproxy.example' }, /mirrors\[0\]\.upstream: .*give an address/],
    ['password', { ...go, upstream: 'https://me:secret@x.example' }, /\.upstream: .*leave out user name/],
    ['query', { ...go, upstream: 'https://x.example/?a' }, /\.upstream: .*leave out \?/],
    ['pattern', { ...go, private: ['corp.example/**'] }, /mirrors\[0\]\.private\[0\]: .*module path/],
    ['token', { ...go, deny: ['x.example', 'x.example/{sha1}'] }, /mirrors\[0\]\.deny\[1\]: .*module path/],
    [
      'database',
      { ...go, sumdb: { name: 'sum.example' } },
      /mirrors\[0\]\.sumdb\.url: is missing: give a text/
    ],
    ['list', { ...go, hosts: 'mirror.example' }, /mirrors\[0\]\.hosts: give a list/],
    ['more', { ...go, wat: 1 }, /mirrors\[0\]\.wat: there is no such field/],
    ['host', { ...go, hosts: ['mirror.example:80'] }, /mirrors\[0\]\.hosts\[0\]: .*without port/],
    [
      'rule of another kind',
      { ...go, kind: 'tree', allow: [] },
      /mirrors\[0\]\.allow: there is no such field/
    ]
  ])('tell what is wrong with a %s, and no secret', async (_, mirror, expected) => {
    await writeConfig({ mirrors: [mirror] })
    const message = await problemsOf(load({}))
    expect(message).toMatch(expected)
    expect(message).not.toContain('secret@')
  })

  it('of the manual can be used', async () => {
    const manual = await readFile(new URL('../../docs/DEPLOY.md', import.meta.url), 'utf8')
    const [, example] = /```json\n([^`]*"mirrors"[^`]*)```/.exec(manual)!
    await writeConfig(example)
    expect((await load({})).mirrors.map(({ kind }) => kind)).toEqual(['go', 'npm', 'tree'])
  })

  it('have names of their own', async () => {
    await writeConfig({ mirrors: [go, go] })
    expect(await problemsOf(load({}))).toMatch(/mirrors\[1\]\.name: .*choose another/)
  })
})

describe('content classes', () => {
  const own = { id: 'model-hub', hosts: ['*.models.example'], paths: ['/blobs/{sha256}'] }

  it('come as a list in the file, and as JSON in the environment and on the command line', async () => {
    await writeConfig({ contentClasses: [own] })
    const [fromFile] = (await load({})).contentClasses
    expect(fromFile).toEqual({ ...own, key: 'address', rangeFirst: false })
    const text = (id: string) => JSON.stringify([{ ...own, id }])
    const env = { STARLING_CONTENT_CLASSES: text('from-env') }
    expect((await load(env)).contentClasses.map(({ id }) => id)).toEqual(['from-env'])
    expect((await load(env, { contentClasses: text('line') })).contentClasses[0]!.id).toBe('line')
  })

  it('tell which entry and which field is wrong, all of them at once', async () => {
    await writeConfig({ contentClasses: [own, { ...own, id: 'go', paths: ['/x', 'y'] }] })
    const message = await problemsOf(load({}))
    expect(message).toMatch(/config\.json:1:\d+ {2}contentClasses\[1\]\.id: .*choose another/)
    expect(message).toMatch(/config\.json:1:\d+ {2}contentClasses\[1\]\.paths\[1\]: .*must begin with \//)
    expect(await problemsOf(load({ STARLING_CONTENT_CLASSES: '[{' }))).toMatch(
      /environment STARLING_CONTENT_CLASSES {2}contentClasses: .* does not fit; give a list of objects, like \[/
    )
  })

  it('are refused to a program, too', () => {
    expect(() =>
      agentConfig(folder, { contentClasses: [{ ...own, key: 'digest', rangeFirst: true, hosts: ['*'] }] })
    ).toThrow(expect.objectContaining({ code: 'bad-config' }))
  })
})

describe('rules and limits of the proxy', () => {
  it('come from the file, and rules as JSON from the environment', async () => {
    const rules = [{ name: 'no-video', action: 'deny', hosts: ['*.video.example:8080'], paths: ['/**'] }]
    await writeConfig({ proxy: { rules, limits: { bytesPerDay: '5GiB' } }, accessLog: { enabled: 'on' } })
    const config = await load({ STARLING_PROXY_LIMITS_CONNECTIONS: '7' })
    expect(config.proxy.rules).toEqual(rules)
    expect(config.proxy.limits).toMatchObject({ bytesPerDay: 5 * GiB, connections: 7, local: false })
    expect(config.accessLog).toMatchObject({ enabled: 'on', audit: true })
    const env = JSON.stringify([{ name: 'closed', action: 'deny' }])
    expect((await load({ STARLING_PROXY_RULES: env })).proxy.rules[0]!.name).toBe('closed')
  })

  it('are as docs/DEPLOY.md shows them', async () => {
    const page = await readFile(new URL('../../docs/DEPLOY.md', import.meta.url), 'utf8')
    const example = /```json\n(\{.*?\n\})\n```/s.exec(page)![1]!
    await writeConfig(example)
    const { proxy, accessLog } = await load({})
    expect([proxy.rules.length, proxy.limits.bytesPerDay, accessLog.files]).toEqual([5, 50 * GiB, 20])
  })

  it.each<[object, RegExp]>([
    [{ name: 'requests', action: 'deny' }, /proxy\.rules\[1\]\.name: .*choose another/],
    [{ name: 'same', action: 'deny' }, /proxy\.rules\[1\]\.name: .*another rule/],
    [{ name: 'No Video', action: 'deny' }, /proxy\.rules\[1\]\.name: .*small letters/],
    [{ name: 'x', action: 'block' }, /proxy\.rules\[1\]\.action: .*allow or deny/],
    [{ name: 'x', action: 'deny', paths: ['private'] }, /proxy\.rules\[1\]\.paths\[0\]: .*must begin/],
    [{ name: 'x', action: 'deny', hosts: ['http://x/'] }, /proxy\.rules\[1\]\.hosts\[0\]: .*give a host/],
    [{ name: 'x', action: 'deny', clients: ['10.0.0.0/33'] }, /proxy\.rules\[1\]\.clients\[0\]: .*networks/],
    [{ name: 'x', action: 'deny', methods: ['get'] }, /proxy\.rules\[1\]\.methods\[0\]: .*capitals/],
    [{ name: 'x', action: 'deny', host: ['x'] }, /proxy\.rules\[1\].*host/]
  ])('%j is told to be wrong', async (rule, problem) => {
    await writeConfig({ proxy: { rules: [{ name: 'same', action: 'allow' }, rule] } })
    expect(await problemsOf(load({}))).toMatch(problem)
  })
})

describe('where values come from', () => {
  it('takes the defaults when nothing is said', async () => {
    const config = await load({})
    expect(config).toEqual(agentConfig(folder))
    expect(config).toMatchObject({
      dataFolder: folder,
      proxy: { host: '127.0.0.1' },
      page: { host: '127.0.0.1' },
      role: 'agent',
      ticket: null,
      fleetSecret: null,
      mdns: true,
      upstream: { proxies: [], directFallback: true, allowPrivate: [] }
    })
  })

  it('lets the file beat the default, the environment the file, and the command line the environment', async () => {
    await writeConfig({ site: 'file', role: 'gateway', cache: { quotaBytes: '1GiB', floorBytes: 0 } })
    const config = await load({ STARLING_SITE: 'env', STARLING_CACHE_QUOTA: '2GiB' }, { site: 'line' })
    expect([config.site, config.role]).toEqual(['line', 'gateway'])
    expect(config.cache).toMatchObject({ quotaBytes: 2 * GiB, floorBytes: 0 })
  })

  it('reads lists, switches, sizes and times as people write them', async () => {
    const config = await load({
      STARLING_MDNS: 'off',
      STARLING_UPSTREAM_PROXIES: 'http://a.example:3128, http://b.example:3128',
      STARLING_STATIC_PEERS: '/ip4/192.0.2.7/tcp/17830',
      STARLING_POLICY_DO_DELAY_FOREGROUND_DOWNLOAD_FROM_HTTP: '30',
      STARLING_POLICY_DO_ALLOW_VPN_PEER_CACHING: 'on',
      STARLING_POLICY_MAX_BACKGROUND_QUEUE_DELAY: '0.1s',
      STARLING_CACHE_FLOOR: '500 MiB'
    })
    expect(config.mdns).toBe(false)
    expect(config.upstream.proxies).toEqual(['http://a.example:3128', 'http://b.example:3128'])
    expect(config.staticPeers).toEqual(['/ip4/192.0.2.7/tcp/17830'])
    expect(config.policy).toMatchObject({
      DODelayForegroundDownloadFromHttp: 30,
      DOAllowVPNPeerCaching: 1,
      maxBackgroundQueueDelayMs: 100
    })
    expect(config.cache.floorBytes).toBe(500 * MiB)
  })

  it('reads a file that Notepad has saved', async () => {
    await writeConfig('\uFEFF{\r\n  "site": "north"\r\n}\r\n')
    expect((await load({})).site).toBe('north')
  })

  it('reads the example of docs/DEPLOY.md, comments and all', async () => {
    const docs = await readFile(new URL('../../docs/DEPLOY.md', import.meta.url), 'utf8')
    const example = /^ {4}\/\/ The gateway of.*?^ {4}\}$/ms.exec(docs)![0]
    await writeConfig(example)
    expect(await load({})).toMatchObject({ role: 'gateway', cache: { quotaBytes: 200 * GiB } })
  })

  it('gives every setting a name of its own in the environment and on the command line, and words', () => {
    expect(new Set(settings.map(setting => setting.env)).size).toBe(settings.length)
    expect(settings.find(setting => setting.path === 'cache.quotaBytes')).toMatchObject({
      env: 'STARLING_CACHE_QUOTA',
      option: '--cache-quota'
    })
    for (const { path, facts } of settings) {
      expect(facts.what.length, path).toBeGreaterThan(10)
      expect(facts.why.length, path).toBeGreaterThan(10)
    }
  })

  it('chooses the data folder that is usual on the system', () => {
    expect(defaultDataFolder({ ProgramData: 'D:\\Data' }, 'win32', false)).toBe('D:\\Data\\Starling')
    expect(defaultDataFolder({}, 'linux', true)).toBe('/var/lib/starling')
    expect(defaultDataFolder({ HOME: '/home/ada' }, 'linux', false)).toBe('/home/ada/.local/share/starling')
    expect(defaultDataFolder({ XDG_DATA_HOME: '/data' }, 'linux', false)).toBe('/data/starling')
    expect(dataFolderOf({ dataFolder: null, env: { STARLING_DATA: '/srv/star' } })).toBe('/srv/star')
    expect(dataFolderOf({ dataFolder: '/srv/line', env: { STARLING_DATA: '/srv/star' } })).toBe('/srv/line')
  })
})

describe('what is refused', () => {
  it('names field, source and remedy, all problems at once', async () => {
    await writeConfig({ cache: { quotaBytes: 'plenty' }, sight: 'north', policy: { uploadSlots: 9999 } })
    const message = await problemsOf(load({ STARLING_ROLE: 'king' }, { 'page.host': '0.0.0.0' }))
    const file = filesIn(folder).config
    expect(message).toContain(`${file}:1:24  cache.quotaBytes: "plenty" does not fit; give a size like 10GiB`)
    expect(message).toContain(
      `${file}:1:34  sight: no such setting. Known names: listen, bulk, proxy, cacheHost, intercept, page, site,`
    )
    expect(message).toContain(
      `${file}:1:74  policy.uploadSlots: 9999 does not fit; give a whole number from 0 to 256`
    )
    expect(message).toContain(
      'environment STARLING_ROLE  role: "king" does not fit; give one of agent, gateway'
    )
    expect(message).toContain(
      'command line --page-host  page.host: "0.0.0.0" does not fit; give a loopback address'
    )
  })

  it.each([
    ['{ "site": }', 'not JSON'],
    ['[1]', 'give an object { ... } as the whole'],
    ['{ "cache": 7 }', ':1:12  cache: give an object'],
    ['{ "__proto__": { "site": "x" } }', 'no such setting'],
    ['{ "fleetSecret": "abc" }', 'does not belong here'],
    ['{ "staticPeers": ["192.0.2.7:17830"] }', '/ip4/192.0.2.7/tcp/17830'],
    ['{ "upstream": { "allowPrivate": ["10.0.0.0/8 # all"] } }', 'upstream.allowPrivate'],
    ['{ "upstream": { "proxies": ["proxy:3128"] } }', 'http://proxy.example:3128']
  ])('does not start with the file %s', async (text, sentence) => {
    await writeConfig(text)
    expect(await problemsOf(load({}))).toContain(sentence)
  })

  it('does not overlook a mistyped name in the environment, but what tests and the coordinator read', async () => {
    expect(await problemsOf(load({ STARLING_SIET: 'north' }))).toContain(
      'environment STARLING_SIET  no such setting; did you mean STARLING_SITE?'
    )
    await load({ STARLING_TEST_REPORT: 'x', STARLING_COORDINATOR_URL: 'x', STARLING_SITE: '' })
  })

  it('does not let a program make a configuration that a person could not', () => {
    expect(() => agentConfig(folder, { page: { host: '192.0.2.1', port: 0 } })).toThrow(/page/)
    expect(() => agentConfig(folder, { cache: { quotaBytes: -1 } })).toThrow(/cache/)
  })
})

describe('hosts whose TLS may be opened', () => {
  it.each(['downloads.example', '*.vendor.example', 'a.vendor.example:8443', 'localhost', '*.microsoft.com'])(
    '%s may be listed',
    async host => {
      await writeConfig({ intercept: { enabled: true, hosts: [host] } })
      expect((await load({})).intercept).toEqual({ enabled: true, hosts: [host] })
    }
  )

  it.each([
    '*',
    'com',
    '*.com',
    'intranet',
    '192.0.2.7',
    'login.microsoftonline.com',
    'FE3.update.microsoft.com',
    '*.delivery.mp.microsoft.com',
    'www.some.bank:443'
  ])('%s may not, and the error says that the list of the product wins', async host => {
    await writeConfig({ intercept: { hosts: [host] } })
    expect(await problemsOf(load({}))).toMatch(
      /intercept\.hosts\[0\]: .*never intercepted whatever is listed/
    )
  })

  it.each(['co.uk', '*.co.uk', 'azureedge.net', '*.github.io:443'])(
    '%s may not, and the error says that all are meant who have a name below it',
    async host => {
      await writeConfig({ intercept: { hosts: ['a.example', host] } })
      expect(await problemsOf(load({}))).toMatch(
        /intercept\.hosts\[1\]: ".*" does not fit: (co\.uk|azureedge\.net|github\.io) is a public suffix: .* List the very hosts/
      )
    }
  )

  it('nothing is opened unless somebody says so', async () => {
    expect((await load({})).intercept).toEqual({ enabled: false, hosts: [] })
  })
})

describe('secrets', () => {
  const secret = new Uint8Array(32).map((_, index) => index * 7)
  const reader = (files: Record<string, string>): SecretReader => ({
    readFile: async path => (path in files ? new TextEncoder().encode(files[path]) : null),
    parse: text => {
      if (text.trim() !== 'good') throw new Error('make one with starling secret create')
      return secret
    }
  })

  it('come from the environment, from a file in the data folder, or from the file that is named', async () => {
    const kept = reader({ [filesIn(folder).fleetSecret]: 'good\n', '/etc/fleet': 'good' })
    expect((await load({ STARLING_FLEET_SECRET: 'good' }, {}, reader({}))).fleetSecret).toBe(secret)
    expect((await load({}, {}, kept)).fleetSecret).toBe(secret)
    expect((await load({}, { fleetSecretFile: '/etc/fleet' }, kept)).fleetSecret).toBe(secret)
    expect((await load({}, {}, reader({}))).fleetSecret).toBeNull()
  })

  it('named on the command line beat those of the environment', async () => {
    const files = reader({ '/etc/fleet': 'good' })
    expect(
      (await load({ STARLING_FLEET_SECRET: 'bad' }, { fleetSecretFile: '/etc/fleet' }, files)).fleetSecret
    ).toBe(secret)
  })

  it('that are missing or refused stop the start, and are not repeated', async () => {
    expect(await problemsOf(load({}, { fleetSecretFile: '/etc/none' }, reader({})))).toContain('/etc/none')
    const message = await problemsOf(load({ STARLING_FLEET_SECRET: 'hunter2' }, {}, reader({})))
    expect(message).toContain('environment STARLING_FLEET_SECRET  fleet secret: make one')
    expect(message).not.toContain('hunter2')
  })

  it('are not among what is shown', () => {
    const config = agentConfig(
      folder,
      { ticket: 'T1', upstream: { proxies: ['http://me:pw@proxy.example:3128'] } },
      secret
    )
    const text = JSON.stringify(withoutSecrets(config))
    expect(text).not.toMatch(/T1|pw@|"7"/)
    expect(withoutSecrets(config)).toMatchObject({ ticket: true, fleetSecret: true })
  })

  it.skipIf(process.platform === 'win32' || process.getuid?.() === 0)(
    'files that cannot be read are told',
    async () => {
      await writeConfig({})
      await chmod(filesIn(folder).config, 0)
      expect(await problemsOf(load({}))).toContain('cannot be read')
    }
  )
})
