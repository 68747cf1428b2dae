/**
 * Reading and writing a place, by whatever is its own. A new value is set with the program that Microsoft gives for it; an old one is put
 * back as it was, to the bit.
 */
import { messageOf, StarlingError } from '@starling/shared/errors.ts'
import { secondMs, type Millis } from '@starling/shared/units.ts'
import type { ProgramRun } from '../run-program.ts'
import type { GoAccess } from './go-access.ts'
import type { Place, RegistryPlace } from './places.ts'
import { connectionFrom, winHttpFrom } from './proxy-records.ts'
import type { RegistryAccess, SeenKeys } from './registry-access.ts'
import { bytesOf, text, type Stored } from './stored.ts'

export interface PlaceAccess {
  /** @param seen of a look at several places: each key is asked for once in it */
  read(place: Place, seen?: SeenKeys): Promise<Stored>
  set(place: Place, value: Stored): Promise<void>
  putBack(place: Place, value: Stored): Promise<void>
}

interface Tools {
  readonly run: ProgramRun
  readonly registry: RegistryAccess
  readonly go: GoAccess
  readonly env: Readonly<Record<string, string | undefined>>
  /** `netsh.exe` to its full path. */
  readonly program: (name: string) => string
}

const runMs: Millis = 30 * secondMs

export function createPlaceAccess({ run, registry, go, env, program }: Tools): PlaceAccess {
  async function call(name: string, args: readonly string[]): Promise<void> {
    const why = await run(program(name), args, runMs).then(
      ({ exitCode }) =>
        exitCode === 0 ? null : exitCode === null ? 'did not end' : `ended with ${exitCode}`,
      (error: unknown) => `cannot be started (${messageOf(error)})`
    )
    if (why !== null)
      throw new StarlingError(
        'tool-failed',
        `\`${name} ${args.join(' ')}\` ${why}: run this as administrator`
      )
  }

  function setWith(place: RegistryPlace, value: Stored): Promise<void> {
    const record = bytesOf(value)
    if (place.kind === 'winhttp' && record !== null) {
      const said = winHttpFrom(record)
      if (said !== null)
        return call('netsh.exe', [
          'winhttp',
          'set',
          'proxy',
          `proxy-server=${said.proxy}`,
          `bypass-list=${said.bypass}`
        ])
    }
    if (place.kind === 'bits' && record !== null) {
      const script = connectionFrom(record)?.script
      if (script !== undefined && script !== '')
        return call('bitsadmin.exe', [...bitsUsage, 'AUTOSCRIPT', script])
    }
    return registry.write(place, value)
  }

  return {
    async read(place, seen) {
      if (place.kind === 'go') return go.read(place.name)
      if (place.kind !== 'environment') return registry.read(place, seen)
      const value = env[place.name]
      return value === undefined ? null : text(value)
    },
    async set(place, value) {
      if (place.kind === 'go') await go.write(place.name, value)
      else if (place.kind !== 'environment') await setWith(place, value)
    },
    async putBack(place, value) {
      if (place.kind === 'go') return go.write(place.name, value)
      if (place.kind === 'environment') return
      // BITS hears that something has changed; what it writes then is written over. Where it fails, the record counts all the same.
      if (place.kind === 'bits') await call('bitsadmin.exe', [...bitsUsage, 'NO_PROXY']).catch(() => {})
      if (value !== null || (await registry.read(place)) !== null) await registry.write(place, value)
    }
  }
}

const bitsUsage = ['/util', '/setieproxy', 'LOCALSYSTEM'] as const
