import { describe, expect, it } from 'vitest'
import { createRegistryReader, createUserKeysReader, registryFromText } from './registry.ts'
import type { ProgramResult, ProgramRun } from './run-program.ts'

const policies = 'HKEY_LOCAL_MACHINE\\SOFTWARE\\Policies'
const printed = `
${policies}\\Starling
    (Default)    REG_SZ    (value not set)
    DOMaxCacheSize    REG_DWORD    0x1e
    DOGroupId    REG_SZ    {8a1b5c2e-1111-2222-3333-444455556666}
    DOModifyCacheDrive    REG_EXPAND_SZ    %SystemDrive%\\cache
    hosts    REG_MULTI_SZ    a.example\\0b.example
    Zwei    Worte    REG_SZ    x    y
    big    REG_QWORD    0x100000000
    empty    REG_SZ    
    blob    REG_BINARY    EA000000
    odd    REG_LINK    x

${policies}\\Starling\\DOCacheHost
    1    REG_SZ    gw-1.example
`

describe('what reg.exe prints', () => {
  it('is read with its types, whatever the language around it', () => {
    const [root, list] = registryFromText(printed.replaceAll('\n', '\r\n'))
    expect(root!.path).toBe(`${policies}\\Starling`)
    expect(Object.fromEntries(root!.values.map(({ name, data }) => [name, data]))).toEqual({
      '(Default)': '(value not set)',
      DOMaxCacheSize: 30,
      DOGroupId: '{8a1b5c2e-1111-2222-3333-444455556666}',
      DOModifyCacheDrive: '%SystemDrive%\\cache',
      hosts: ['a.example', 'b.example'],
      'Zwei    Worte': 'x    y',
      big: 2 ** 32,
      empty: '',
      blob: Buffer.from([0xea, 0, 0, 0])
    })
    expect(list!.values).toEqual([{ name: '1', data: 'gw-1.example' }])
  })

  it('that is no registry at all holds nothing', () => {
    expect(
      registryFromText('FEHLER: Der angegebene Registrierungsschlüssel wurde nicht gefunden.\r\n')
    ).toEqual([])
  })
})

describe('a registry key', () => {
  const reader = (answers: Readonly<Record<string, ProgramResult>>) => {
    const run: ProgramRun = async (_, [verb, path, ...rest]) => {
      expect([verb, rest.at(-1)]).toEqual(['query', '/reg:64'])
      return answers[path!] ?? { exitCode: 1, output: '' }
    }
    return createRegistryReader(run, 'reg.exe')
  }
  const parent = (output: string) => ({ 'HKLM\\SOFTWARE\\Policies': { exitCode: 0, output } })
  const starling = 'HKLM\\SOFTWARE\\Policies\\Starling'

  it('that is not there is no policy', async () => {
    const read = reader(parent(`\r\n${policies}\\Microsoft\r\n`))
    expect(await read(starling)).toBeNull()
  })

  it('whose parents are not there either is no policy', async () => {
    const read = reader({ HKLM: { exitCode: 0, output: '\r\nHKEY_LOCAL_MACHINE\\SOFTWARE\r\n' } })
    expect(await read('HKLM\\SOFTWARE_\\a\\b')).toBeNull()
  })

  it('that is there and cannot be read does not look like one that is gone', async () => {
    const read = reader(parent(`\r\n${policies}\\STARLING\r\n`))
    await expect(read(starling)).rejects.toMatchObject({ code: 'registry-unreadable' })
  })

  it('is unreadable when the program is not there, or does not end', async () => {
    const gone = createRegistryReader(
      async () => await Promise.reject(new Error('spawn reg.exe ENOENT')),
      'reg.exe'
    )
    await expect(gone(starling)).rejects.toThrow(/ENOENT/)
    const stuck = createRegistryReader(async () => ({ exitCode: null, output: '' }), 'reg.exe')
    await expect(stuck(starling)).rejects.toThrow(/no answer/)
  })
})

it('users who are signed in have keys, and so have services, which have no wishes', async () => {
  const hives = [
    '',
    'HKEY_USERS\\.DEFAULT',
    'HKEY_USERS\\S-1-5-18',
    'HKEY_USERS\\S-1-5-21-1-2-3-1001',
    'HKEY_USERS\\S-1-5-21-1-2-3-1001_Classes',
    'HKEY_USERS\\S-1-12-1-7-8-9-10'
  ].join('\r\n')
  const asked: string[] = []
  const run: ProgramRun = async (_, [, path]) => {
    asked.push(path!)
    if (path === 'HKU') return { exitCode: 0, output: hives }
    if (!path!.startsWith('HKU\\S-1-12')) return { exitCode: 1, output: '' }
    return { exitCode: 0, output: `${path!.replace('HKU', 'HKEY_USERS')}\r\n    a    REG_SZ    b` }
  }
  expect(await createUserKeysReader(run, 'reg')('SOFTWARE\\x')).toEqual([
    [{ path: 'HKEY_USERS\\S-1-12-1-7-8-9-10\\SOFTWARE\\x', values: [{ name: 'a', data: 'b' }] }]
  ])
  expect(asked).toContain('HKU\\S-1-5-21-1-2-3-1001\\SOFTWARE\\x')
  expect(asked.filter(path => /S-1-5-18|_Classes|DEFAULT/.test(path))).toEqual([])
})
