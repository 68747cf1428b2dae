/**
 * Addresses that real Windows clients asked for (logs and captures that their finders made public), and what must not be
 * taken for one of them.
 */
import { describe, expect, test } from 'vitest'
import { MiB } from '../units.ts'
import { cacheHostAllows } from './cache-host.ts'
import { recognise, type Recognised } from './recognise.ts'

const signature =
  '?P1=1547140411&P2=402&P3=2&P4=Maf%2fCaUxhaHZWtO3sbXuB5II6yI9NLPFx8ci8e1HCbcot12TaswIhJxtnuCV%2flP9Mapus3voOJxojBSos1Cq9A%3d%3d'
const guid = '2f1a7435-ec48-4398-b0c7-f00797412777'
const dl = 'dl.delivery.mp.microsoft.com/filestreamingservice/files'
const tlu = `http://tlu.${dl}`
const update = 'http://au.download.windowsupdate.com/c/msdownload/update'
const sha1 = 'd20e6c08d3604463db51f5b55160298f4ff361d5'
const phf =
  'download.windowsupdate.com/phf/dotc/49c591d405d307e25e72a19f7e79b53d69f19954/43A54FC03C6A979E9AAEAE2493757D1429A5C8A8D093FB7B8103E8CC8DF7B6B6'
const intune =
  '6ecd274d-26f9-49e2-b29c-60a001eaa538/2c9f680a-1d14-4b9c-9dde-868f4aa488bd/31e53840-fa0f-474c-870e-5169ce97380b.intunewin.bin'
const office = 'pr/492350f6-3a01-4f97-b9c0-c7c6ddf67d60/Office/Data'

const ofSha1 = (hex: string) => ({ key: `sha1:${hex}`, promised: { algorithm: 'sha1', hex } }) as const

/** [URL, class, what else is to be seen, whether a cache host may fetch it] */
const vectors: ReadonlyArray<readonly [string, string, Partial<Recognised>, boolean]> = [
  [
    `${update}/software/updt/2020/01/windows10.0-kb4497165-v4-x64_${sha1}.cab`,
    'windows-update',
    ofSha1(sha1),
    true
  ],
  [
    `${update}/software/defu/2019/10/am_delta_b4fc585a4a40ca9e4b08dc62e033fd66aca1162b.exe`,
    'windows-update',
    ofSha1('b4fc585a4a40ca9e4b08dc62e033fd66aca1162b'),
    true
  ],
  [
    `${update}/software/defu/2019/09/am_delta_patch_1.301.664.0_ec523d49c4f7c3c4444f0d9b952286ce40fdcee4.exe`,
    'windows-update',
    ofSha1('ec523d49c4f7c3c4444f0d9b952286ce40fdcee4'),
    true
  ],
  [`${tlu}/${guid}${signature}`, 'delivery-optimization', { key: `${dl}/${guid}`, immutable: true }, true],
  [
    `http://${dl}/52fa8751-747d-479d-8f22-e32730cc0eb1`,
    'delivery-optimization',
    { key: `${dl}/52fa8751-747d-479d-8f22-e32730cc0eb1`, rangeFirst: true },
    true
  ],
  [`http://${phf}`, 'piece-hashes', { key: phf, promised: null, immutable: true, rangeFirst: false }, true],
  [
    `http://${dl}/df83d2db-848e-4950-b130-c186a1f1f76d/pieceshash`,
    'piece-hashes',
    { key: `${dl}/df83d2db-848e-4950-b130-c186a1f1f76d/pieceshash`, immutable: true, rangeFirst: false },
    true
  ],
  [
    'http://download.windowsupdate.com/c/msdownload/update/others/2019/10/30117433_54f3d3d243d715b1bad5fce8a8634f395419fe9e.cab',
    'windows-update',
    ofSha1('54f3d3d243d715b1bad5fce8a8634f395419fe9e'),
    true
  ],
  [
    'http://wsus:8530/Content/49/A379D5526FB3A7A0423DA1CD7FC3182A8D448449.exe',
    'wsus-content',
    {
      key: 'wsus:8530/Content/49/A379D5526FB3A7A0423DA1CD7FC3182A8D448449.exe',
      promised: { algorithm: 'sha1', hex: 'a379d5526fb3a7a0423da1cd7fc3182a8d448449' }
    },
    false
  ],
  [
    'http://wsus:8530/Content/36/721D140CB51C2120C7F016CEC18B660FFD3E9B36.cab',
    'wsus-content',
    { promised: { algorithm: 'sha1', hex: '721d140cb51c2120c7f016cec18b660ffd3e9b36' } },
    false
  ],
  [
    'http://ctldl.windowsupdate.com/msdownload/update/v3/static/trustedr/en/authrootstl.cab?b3d6249cb8dde683',
    'certificate-lists',
    { neverShared: 'a list of trusted certificates must be fresh' },
    false
  ],
  [
    `http://swdd02-mscdn.manage.microsoft.com/${intune}`,
    'intune',
    { key: `manage.microsoft.com/${intune}`, immutable: true },
    true
  ],
  [
    'http://au.download.windowsupdate.com/mscomtest/wuidt.gif',
    'self-test',
    { neverShared: null, immutable: false, rangeFirst: false },
    true
  ],

  // Their neighbours, by the path forms of the same sources.
  [
    `${tlu}/${guid}/Some.App_1.0_x64.msixbundle${signature}`,
    'store',
    { immutable: true, rangeFirst: true },
    true
  ],
  [
    `http://msedge.b.${tlu.slice('http://'.length)}/${guid}${signature}`,
    'edge',
    { key: `${dl}/${guid}` },
    true
  ],
  [`http://swdd02.manage.microsoft.com/${intune}.phf`, 'piece-hashes', { rangeFirst: false }, true],
  [`${tlu}/${guid}/pieceshash${signature}`, 'piece-hashes', { immutable: true }, true],
  [
    `http://officecdn.microsoft.com/${office}/16.0.17328.20162/stream.x64.x-none.dat`,
    'office-cdn',
    { immutable: true, rangeFirst: true },
    true
  ],
  [
    `http://officecdn.microsoft.com/${office}/16.0.17328.20162/i640.cab`,
    'office-cdn',
    { immutable: true },
    true
  ],
  [`http://officecdn.microsoft.com/${office}/v64.cab`, 'office-versions', { immutable: false }, false],
  [`http://officecdn.microsoft.com/${office}/v32.cab`, 'office-versions', { immutable: false }, false],
  [
    'http://officecdn.microsoft.com/pr/wsus/releasehistory.cab',
    'office-versions',
    { immutable: false },
    false
  ],
  [
    `http://officecdn.microsoft.com/${office}/v64_16.0.17328.20162.cab`,
    'generic-download',
    { immutable: false, neverShared: null },
    true
  ],
  [
    'http://statics.teams.cdn.office.net/production/Teams.exe',
    'generic-download',
    { immutable: false },
    true
  ],
  ['http://amupdatedl4.microsoft.com/server/amupdate/package.cab', 'defender', { immutable: false }, true],
  ['http://assets1.xboxlive.com/Z/game.xvc', 'xbox', { immutable: false, rangeFirst: true }, true],
  ['http://xvcf2.xboxlive.com/x', 'xbox', { rangeFirst: true }, true],
  ['http://images-eds.xboxlive.com/image', 'generic', {}, false],
  ['http://wsus:8530/SelfUpdate/wuident.cab', 'update-client', { immutable: false }, false],
  ['http://download.windowsupdate.com/v9/windowsupdate/redir/muv4wuredir.cab', 'update-redirects', {}, false],
  ['https://kv501.prod.do.dsp.mp.microsoft.com/all', 'delivery-optimization-cloud', {}, false],

  [
    'https://proxy.golang.org/golang.org/x/text/@v/v0.3.7.zip',
    'go',
    { key: 'https://proxy.golang.org/golang.org/x/text/@v/v0.3.7.zip', immutable: true },
    false
  ],
  ['http://goproxy.corp:3000/github.com/!burnt!sushi/toml/@v/v1.2.0.mod', 'go', { immutable: true }, false],
  ['https://proxy.golang.org/x/@v/v2.0.0+incompatible.info', 'go', { immutable: true }, false],
  ['https://proxy.golang.org/x/@v/v0.0.0-20191109021931-daa7c04131f5.info', 'go', { immutable: true }, false],
  ['https://proxy.golang.org/x/@v/master.info', 'generic', { immutable: false }, false],
  ['https://proxy.golang.org/x/@v/v1.2.x.info', 'generic', { immutable: false }, false],
  ['https://proxy.golang.org/x/@v/list', 'generic', { immutable: false }, false],
  ['https://proxy.golang.org/x/@latest', 'generic', { immutable: false }, false],
  [
    'http://deb.debian.org/debian/pool/main/b/bash/bash_5.2.15-2+b2_amd64.deb',
    'apt',
    { immutable: true, promised: null },
    false
  ],
  [
    `http://deb.debian.org/debian/dists/bookworm/main/binary-amd64/by-hash/SHA256/${'0A'.repeat(32)}`,
    'apt',
    { promised: { algorithm: 'sha256', hex: '0a'.repeat(32) } },
    false
  ],
  ['http://deb.debian.org/debian/dists/bookworm/InRelease', 'generic', { immutable: false }, false],
  [
    'http://deb.debian.org/debian/dists/bookworm/main/binary-amd64/Packages.xz',
    'generic-download',
    { immutable: false },
    false
  ],
  ['https://downloads.example/agent_1.0_amd64.deb', 'generic-download', { immutable: false }, false],
  ['https://registry.npmjs.org/left-pad/-/left-pad-1.3.0.tgz', 'npm', { immutable: true }, false],
  ['https://registry.npmjs.org/@types/node/-/node-20.1.0.tgz', 'npm', { immutable: true }, false],
  ['https://registry.npmjs.org/left-pad', 'generic', { immutable: false }, false]
]

test.each(vectors)('%s is %s', (url, contentClass, more, cacheHost) => {
  const seen = recognise(url)
  expect(seen).toMatchObject({ contentClass, ...more })
  expect([url, cacheHostAllows(url)]).toEqual([url, cacheHost])
})

test("Microsoft's test picture of 969,710 bytes is not too small", () => {
  const { minBytes } = recognise('http://au.download.windowsupdate.com/mscomtest/wuidt.gif')
  expect(minBytes).toBeLessThan(969_710)
  expect(recognise(`${tlu}/${guid}`).minBytes).toBe(MiB)
})

describe('the same content has the same key', () => {
  const same: ReadonlyArray<readonly [string, string]> = [
    [
      `${tlu}/${guid}${signature}`,
      `http://dl.delivery.mp.microsoft.com/filestreamingservice/files/${guid}?P1=1&P4=x`
    ],
    [
      `${tlu}/${guid}${signature}`,
      `http://msedge.f.dl.delivery.mp.microsoft.com/filestreamingservice/files/${guid}`
    ],
    [`${tlu}/${guid}/a.msix${signature}`, `http://7.${dl}/${guid}/a.msix?P4=y`],
    [
      `${update}/x_${sha1}.cab`,
      `http://b1.download.windowsupdate.com/d/msdownload/other/y_${sha1.toUpperCase()}.esd`
    ],
    [`${update}/x_${sha1}.cab`, `http://DL.delivery.mp.microsoft.com:80/c/msdownload/x_${sha1}.cab?a=1`],
    [`${update}/x_${sha1}.cab`, `http://3.emdl.ws.microsoft.com/c/msdownload/update/x_${sha1}.cab`],
    [`http://swdd02.manage.microsoft.com/${intune}`, `http://swdd02-mscdn.manage.microsoft.com/${intune}`],
    [
      `https://swdd02.manage.microsoft.com/${intune}`,
      `https://swdd02-mscdn.manage.microsoft.com:443/${intune}`
    ],
    [
      `http://officecdn.microsoft.com/${office}/16.0.1.2/s640.cab`,
      `http://officecdn.microsoft.com.edgesuite.net/${office}/16.0.1.2/s640.cab`
    ],
    // The bytes are checked against the name, however they came.
    [`${update}/x_${sha1}.cab`, `${update}/x_${sha1}.cab`.replace('http:', 'https:')],
    [
      `http://deb.example/dists/x/by-hash/SHA256/${'a'.repeat(64)}`,
      `https://deb.example/dists/x/by-hash/SHA256/${'a'.repeat(64)}`
    ],
    [
      `http://wsus:8530/Content/55/${'5'.repeat(40)}.cab?a`,
      `http://wsus:8530/Content/55/${'5'.repeat(40)}.cab?b`
    ]
  ]
  test.each(same)('%s and %s', (one, other) => {
    expect(recognise(other).key).toBe(recognise(one).key)
  })

  const different: ReadonlyArray<readonly [string, string]> = [
    [`${tlu}/${guid}`, `${tlu}/${guid.replace('2f', '3f')}`],
    [`${tlu}/${guid}`, `${tlu}/${guid}/pieceshash`],
    [`${tlu}/${guid}`, `${tlu}/${guid}?part=2`],
    [`http://wsus/Content/55/${'5'.repeat(40)}.cab`, `http://wsus2/Content/55/${'5'.repeat(40)}.cab`],
    [
      `http://officecdn.microsoft.com/${office}/16.0.1.2/a.cab`,
      `http://officecdn.microsoft.com/${office}/16.0.1.3/a.cab`
    ],
    // Who tampers with plain http must not decide what https clients get, nor by way of an alias.
    ['http://example.com/a.iso', 'https://example.com/a.iso'],
    ['http://https//example.com/a.iso', 'https://example.com/a.iso'],
    [`http://swdd02.manage.microsoft.com/${intune}`, `https://swdd02-mscdn.manage.microsoft.com/${intune}`],
    ['https://a.example/x/@v/v1.0.0.zip', 'https://b.example/x/@v/v1.0.0.zip']
  ]
  test.each(different)('but not %s and %s', (one, other) => {
    expect(recognise(other).key).not.toBe(recognise(one).key)
  })
})

describe('no digest is promised by', () => {
  test.each([
    ['39 digits', `${update}/x_${sha1.slice(1)}.cab`],
    ['41 digits', `${update}/x_0${sha1}.cab`],
    ['something behind them', `${update}/x_${sha1}.cab.bak.1/y`],
    ['no underscore', `${update}/x-${sha1}.cab`],
    ['a path that is not of updates', `http://download.windowsupdate.com/x_${sha1}.cab`],
    ['a foreign host', `http://download.windowsupdate.com.evil.example/c/msdownload/x_${sha1}.cab`],
    ['a host that only ends alike', `http://evilwindowsupdate.com/c/msdownload/x_${sha1}.cab`],
    ['another folder of WSUS', 'http://wsus:8530/Content/48/A379D5526FB3A7A0423DA1CD7FC3182A8D448449.exe'],
    ['piece hashes, which are not the content', `http://${phf}`],
    ['63 digits by hash', `http://deb.example/dists/x/by-hash/SHA256/${'a'.repeat(63)}`],
    ['another algorithm', `http://deb.example/dists/x/by-hash/MD5Sum/${'a'.repeat(32)}`]
  ])('%s', (_, url) => {
    expect(recognise(url).promised).toBeNull()
  })
})
