import { describe, expect, it } from 'vitest'
import { createHostRegistry, windowsRegistry } from './registry-host.ts'
import type { ProgramResult, ProgramRun } from './run-program.ts'

const key = 'HKLM\\SOFTWARE\\Policies\\Starling'
/** @param answers as the host prints them, or what becomes of its run */
const registryOf = (answers: readonly unknown[] | ProgramResult | Error) =>
  createHostRegistry(async (program, args) => {
    expect([program, args[0]]).toEqual(['C:\\host.exe', 'registry'])
    if (answers instanceof Error) throw answers
    return 'exitCode' in answers ? answers : { exitCode: 0, output: JSON.stringify(answers) }
  }, 'C:\\host.exe')
const reader = (answers: Parameters<typeof registryOf>[0]) => registryOf(answers).read

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
    const read = reader([[{ path, values }]])
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
    expect(await reader([2])(key)).toBeNull()
    await expect(reader([5])(key)).rejects.toMatchObject({ code: 'registry-unreadable' })
    await expect(reader([123])(key)).rejects.toMatchObject({ code: 'registry-unreadable' })
  })

  it('is read in one run for all that ask at once, and each has its own answer', async () => {
    const runs: Array<readonly string[]> = []
    const { read } = createHostRegistry(async (_, args) => {
      runs.push(args)
      return {
        exitCode: 0,
        output: JSON.stringify(args.slice(1).map(path => (path === 'b' ? 5 : [{ path, values: [] }])))
      }
    }, 'C:\\host.exe')
    const [a, b, c] = await Promise.allSettled([read('a'), read('b'), read('c')])
    expect(a).toMatchObject({ value: [{ path: 'a' }] })
    expect(b).toMatchObject({ reason: { code: 'registry-unreadable' } })
    expect(c).toMatchObject({ value: [{ path: 'c' }] })
    await read('d')
    expect(runs).toEqual([
      ['registry', 'a', 'b', 'c'],
      ['registry', 'd']
    ])
  })

  it('is unreadable, and not empty, when the host fails', async () => {
    const failures = [
      { exitCode: 1, output: '' },
      { exitCode: 0, output: '[{"path":' },
      { exitCode: 0, output: '{}' },
      { exitCode: 0, output: '[]' },
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
    const asked: string[] = []
    const { userKeys } = createHostRegistry(async (_, args) => {
      asked.push(...args)
      return { exitCode: 0, output: JSON.stringify([keys]) }
    }, 'C:\\host.exe')
    expect(await userKeys(below)).toEqual([keys.slice(0, 2), keys.slice(2)])
    expect(asked).toEqual(['registry', `HKU\\*\\${below}`])
  })

  it('is asked of reg.exe where there is no host', async () => {
    const asked: string[] = []
    const run: ProgramRun = async program => {
      asked.push(program)
      return { exitCode: 0, output: '[2]' }
    }
    await windowsRegistry(run, { SystemRoot: 'C:\\Windows' }).read(key)
    await windowsRegistry(run, { STARLING_SERVICE_HOST: 'C:\\host.exe' }).read(key)
    expect(asked).toEqual(['C:\\Windows\\System32\\reg.exe', 'C:\\host.exe'])
  })
})
