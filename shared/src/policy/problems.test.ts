import { describe, expect, it, test } from 'vitest'
import { diffOf } from './diff.ts'
import { policyProblems, readPolicy } from './problems.ts'

const window = 'DOSetHoursToLimitBackgroundDownloadBandwidth'
const guid = '3f2504e0-4f89-11d3-9a0c-0305e82c3301'
const told = (given: unknown) =>
  policyProblems(given).map(({ severity, name, message }) => `${severity} ${name}: ${message}`)

describe('a policy document', () => {
  it('that is fine has no problems, and its values come as values', () => {
    const given = {
      DODownloadMode: '2',
      DOGroupId: guid,
      cacheQuotaBytes: '1GiB',
      [window]: 1,
      [`${window}From`]: 8,
      [`${window}To`]: 18,
      [`${window}In`]: 20
    }
    expect(readPolicy(given)).toEqual({
      problems: [],
      document: { ...given, DODownloadMode: 2, cacheQuotaBytes: 2 ** 30 }
    })
  })

  test.each([null, 7, [], 'DODownloadMode'])('is no %j', given => {
    expect(told(given)).toEqual([expect.stringMatching(/^error : give an object/)])
  })

  it('whose names nobody knows is refused, with the name that was meant', () => {
    expect(
      told({ DOMaxCacheAges: 1, uploadslots: 1, delayForegroundDownloadFromHttpMs: 1, colour: 1 })
    ).toEqual([
      'error DOMaxCacheAges: no such policy; did you mean DOMaxCacheAge?',
      'error uploadslots: no such policy; did you mean uploadSlots?',
      'error delayForegroundDownloadFromHttpMs: no such policy; did you mean DODelayForegroundDownloadFromHttp?',
      'error colour: no such policy; docs/POLICY.md lists them'
    ])
  })

  it('keeps what fits beside what does not', () => {
    const { document, problems } = readPolicy({ uploadSlots: 3, DOMaxCacheSize: 101, DODownloadMode: 'LAN' })
    expect(document).toEqual({ uploadSlots: 3 })
    expect(problems.map(({ message }) => message)).toEqual([
      '101 does not fit; give a whole number (%) from 1 to 100',
      '"LAN" does not fit; give one of 0 (HTTP only), 1 (LAN), 2 (Group), 3 (Internet), 99 (Simple), 100 (Bypass)'
    ])
  })

  it('names the part of a value that is wrong', () => {
    expect(told({ siteDefinitions: [{ id: 'north', networks: ['10.1.0.0/16', 'x'] }] })).toEqual([
      'error siteDefinitions[0].networks[1]: give addresses or networks like 10.1.0.0/16'
    ])
  })
})

test.each<[string, object, ReadonlyArray<string>]>([
  [
    'a window that only begins',
    { [window]: 1, [`${window}From`]: 8, [`${window}In`]: 5 },
    [`error ${window}To`]
  ],
  ['a window that only ends', { [`${window}To`]: 8 }, [`error ${window}From`]],
  ['a window without hours', { [window]: 1, [`${window}In`]: 20 }, [`error ${window}`]],
  [
    'a window that is off',
    { [window]: 0, [`${window}From`]: 8, [`${window}To`]: 9, [`${window}In`]: 9 },
    [`warning ${window}`]
  ],
  [
    'a window that limits nothing',
    { [window]: 1, [`${window}From`]: 8, [`${window}To`]: 9 },
    [`warning ${window}`]
  ],
  [
    'a window behind hours',
    {
      [window]: 1,
      [`${window}From`]: 8,
      [`${window}To`]: 9,
      [`${window}In`]: 9,
      hoursToLimitBackgroundDownload: 'mon 8-9 1MB'
    },
    [`warning ${window}`]
  ],
  ['a group without mode 2', { DODownloadMode: 1, DOGroupId: guid }, ['warning DOGroupId']],
  ['a group source without mode', { DOGroupIdSource: 3 }, ['warning DOGroupIdSource']],
  [
    'a group and a source of one',
    { DODownloadMode: 2, DOGroupId: guid, DOGroupIdSource: 3 },
    ['warning DOGroupIdSource']
  ],
  ['an old name', { DOMaxDownloadBandwidth: 500 }, ['warning DOMaxDownloadBandwidth']],
  [
    'an old name beside the new one',
    { DOMaxDownloadBandwidth: 500, DOMaxBackgroundDownloadBandwidth: 100 },
    ['warning DOMaxDownloadBandwidth']
  ],
  ['two cache sizes', { DOAbsoluteMaxCacheSize: 5, DOMaxCacheSize: 10 }, ['warning DOMaxCacheSize']],
  ['a quota beside', { DOMaxCacheSize: 10, cacheQuotaBytes: '1GiB' }, ['warning cacheQuotaBytes']],
  [
    'a delay that Windows does not wait for',
    { DODelayBackgroundDownloadFromHttp: 20 },
    ['warning DODelayBackgroundDownloadFromHttp']
  ],
  ['a delay just within', { DODelayBackgroundDownloadFromHttp: 19 }, []],
  [
    'a fallback from nothing',
    { DOCacheHost: [], DODelayCacheServerFallbackForeground: 3 },
    ['warning DODelayCacheServerFallbackForeground']
  ],
  ['a cache host that is not asked', { DOCacheHost: 'a', DOCacheHostSource: 2 }, ['warning DOCacheHost']],
  ['interception of nothing', { interceptEnabled: true, interceptHosts: [] }, ['warning interceptEnabled']],
  [
    'a rule for a server that is not there',
    { upstreamServers: [], upstreamRules: [{ use: ['gw-1'] }] },
    ['error upstreamRules']
  ],
  [
    'a network at two sites',
    {
      siteDefinitions: [
        { id: 'north', networks: ['10.1.0.0/16'] },
        { id: 'south', networks: ['10.1.0.0/16'] }
      ]
    },
    ['warning siteDefinitions']
  ]
])('%s', (_case, given, expected) => {
  expect(policyProblems(given).map(({ severity, name }) => `${severity} ${name}`)).toEqual(expected)
})

describe('a diff', () => {
  it('says in words what changes, and nothing of what does not', () => {
    expect(
      diffOf(
        {
          DODownloadMode: 1,
          DOMaxCacheAge: 60,
          uploadSlots: 3,
          proxyClients: ['10.1.0.0/16', '10.2.0.0/16'],
          siteDefinitions: [
            { id: 'north', networks: ['10.1.0.0/16'] },
            { id: 'south', networks: ['10.2.0.0/16'] }
          ]
        },
        {
          DODownloadMode: 2,
          DOMaxBackgroundDownloadBandwidth: 500,
          DOGroupId: null,
          uploadSlots: 3,
          cacheQuotaBytes: 2 ** 30,
          proxyClients: ['10.2.0.0/16', '10.1.0.0/16'],
          siteDefinitions: [
            { id: 'south', networks: ['10.3.0.0/16'] },
            { id: 'west', adSites: ['West'] }
          ]
        }
      )
    ).toEqual([
      'DODownloadMode: 1 (LAN) becomes 2 (Group)',
      'DOGroupId: not set, whatever else says',
      'DOMaxCacheAge: no longer set (was 60 s)',
      'DOMaxBackgroundDownloadBandwidth: set to 500 KB/s',
      'siteDefinitions: adds west; takes out north; changes south',
      'proxyClients: the same in another order',
      'cacheQuotaBytes: set to 1GiB'
    ])
  })

  it('of a document and itself is empty', () => {
    expect(diffOf({ uploadSlots: 3 }, { uploadSlots: 3 })).toEqual([])
  })
})
