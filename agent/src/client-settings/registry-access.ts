/**
 * Single values of the registry, read and written by reg.exe with their types, so that what was there can be put back. Values are ASCII
 * here: what the console's code page might have changed is refused when it is read.
 */
import { StarlingError, messageOf } from '@starling/shared/errors.ts'
import { secondMs, type Millis } from '@starling/shared/units.ts'
import { createRegistryReader } from '../registry.ts'
import type { ProgramRun } from '../run-program.ts'
import type { RegistryPlace } from './places.ts'
import { storedFrom, type Stored } from './stored.ts'

type Spot = Pick<RegistryPlace, 'key' | 'name'>

/** What keys said, within one look at several values: null where there is no such key. */
export type SeenKeys = Map<string, string | null>

export interface RegistryAccess {
  /** @throws StarlingError `registry-unreadable` */
  read(spot: Spot, seen?: SeenKeys): Promise<Stored>
  /** Null removes it. @throws StarlingError `registry-unwritable` */
  write(spot: Spot, value: Stored): Promise<void>
}

const runMs: Millis = 10 * secondMs
const valueLine = /^ {4}(.*?) {4}(REG_[A-Z0-9_]+)(?: {4}(.*))?$/

export function createRegistryAccess(run: ProgramRun, program: string): RegistryAccess {
  const readKey = createRegistryReader(run, program)

  async function change(spot: Spot, args: readonly string[]): Promise<void> {
    const ended = await run(program, [...args, '/f', '/reg:64'], runMs).catch((error: unknown) => {
      throw unwritable(spot, messageOf(error))
    })
    if (ended.exitCode === null) throw unwritable(spot, `no answer within ${runMs / secondMs} s`)
    // Its own words are in the language of the system.
    if (ended.exitCode !== 0) throw unwritable(spot, `reg ${args[0]} ended with ${ended.exitCode}`)
  }

  /** The key without what is below it, which in some places is much. */
  async function query(spot: Spot): Promise<string | null> {
    const { exitCode, output } = await run(program, ['query', spot.key, '/reg:64'], runMs)
    if (exitCode === 0) return output
    // No such key, or no right to see it: the second must not look like the first.
    if ((await readKey(spot.key)) !== null) throw unreadable(spot, 'its key was made a moment ago')
    return null
  }

  return {
    async read(spot, seen = new Map()) {
      const known = seen.get(spot.key)
      const output = known === undefined ? await query(spot) : known
      seen.set(spot.key, output)
      return output === null ? null : valueIn(output, spot)
    },
    async write(spot, value) {
      const name = ['/v', spot.name]
      if (value !== null) return change(spot, ['add', spot.key, ...name, '/t', value.type, '/d', value.data])
      await change(spot, ['delete', spot.key, ...name])
    }
  }
}

function valueIn(output: string, spot: Spot): Stored {
  for (const line of output.split(/\r?\n/)) {
    const [, name, type, data = ''] = valueLine.exec(line) ?? []
    if (type === undefined || name?.toLowerCase() !== spot.name.toLowerCase()) continue
    const stored = storedFrom(type, data)
    if (stored === null) throw unreadable(spot, `a ${type} that could not be put back exactly`)
    return stored
  }
  return null
}

function unreadable({ key, name }: Spot, why: string): StarlingError {
  return new StarlingError(
    'registry-unreadable',
    `${key}\\${name} cannot be read (${why}), so it is left as it is`
  )
}

function unwritable({ key, name }: Spot, why: string): StarlingError {
  return new StarlingError(
    'registry-unwritable',
    `${key}\\${name} cannot be changed (${why}): run this as administrator`
  )
}
