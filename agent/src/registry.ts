/**
 * Windows' registry as `reg.exe query` prints it. That program is on every Windows, needs no native module, and its types and numbers
 * are the same in every language; only its messages are not, so nothing is read from them.
 */
import { messageOf, StarlingError } from '@starling/shared/errors.ts'
import { secondMs, type Millis } from '@starling/shared/units.ts'
import type { ProgramRun } from './run-program.ts'

export type RegistryData = number | string | readonly string[] | Uint8Array

export interface RegistryValue {
  readonly name: string
  readonly data: RegistryData
}

export interface RegistryKey {
  /** `HKEY_LOCAL_MACHINE\SOFTWARE\...` */
  readonly path: string
  readonly values: readonly RegistryValue[]
}

const queryMsMax: Millis = 10 * secondMs
/** A name may hold spaces, even four of them, so the type is looked for and not the gap. */
const valueLine = /^ {4}(.*?) {4}(REG_[A-Z0-9_]+)(?: {4}(.*))?$/

/** What `reg query` printed. A line that is none of its own is passed over; a text with line breaks keeps its first line only. */
export function registryFromText(text: string): readonly RegistryKey[] {
  const keys: Array<{ path: string; values: RegistryValue[] }> = []
  for (const line of text.split(/\r?\n/)) {
    if (line.startsWith('HKEY_')) keys.push({ path: line.trimEnd(), values: [] })
    const [, name, type, data = ''] = valueLine.exec(line) ?? []
    const value = type === undefined ? null : dataFrom(type, data)
    if (value !== null) keys.at(-1)?.values.push({ name: name!, data: value })
  }
  return keys
}

/** @returns null for a type that no policy has. */
function dataFrom(type: string, data: string): RegistryData | null {
  switch (type) {
    case 'REG_DWORD':
    case 'REG_QWORD':
      return /^0x[0-9a-f]+$/i.test(data) ? Number(data) : null
    case 'REG_SZ':
    case 'REG_EXPAND_SZ':
      return data
    case 'REG_MULTI_SZ':
      return data.split('\\0').filter(part => part !== '')
    case 'REG_BINARY':
      return /^([0-9a-f]{2})*$/i.test(data) ? Buffer.from(data, 'hex') : null
    default:
      return null
  }
}

/** Below `path`, as deep as it goes; null: there is no such key. `HKLM\...`. @throws StarlingError `registry-unreadable` */
export interface RegistryReader {
  (path: string): Promise<readonly RegistryKey[] | null>
}

/** @param program `reg.exe`, or a stand-in of a test */
export function createRegistryReader(run: ProgramRun, program: string): RegistryReader {
  async function query(args: readonly string[]): Promise<string | null> {
    // The 64-bit view, whatever program we are: that is where policies are written.
    const { exitCode, output } = await run(program, ['query', ...args, '/reg:64'], queryMsMax).catch(
      (error: unknown) => {
        throw unreadable(args[0]!, messageOf(error))
      }
    )
    if (exitCode === null) throw unreadable(args[0]!, `no answer within ${queryMsMax / secondMs} s`)
    return exitCode === 0 ? output : null
  }

  /**
   * A missing key and one that must not be read both end with 1 and a sentence in the language of the system. A policy that cannot be
   * read must not look like one that was taken back, so the parent is asked for the names of its children.
   */
  async function isThere(path: string): Promise<boolean> {
    const cut = path.lastIndexOf('\\')
    if (cut === -1) throw unreadable(path, 'not even the root can be read')
    const parent = path.slice(0, cut)
    const children = await query([parent])
    if (children === null)
      return isThere(parent).then(there => {
        if (there) throw unreadable(parent, 'access denied')
        return false
      })
    const name = path.slice(cut).toLowerCase()
    return children
      .split(/\r?\n/)
      .some(line => line.startsWith('HKEY_') && line.trimEnd().toLowerCase().endsWith(name))
  }

  return async path => {
    const output = await query([path, '/s'])
    if (output !== null) return registryFromText(output)
    if (await isThere(path)) throw unreadable(path, 'access denied')
    return null
  }
}

/** A key of each user who is signed in, as far as it is there and can be read: an agent without rights sees its own user's only. */
export interface UserKeysReader {
  /** @param below the hive: `SOFTWARE\...` */
  (below: string): Promise<ReadonlyArray<readonly RegistryKey[]>>
}

export interface Registry {
  readonly read: RegistryReader
  readonly userKeys: UserKeysReader
}

/** @param program `reg.exe`, or a stand-in of a test */
export function createUserKeysReader(run: ProgramRun, program: string): UserKeysReader {
  const read = createRegistryReader(run, program)
  return async below => {
    const hives = await userHives(run, program)
    const found = await Promise.all(hives.map(hive => read(`${hive}\\${below}`).catch(() => null)))
    return found.filter(keys => keys !== null)
  }
}

/** `HKU\S-1-5-21-...` of each user who is signed in; services have hives, too, but no wishes. */
export async function userHives(run: ProgramRun, program: string): Promise<readonly string[]> {
  const { exitCode, output } = await run(program, ['query', 'HKU'], queryMsMax)
  if (exitCode !== 0) return []
  return output
    .split(/\r?\n/)
    .map(line => /^HKEY_USERS\\(S-1-(?:5-21|12-1)-[\d-]+)$/.exec(line.trimEnd())?.[1])
    .filter(sid => sid !== undefined)
    .map(sid => `HKU\\${sid}`)
}

export function unreadable(path: string, why: string): StarlingError {
  return new StarlingError(
    'registry-unreadable',
    `the registry key ${path} cannot be read (${why}); what it said before stays in force`
  )
}
