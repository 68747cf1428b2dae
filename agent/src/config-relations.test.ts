import type { AgentId, SiteId } from '@starling/shared/ids.ts'
import { formatTicket } from '@starling/shared/ticket.ts'
import { GiB } from '@starling/shared/units.ts'
import { describe, expect, it } from 'vitest'
import { relationProblems } from './config-relations.ts'
import { readConfig, valueAt } from './config-sources.ts'
import type { Surroundings } from './config-surroundings.ts'
import { agentConfig, settings } from './config.ts'

type Given = NonNullable<Parameters<typeof agentConfig>[1]>

const around: Surroundings = {
  hostName: 'gate',
  ownAddresses: ['127.0.0.1', '192.0.2.4'],
  volumeBytes: 100 * GiB,
  upstreamRefusal: (listed, host, port) => {
    if (listed.includes('nonsense/99')) throw new Error('nonsense/99 is not a network')
    return host.startsWith('10.') && !listed.includes('10.0.0.0/8') ? `${host}:${port} is private` : null
  }
}

/** All settings that are named count as given in a file. */
function look(given: Given, secret: Uint8Array | null = null, surroundings = around): string[] {
  const reading = {
    draft: agentConfig('/nowhere', given, secret),
    settings: settings.map(({ path }) => ({
      path,
      value: null,
      origin: {
        kind: valueAt(given, path) === undefined ? ('default' as const) : ('file' as const),
        name: 'config.json',
        line: 1,
        column: 1
      }
    })),
    unknown: new Set<string>(),
    partAt: () => null
  }
  return relationProblems(reading, surroundings).map(
    ({ severity, setting, message }) => `${severity} ${setting}: ${message}`
  )
}

const server = {
  name: 'a',
  kind: 'direct' as const,
  weight: 1,
  maxFails: 3,
  failTimeoutMs: 10_000,
  probe: null
}
const mirror = { name: 'npm', kind: 'npm' as const, upstream: 'https://registry.example/', hosts: [] }
const goMirror = {
  ...mirror,
  kind: 'go' as const,
  allow: [],
  deny: [],
  private: [],
  sumdb: { name: 'sum.example', url: 'https://sum.example/' }
}
const closed = { name: 'closed', action: 'deny' as const }
const ruled = (id: string) => ({
  servers: [server],
  rules: [{ classes: ['generic', id], use: ['a'] }]
})
const secret = new Uint8Array(32)
const someone = '12D3KooWJ6qpQc8UbzfqdKrwGXLDGuEFe7Rcs2CLhcvgCznkdnpe' as AgentId
const ticket = formatTicket({
  addresses: ['https://192.0.2.9:17833'],
  coordinator: someone,
  fleet: someone,
  secret: 'xVC6mi_mkJH5b9NtNcCQhUeNpeh2kBOG31Hk7EFYsQg',
  expiresAt: 1_800_000_000_000,
  site: 'office' as SiteId
})
const cases: ReadonlyArray<readonly [name: string, wrong: Given, problem: RegExp, right: Given]> = [
  [
    'a window of hours that only begins',
    {
      policy: {
        DOSetHoursToLimitBackgroundDownloadBandwidth: 1,
        DOSetHoursToLimitBackgroundDownloadBandwidthFrom: 8,
        DOSetHoursToLimitBackgroundDownloadBandwidthIn: 20
      }
    },
    /^error policy\.DOSetHoursToLimitBackgroundDownloadBandwidth: the window has only one of its ends/,
    {
      policy: {
        DOSetHoursToLimitBackgroundDownloadBandwidth: 1,
        DOSetHoursToLimitBackgroundDownloadBandwidthFrom: 8,
        DOSetHoursToLimitBackgroundDownloadBandwidthTo: 18,
        DOSetHoursToLimitBackgroundDownloadBandwidthIn: 20
      }
    }
  ],
  [
    'a group without its mode',
    { policy: { DOGroupIdSource: 1 } },
    /^warning policy\.DOGroupIdSource: means something only with DODownloadMode 2/,
    { policy: { DODownloadMode: 2, DOGroupIdSource: 1 } }
  ],
  [
    'a ticket that was cut off',
    { ticket: ticket.slice(0, -9) },
    /^error ticket: this ticket is cut off/,
    { ticket }
  ],
  [
    'two listeners on one port',
    { page: { port: 17831 } },
    /^error page\.port: page and proxy cannot both listen on port 17831/,
    { page: { port: 17835 } }
  ],
  [
    'a cache host on the port of the proxy',
    { cacheHost: { enabled: true, host: '0.0.0.0', port: 17831 }, proxy: { clients: ['10.0.0.0/8'] } },
    /^error cacheHost\.port: cacheHost and proxy cannot/,
    { cacheHost: { port: 17831 } }
  ],
  [
    'one port on two addresses',
    { listen: { host: '0.0.0.0', port: 4000 }, bulk: { host: '192.0.2.4', port: 4000 } },
    /^error bulk\.port/,
    { listen: { host: '192.0.2.5', port: 4000 }, bulk: { host: '192.0.2.4', port: 4000 } }
  ],
  [
    'interception of no host',
    { intercept: { enabled: true } },
    /^warning intercept\.enabled: .*list hosts in intercept\.hosts/,
    { intercept: { enabled: true, hosts: ['files.example'] } }
  ],
  [
    'a proxy that is this one',
    { upstream: { proxies: ['http://localhost:17831'] } },
    /^error upstream\.proxies: .*very proxy/,
    { upstream: { proxies: ['http://localhost:3128'] } }
  ],
  [
    'a gateway that is this one',
    { upstream: { servers: [{ ...server, kind: 'gateway', url: 'http://127.0.0.1:17831' }] } },
    /^error upstream\.servers\[0\]\.url: is this very proxy/,
    { upstream: { servers: [{ ...server, kind: 'gateway', url: 'http://127.0.0.1:17832' }] } }
  ],
  [
    'a rule that uses what is no server',
    { upstream: { servers: [{ ...server, name: 'gw-north' }], rules: [{ use: [['gw-nort']] }] } },
    /^error upstream\.rules\[0\]\.use\[0\]: names gw-nort, which is no server\. There are: gw-north$/,
    { upstream: { servers: [{ ...server, name: 'gw-north' }], rules: [{ use: [['gw-north']] }] } }
  ],
  [
    'proxies and servers',
    { upstream: { proxies: ['http://p:1'], servers: [server] } },
    /^error upstream\.proxies: and upstream\.servers are both given/,
    { upstream: { servers: [server] } }
  ],
  [
    'a rule for a class that there is not',
    { upstream: ruled('window-update') },
    /^error upstream\.rules\[0\]\.classes\[1\]: names window-update, .* did you mean windows-update\?/,
    { upstream: ruled('windows-update') }
  ],
  [
    'a rule for a class of another configuration',
    { upstream: ruled('models') },
    /names models, which is no content class; docs\/CLASSES\.md lists them/,
    {
      upstream: ruled('models'),
      contentClasses: [
        { id: 'models', hosts: ['models.example'], paths: ['/**'], key: 'address' as const, rangeFirst: true }
      ]
    }
  ],
  [
    'a proxy that is this one by its name',
    { upstream: { proxies: ['http://GATE:17831'] }, proxy: { host: '0.0.0.0', clients: ['10.0.0.0/8'] } },
    /^error upstream\.proxies/,
    { upstream: { proxies: ['http://gate:17831'] } }
  ],
  [
    'a proxy that is this one by its address',
    {
      upstream: { proxies: ['http://192.0.2.4:17831'] },
      proxy: { host: '192.0.2.4', clients: ['10.0.0.0/8'] }
    },
    /^error upstream\.proxies/,
    { upstream: { proxies: ['http://192.0.2.9:17831'] } }
  ],
  [
    'a list that cannot be understood',
    { upstream: { allowPrivate: ['nonsense/99'] } },
    /^error upstream\.allowPrivate: nonsense/,
    { upstream: { allowPrivate: ['10.0.0.0/8'] } }
  ],
  [
    'a WSUS that is private and not listed',
    { proxy: { wsus: 'http://10.0.0.1:8530' } },
    /^warning proxy\.wsus: its updates would be refused: 10\.0\.0\.1:8530/,
    { proxy: { wsus: 'http://10.0.0.1:8530' }, upstream: { allowPrivate: ['10.0.0.0/8'] } }
  ],
  [
    'a mirror of what is private and not listed',
    { mirrors: [mirror, { ...mirror, name: 'own', upstream: 'https://10.0.0.1/npm/' }] },
    /^warning mirrors\[1\]\.upstream: what is asked of it would be refused: 10\.0\.0\.1:443/,
    {
      mirrors: [mirror, { ...mirror, name: 'own', upstream: 'https://10.0.0.1/npm/' }],
      upstream: { allowPrivate: ['10.0.0.0/8'] }
    }
  ],
  [
    'a checksum database that is private and not listed',
    { mirrors: [{ ...goMirror, sumdb: { name: 'sum.example', url: 'http://10.0.0.2/' } }] },
    /^warning mirrors\[0\]\.sumdb\.url: what is asked of it would be refused: 10\.0\.0\.2:80/,
    { mirrors: [goMirror] }
  ],
  [
    'a mirror of this very proxy',
    { mirrors: [{ ...mirror, upstream: 'http://localhost:17831/m/npm/' }] },
    /^error mirrors\[0\]\.upstream: is this very proxy/,
    { mirrors: [{ ...mirror, upstream: 'http://localhost:4873/' }] }
  ],
  [
    'a rule behind one that denies everything',
    { proxy: { rules: [closed, { name: 'lab', action: 'allow', clients: ['10.1.9.0/24'] }] } },
    /^warning proxy\.rules\[1\]: stands behind closed, which fits every request/,
    { proxy: { rules: [{ name: 'lab', action: 'allow', clients: ['10.1.9.0/24'] }, closed] } }
  ],
  [
    'a rule behind one that allows every host',
    { proxy: { rules: [{ name: 'open', action: 'allow', hosts: ['a.example', '*'] }, closed] } },
    /^warning proxy\.rules\[1\]: stands behind open/,
    // Of tunnels no path is seen, and the others name a port, or some clients.
    {
      proxy: {
        rules: [
          { name: 'paths', action: 'deny', paths: ['/**'] },
          { name: 'tls', action: 'deny', hosts: ['*:443'] },
          { name: 'old', action: 'deny', clients: ['0.0.0.0/0'] },
          closed
        ]
      }
    }
  ],
  [
    'a proxy for others that lets none in',
    { proxy: { host: '0.0.0.0' } },
    /^warning proxy\.host: .*proxy\.clients/,
    { proxy: { host: '0.0.0.0', clients: ['10.0.0.0/8'] } }
  ],
  [
    'a cache host for others that lets none in',
    { cacheHost: { enabled: true, host: '0.0.0.0' } },
    /^warning cacheHost\.host: .*proxy\.clients/,
    { cacheHost: { enabled: true, host: '127.0.0.1' } }
  ],
  [
    'clients that cannot reach the proxy',
    { proxy: { clients: ['10.0.0.0/8'] } },
    /^warning proxy\.clients: .*0\.0\.0\.0/,
    { proxy: { clients: ['10.0.0.0/8'] }, cacheHost: { enabled: true, host: '0.0.0.0' } }
  ],
  [
    'an announcement of what is not there',
    { cacheHost: { announce: true }, role: 'gateway' },
    /^warning cacheHost\.announce: .*cacheHost\.enabled/,
    { cacheHost: { announce: false }, role: 'gateway' }
  ],
  [
    'an announcement by an endpoint',
    { cacheHost: { announce: true, enabled: true, host: '0.0.0.0' }, proxy: { clients: ['10.0.0.0/8'] } },
    /^warning cacheHost\.announce: only a gateway/,
    {
      cacheHost: { announce: true, enabled: true, host: '0.0.0.0' },
      proxy: { clients: ['10.0.0.0/8'] },
      role: 'gateway'
    }
  ],
  [
    'an announcement of a cache host on loopback',
    { cacheHost: { announce: true, enabled: true }, role: 'gateway' },
    /^warning cacheHost\.announce: .*cannot reach/,
    { cacheHost: { enabled: true }, role: 'gateway' }
  ],
  [
    'a floor above the whole volume',
    { cache: { floorBytes: 100 * GiB } },
    /^warning cache\.floorBytes: nothing .*100GiB/,
    { cache: { floorBytes: 10 * GiB } }
  ],
  [
    'a quota above what the volume has to give',
    { cache: { quotaBytes: 99 * GiB } },
    /^warning cache\.quotaBytes: .*100GiB/,
    { cache: { quotaBytes: 97 * GiB } }
  ]
]

describe('what does not go together', () => {
  it.each(cases)('is told: %s', (_, wrong, problem, right) => {
    const told = look(wrong)
    expect(told.length, told.join('\n')).toBe(1)
    expect(told[0]).toMatch(problem)
    expect(look(right)).toEqual([])
  })

  it('is told of a gateway with a fleet secret', () => {
    expect(look({ role: 'gateway' }, secret)[0]).toMatch(
      /^error role: a fleet secret makes all members equal/
    )
    expect(look({ role: 'agent' }, secret)).toEqual([])
  })

  it("is no warning where nobody wrote it: the defaults are nobody's mistake", () => {
    expect(look({}, null, { ...around, volumeBytes: GiB })).toEqual([])
    expect(
      look({ cache: { smallQuotaBytes: 0, floorBytes: 0 } }, null, { ...around, volumeBytes: GiB })
    ).toEqual([expect.stringMatching(/^warning cache\.floorBytes: the volume of the data folder has 1GiB/)])
  })

  it('is told where the first of the settings concerned was given', async () => {
    const reading = await readConfig(
      { dataFolder: '/nowhere', env: { STARLING_PAGE_PORT: '17831' }, commandLine: new Map() },
      { readFile: async () => null, parse: () => secret }
    )
    expect(relationProblems(reading, around)).toMatchObject([
      { setting: 'page.port', origin: { kind: 'environment', name: 'STARLING_PAGE_PORT', line: null } }
    ])
  })
})
