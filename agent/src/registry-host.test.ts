import { describe, expect, it } from 'vitest'
import { createHostRegistryReader, createHostUserKeysReader, windowsRegistry } from './registry-host.ts'
import type { ProgramResult, ProgramRun } from './run-program.ts'

const key = 'HKLM\\SOFTWARE\\Policies\\Starling'
const reader = (result: ProgramResult | Error) =>
  createHostRegistryReader(async (program, args) => {
    expect([program, ...args]).toEqual(['C:\\host.exe', 'registry', key])
    if (result instanceof Error) throw result
    return result
  }, 'C:\\host.exe')

const value = (name: string, type: string, data: unknown) => ({ name, type, data })

describe('the registry, as the service host prints it', () => {
  it('is read with its types and with letters of all languages', async () => {
    const path = 'HKEY_LOCAL_MACHINE\\SOFTWARE\\Policies\\Starling'
    const values = [
      value('DOGroupId', 'REG_SZ', 'Zürich 日本'),
      value('DOMaxCacheSize', 'REG_DWORD', 30),
      value('big', 'REG_QWORD', 2 ** 32),
      value('DOModifyCacheDrive', 'REG_EXPAND_SZ', '%SystemDrive%\\cache'),
      value('hosts', 'REG_MULTI_SZ', ['a.example', 'b.example']),
      value('blob', 'REG_BINARY', 'ea00'),
      value('odd', 'REG_LINK', '00')
    ]
    const read = reader({ exitCode: 0, output: JSON.stringify([{ path, values }]) })
    expect(await read(key)).toEqual([
      {
        path,
        values: [
          { name: 'DOGroupId', data: 'Zürich 日本' },
          { name: 'DOMaxCacheSize', data: 30 },
          { name: 'big', data: 2 ** 32 },
          { name: 'DOModifyCacheDrive', data: '%SystemDrive%\\cache' },
          { name: 'hosts', data: ['a.example', 'b.example'] },
          { name: 'blob', data: Buffer.from([0xea, 0]) }
        ]
      }
    ])
  })

  it('has no such key, or one that must not be read', async () => {
    expect(await reader({ exitCode: 2, output: '' })(key)).toBeNull()
    await expect(reader({ exitCode: 3, output: '' })(key)).rejects.toMatchObject({
      code: 'registry-unreadable'
    })
  })

  it('is unreadable, and not empty, when the host fails', async () => {
    const failures = [
      { exitCode: 1, output: '' },
      { exitCode: 0, output: '[{"path":' },
      { exitCode: 0, output: '{}' },
      { exitCode: null, output: '' },
      new Error('spawn ENOENT')
    ]
    for (const failure of failures)
      await expect(reader(failure)(key)).rejects.toMatchObject({ code: 'registry-unreadable' })
  })

  it("has each user's keys for itself", async () => {
    const below = 'SOFTWARE\\Policies\\Starling'
    const path = (user: number, more = '') => `HKEY_USERS\\S-1-5-21-${user}\\${below}${more}`
    const keys = [path(1), path(1, '\\DOCacheHost'), path(2)].map(one => ({ path: one, values: [] }))
    const read = createHostUserKeysReader(async (program, args) => {
      expect([program, ...args]).toEqual(['C:\\host.exe', 'registry', `HKU\\*\\${below}`])
      return { exitCode: 0, output: JSON.stringify(keys) }
    }, 'C:\\host.exe')
    expect(await read(below)).toEqual([keys.slice(0, 2), keys.slice(2)])
  })

  it('is asked of reg.exe where there is no host', async () => {
    const asked: string[] = []
    const run: ProgramRun = async program => {
      asked.push(program)
      return { exitCode: 0, output: '[]' }
    }
    await windowsRegistry(run, { SystemRoot: 'C:\\Windows' })(key)
    await windowsRegistry(run, { STARLING_SERVICE_HOST: 'C:\\host.exe' })(key)
    expect(asked).toEqual(['C:\\Windows\\System32\\reg.exe', 'C:\\host.exe'])
  })
})
