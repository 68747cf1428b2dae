import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { readConfig } from './config-sources.ts'
import type { SourcedValue } from './ports.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'starling-layers-'))
})
afterEach(() => rm(folder, { recursive: true }))

const said = (name: string, value: unknown, place = 'somewhere'): SourcedValue => ({ name, value, place })
const noSecrets = { readFile: async () => null, parse: () => new Uint8Array() }

async function read(given: {
  readonly registry?: readonly SourcedValue[]
  readonly users?: readonly SourcedValue[]
  readonly coordinator?: readonly SourcedValue[]
  readonly commandLine?: Readonly<Record<string, string>>
  readonly file?: object
}) {
  if (given.file !== undefined) await writeFile(join(folder, 'config.json'), JSON.stringify(given.file))
  const reading = await readConfig(
    {
      dataFolder: folder,
      env: {},
      commandLine: new Map(Object.entries(given.commandLine ?? {})),
      coordinator: () => given.coordinator ?? [],
      machine: async () => ({ values: given.registry ?? [], users: given.users ?? [], problems: [] })
    },
    noSecrets
  )
  const from = (path: string) => reading.settings.find(one => one.path === path)!.origin
  return { ...reading, from }
}

it('the registry counts before the command line, before the file, before the coordinator, before the defaults', async () => {
  const all = {
    registry: [said('uploadSlots', 1, 'HKLM\\x')],
    commandLine: { 'policy.uploadSlots': '2' },
    file: { policy: { uploadSlots: 3 } },
    coordinator: [said('uploadSlots', 4, 'fleet version 7'), said('uploadSlots', 5, 'site:north version 2')]
  }
  const slots = async (given: Parameters<typeof read>[0]) => {
    const { draft, from } = await read(given)
    return [draft.policy.uploadSlots, from('policy.uploadSlots').kind]
  }
  expect(await slots({ coordinator: [] })).toEqual([8, 'default'])
  // Of the coordinator's scopes the last one is the most special.
  expect(await slots({ coordinator: all.coordinator })).toEqual([5, 'coordinator'])
  expect(await slots({ ...all, registry: [], commandLine: {} })).toEqual([3, 'file'])
  expect(await slots({ ...all, registry: [] })).toEqual([2, 'command line'])
  expect(await slots(all)).toEqual([1, 'registry'])
})

it('a value that does not fit is passed over with its place, the others hold, and a lower layer shows again', async () => {
  const { draft, problems } = await read({
    registry: [
      said('DOMaxCacheSize', 101, 'HKLM\\a'),
      said('DODownloadMode', '2', 'HKLM\\b'),
      said('DOMaxCacheAgee', 1, 'HKLM\\c')
    ],
    file: { policy: { DOMaxCacheSize: 30 } }
  })
  expect(draft.policy).toMatchObject({ DOMaxCacheSize: 30, DODownloadMode: 2 })
  expect(problems).toMatchObject([
    { severity: 'warning', origin: { kind: 'registry', name: 'HKLM\\a' } },
    {
      severity: 'warning',
      setting: 'DOMaxCacheAgee',
      message: expect.stringContaining('did you mean DOMaxCacheAge')
    }
  ])
})

it('policy reaches what has a key of its own in config.json', async () => {
  const { draft, from } = await read({ registry: [said('cacheQuotaBytes', '5GiB')] })
  expect([draft.cache.quotaBytes, from('cache.quotaBytes').kind]).toEqual([5 * 2 ** 30, 'registry'])
})

it('users may only lower what the machine allows, each of them, whoever says that', async () => {
  const { draft, from, problems } = await read({
    coordinator: [said('uploadSlots', 4), said('maxLanUploadBytesPerSecond', 1000)],
    users: [
      said('uploadSlots', 2, 'anna'),
      said('maxLanUploadBytesPerSecond', 2000, 'anna'),
      said('uploadSlots', 3, 'bert'),
      said('downloadSlots', 9, 'bert'),
      said('downloadSlots', 'many', 'bert'),
      said('siteDefinitions', [], 'bert')
    ]
  })
  expect(draft.policy).toMatchObject({
    uploadSlots: 2,
    maxLanUploadBytesPerSecond: 1000,
    downloadSlots: 9
  })
  expect(from('policy.uploadSlots')).toMatchObject({ kind: 'user', name: 'anna' })
  expect(problems.map(({ severity, setting }) => `${severity} ${setting}`)).toEqual([
    'warning maxLanUploadBytesPerSecond',
    'warning uploadSlots',
    'warning downloadSlots',
    'warning siteDefinitions'
  ])
})

it('what an agent needs to find its fleet and its way out, the registry may say, and no coordinator', async () => {
  const values = [
    said('ticket', 'STARLING1-hunter2', 'HKLM\\ticket'),
    said('coordinatorAddresses', ['https://coordinator.example:17833'], 'HKLM\\addresses'),
    said('upstreamProxies', ['http://proxy.example:3128'], 'HKLM\\proxies'),
    said('proxyPort', 8080, 'HKLM\\port')
  ]
  const { draft, settings } = await read({ registry: values })
  expect(draft).toMatchObject({
    ticket: 'STARLING1-hunter2',
    coordinatorAddresses: ['https://coordinator.example:17833'],
    upstream: { proxies: ['http://proxy.example:3128'] },
    proxy: { port: 8080 }
  })
  expect(JSON.stringify(settings)).not.toContain('hunter2')

  const sent = await read({ coordinator: values })
  expect(sent.draft).toMatchObject({ ticket: null, coordinatorAddresses: [], proxy: { port: 17831 } })
  expect(sent.problems.map(({ message }) => message).join(' ')).toMatch(/no such policy/)
  const wished = await read({ users: values })
  expect(wished.draft).toMatchObject({ ticket: null, proxy: { port: 17831 } })
  expect(JSON.stringify([sent.problems, wished.problems])).not.toContain('hunter2')
})
