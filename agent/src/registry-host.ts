/**
 * Windows' registry through the service host, where there is one: `starling-service.exe registry KEY...` prints UTF-8, while
 * reg.exe prints in a code page and loses letters that it does not have. It also tells a key that must not be read from one that is not
 * there, and reads many in one run.
 */
import { messageOf } from '@starling/shared/errors.ts'
import { secondMs, type Millis } from '@starling/shared/units.ts'
import { z } from 'zod'
import { printed } from './printed.ts'
import {
  createRegistryReader,
  createUserKeysReader,
  unreadable,
  type Registry,
  type RegistryData,
  type RegistryKey
} from './registry.ts'
import { systemProgram, type ProgramRun } from './run-program.ts'

/** The host puts its own path here for what it starts. */
const hostVariable = 'STARLING_SERVICE_HOST'

const queryMsMax: Millis = 10 * secondMs
/** Windows' errors, as it prints them in the place of a key. */
const errors = { noKey: 2, denied: 5 } as const

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

/** Of one key; a number is the error that Windows gave for it. */
const answersSchema = z.array(z.union([hostKeysSchema, z.number()]))
type Answer = z.infer<typeof answersSchema>[number]

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
): Registry {
  const host = serviceHost(env)
  if (host !== null) return createHostRegistry(run, host)
  const program = systemProgram('reg.exe', env['SystemRoot'])
  return { read: createRegistryReader(run, program), userKeys: createUserKeysReader(run, program) }
}

/** What is asked for in one go is read in one run. @param host the full path of starling-service.exe */
export function createHostRegistry(run: ProgramRun, host: string): Registry {
  let asked: string[] = []
  let answers: Promise<readonly Answer[]> | null = null

  const read: Registry['read'] = async path => {
    const at = asked.push(path) - 1
    answers ??= Promise.resolve().then(async () => {
      const paths = asked
      asked = []
      answers = null
      return await askHost(run, host, paths)
    })
    const answer = (await answers)[at]!
    if (typeof answer !== 'number') return keysFromHost(answer)
    if (answer === errors.noKey) return null
    throw unreadable(path, answer === errors.denied ? 'access denied' : `error ${answer} of Windows`)
  }
  return {
    read,
    // It has all users' keys in one list.
    async userKeys(below) {
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
}

/** @throws StarlingError `registry-unreadable` */
async function askHost(run: ProgramRun, host: string, paths: readonly string[]): Promise<readonly Answer[]> {
  const all = paths.join(', ')
  const { exitCode, output } = await run(host, ['registry', ...paths], queryMsMax).catch((error: unknown) => {
    throw unreadable(all, messageOf(error))
  })
  if (exitCode === null) throw unreadable(all, `no answer within ${queryMsMax / secondMs} s`)
  const answers = exitCode === 0 ? printed(output, answersSchema) : null
  if (answers?.length !== paths.length) throw unreadable(all, `${host} ended with ${exitCode} and no answer`)
  return answers
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
