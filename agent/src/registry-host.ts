/**
 * Windows' registry through the service host, where there is one: `starling-service.exe registry KEY` prints UTF-8, while
 * reg.exe prints in a code page and loses letters that it does not have. It also tells a key that must not be read from one that is not there.
 */
import { messageOf } from '@starling/shared/errors.ts'
import { secondMs, type Millis } from '@starling/shared/units.ts'
import { z } from 'zod'
import { createRegistryReader, unreadable, type RegistryData, type RegistryReader } from './registry.ts'
import { systemProgram, type ProgramRun } from './run-program.ts'

/** The host puts its own path here for what it starts. */
const hostVariable = 'STARLING_SERVICE_HOST'

const queryMsMax: Millis = 10 * secondMs
/** Of installer/windows/host/registry.h. */
const exitCodes = { read: 0, noKey: 2, denied: 3 } as const

const keysSchema = z.array(
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

type Printed = z.infer<typeof keysSchema>[number]['values'][number]

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

/** @param host the full path of starling-service.exe */
export function createHostRegistryReader(run: ProgramRun, host: string): RegistryReader {
  return async path => {
    const { exitCode, output } = await run(host, ['registry', path], queryMsMax).catch((error: unknown) => {
      throw unreadable(path, messageOf(error))
    })
    if (exitCode === exitCodes.noKey) return null
    if (exitCode === exitCodes.denied) throw unreadable(path, 'access denied')
    if (exitCode === null) throw unreadable(path, `no answer within ${queryMsMax / secondMs} s`)
    const keys = exitCode === exitCodes.read ? keysSchema.safeParse(parsed(output)) : null
    if (keys?.success !== true) throw unreadable(path, `${host} ended with ${exitCode} and no answer`)
    return keys.data.map(key => ({
      path: key.path,
      values: key.values.flatMap(value => {
        const data = dataOf(value)
        return data === null ? [] : [{ name: value.name, data }]
      })
    }))
  }
}

function parsed(output: string): unknown {
  try {
    return JSON.parse(output)
  } catch {
    return null
  }
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
