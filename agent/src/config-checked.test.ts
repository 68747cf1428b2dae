import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { readCheckedConfig } from './config-checked.ts'
import { configSource } from './config-reload.ts'
import type { ConfigSources } from './config-sources.ts'
import type { SourcedValue } from './ports.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'starling-checked-'))
})
afterEach(() => rm(folder, { recursive: true }))

const noSecrets = { readFile: async () => null, parse: () => new Uint8Array() }
const read = (sources: ConfigSources) => readCheckedConfig(sources, noSecrets, () => null)
const background = 'DOSetHoursToLimitBackgroundDownloadBandwidth'
const registry = (name: string, value: unknown): SourcedValue => ({ name, value, place: `HKLM\\x\\${name}` })

const sources = (values: readonly SourcedValue[]): ConfigSources => ({
  dataFolder: folder,
  env: {},
  commandLine: new Map(),
  machine: async () => ({ values, users: [], problems: [] })
})

it('what the registry says that makes no sense together is passed over with a warning, and the rest of it holds', async () => {
  const { draft, problems } = await read(
    sources([registry(background, 1), registry(`${background}From`, 8), registry('uploadSlots', 3)])
  )
  expect(draft.policy).toMatchObject({ [background]: 0, [`${background}From`]: null, uploadSlots: 3 })
  expect(problems.filter(({ severity }) => severity === 'error')).toEqual([])
  expect(problems.map(({ message }) => message).join('\n')).toContain('only one of its ends')
  expect(problems.find(({ setting }) => setting.startsWith(`policy.${background}`))).toMatchObject({
    origin: { kind: 'registry' },
    message: expect.stringContaining('It is passed over') as string
  })
})

it('in a file it is an error, as it was', async () => {
  await writeFile(join(folder, 'config.json'), JSON.stringify({ policy: { [background]: 1 } }))
  const { problems } = await read(sources([registry('uploadSlots', 3)]))
  expect(problems).toContainEqual(
    expect.objectContaining({
      severity: 'error',
      origin: expect.objectContaining({ kind: 'file' }) as object
    })
  )
})

it('a kept policy of the coordinator that does not go with the file any more keeps no agent from starting', async () => {
  const kept = [`${background}`, `${background}From`, `${background}To`].map((name, index) => ({
    name,
    value: [1, 8, 18][index],
    place: 'fleet version 4'
  }))
  const { first } = await configSource(read, sources([]), kept)
  expect(first.draft.policy).toMatchObject({ [background]: 1, [`${background}To`]: 18 })

  await writeFile(join(folder, 'config.json'), JSON.stringify({ policy: { [`${background}From`]: null } }))
  const odd = await configSource(read, sources([]), kept)
  expect(odd.first.problems).toEqual([])
  expect(odd.first.draft.policy).toMatchObject({ [background]: 0 })
  // It is told once the agent is up, and looked at whenever something changes.
  expect((await odd.read()).problems[0]).toMatchObject({ severity: 'error' })
})
