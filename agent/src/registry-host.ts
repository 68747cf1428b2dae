/**
 * Windows' registry through the service host, where there is one: `starling-service.exe registry KEY` prints UTF-8, while
 * reg.exe prints in a code page and loses letters that it does not have. It also tells a key that must not be read from one that is not there.
 */
import { messageOf } from '@starling/shared/errors.ts'
import { secondMs, type Millis } from '@starling/shared/units.ts'
import { z } from 'zod'
import {
  createRegistryReader,
  createUserKeysReader,
  unreadable,
  type RegistryData,
  type RegistryKey,
  type RegistryReader,
  type UserKeysReader
} from './registry.ts'
import { printed } from './printed.ts'
import { systemProgram, type ProgramRun } from './run-program.ts'

/** The host puts its own path here for what it starts. */
const hostVariable = 'STARLING_SERVICE_HOST'

const queryMsMax: Millis = 10 * secondMs
/** Of installer/windows/host/registry.h. */
const exitCodes = { read: 0, noKey: 2, denied: 3 } as const

/** Keys as it prints them. */
export const hostKeysSchema = z.array(
  z.object({
    path: z.string(),
    values: z.array(
      z.object({
        name: z.string(),
        type: z.string(),
        data: z.union([z.string(), z.number(), z.array(z.string())])
      })
    )
  })
)

type PrintedKeys = z.infer<typeof hostKeysSchema>
type Printed = PrintedKeys[number]['values'][number]

/** The service host that this process runs under; null: none. */
export function serviceHost(env: Readonly<Record<string, string | undefined>>): string | null {
  const host = env[hostVariable]
  return host === undefined || host === '' ? null : host
}

/** Of Windows: by the service host, or by reg.exe where there is none. */
export function windowsRegistry(
  run: ProgramRun,
  env: Readonly<Record<string, string | undefined>>
): RegistryReader {
  const host = serviceHost(env)
  return host === null
    ? createRegistryReader(run, systemProgram('reg.exe', env['SystemRoot']))
    : createHostRegistryReader(run, host)
}

/** The same of a key that users have. */
export function windowsUserKeys(
  run: ProgramRun,
  env: Readonly<Record<string, string | undefined>>
): UserKeysReader {
  const host = serviceHost(env)
  return host === null
    ? createUserKeysReader(run, systemProgram('reg.exe', env['SystemRoot']))
    : createHostUserKeysReader(run, host)
}

/** @param host the full path of starling-service.exe, which has all users' keys in one list */
export function createHostUserKeysReader(run: ProgramRun, host: string): UserKeysReader {
  const read = createHostRegistryReader(run, host)
  return async below => {
    const keys = (await read(`HKU\\*\\${below}`)) ?? []
    const users: RegistryKey[][] = []
    for (const key of keys) {
      if (/^HKEY_USERS\\[^\\]+\\(.*)$/.exec(key.path)?.[1]?.toLowerCase() === below.toLowerCase())
        users.push([])
      users.at(-1)?.push(key)
    }
    return users
  }
}

/** @param host the full path of starling-service.exe */
export function createHostRegistryReader(run: ProgramRun, host: string): RegistryReader {
  return async path => {
    const { exitCode, output } = await run(host, ['registry', path], queryMsMax).catch((error: unknown) => {
      throw unreadable(path, messageOf(error))
    })
    if (exitCode === exitCodes.noKey) return null
    if (exitCode === exitCodes.denied) throw unreadable(path, 'access denied')
    if (exitCode === null) throw unreadable(path, `no answer within ${queryMsMax / secondMs} s`)
    const keys = exitCode === exitCodes.read ? printed(output, hostKeysSchema) : null
    if (keys === null) throw unreadable(path, `${host} ended with ${exitCode} and no answer`)
    return keysFromHost(keys)
  }
}

export function keysFromHost(keys: PrintedKeys): readonly RegistryKey[] {
  return keys.map(({ path, values }) => ({
    path,
    values: values.flatMap(value => {
      const data = dataOf(value)
      return data === null ? [] : [{ name: value.name, data }]
    })
  }))
}

/** @returns null for a type that no policy has. */
function dataOf({ type, data }: Printed): RegistryData | null {
  switch (type) {
    case 'REG_DWORD':
    case 'REG_QWORD':
    case 'REG_SZ':
    case 'REG_EXPAND_SZ':
    case 'REG_MULTI_SZ':
      return data
    case 'REG_BINARY':
      return typeof data === 'string' ? Buffer.from(data, 'hex') : null
    default:
      return null
  }
}
