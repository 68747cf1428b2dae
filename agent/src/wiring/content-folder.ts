/** Where content lies and how much of it, as policy has it and as the store takes it. */
import { StarlingError, messageOf } from '@starling/shared/errors.ts'
import type { Effective } from '@starling/shared/policy/effective.ts'
import type { Bytes } from '@starling/shared/units.ts'
import { contentFolderOf } from '../cache-place.ts'
import type { Log } from '../log.ts'

/** Null: in the data folder, where it stays as well when the place cannot be used. */
export function contentFolderAt(place: string | null, log: Log): string | null {
  if (place === null) return null
  try {
    return contentFolderOf(place, process.env, process.platform)
  } catch (error) {
    log.error(messageOf(error))
    return null
  }
}

/**
 * What opening the store has thrown, in words that help when it was about the folder of the content: on Windows only an administrator can
 * give the service its rights there.
 * @param serviceHost starling-service.exe; undefined: there is none
 */
export function contentTrouble(
  error: unknown,
  folder: string | null,
  serviceHost: string | undefined
): unknown {
  const path = error instanceof Error && 'path' in error ? String(error.path) : ''
  if (folder === null || path === '' || !(path.startsWith(folder) || folder.startsWith(path))) return error
  const advice =
    serviceHost === undefined
      ? 'give this account the right to write there'
      : `run "${serviceHost}" configure as an administrator, which makes the folder that Group Policy or the service's settings name`
  return new StarlingError(
    'cache-folder-unusable',
    `the cache cannot lie in ${folder} (${messageOf(error)}): ${advice}, or name another one (DOModifyCacheDrive)`,
    { cause: error }
  )
}

/** No quota at all is one that is never reached. */
export function limitsOf({ quotaBytes, floorBytes }: Effective['cache']): {
  quotaBytes: Bytes
  floorBytes: Bytes
} {
  return { quotaBytes: quotaBytes ?? Number.MAX_SAFE_INTEGER, floorBytes }
}
