/** Where content lies and how much of it, as policy has it and as the store takes it. */
import { stat } from 'node:fs/promises'
import { sep, win32 } from 'node:path'
import { StarlingError, codeOf, messageOf } from '@starling/shared/errors.ts'
import type { Effective } from '@starling/shared/policy/effective.ts'
import type { Bytes } from '@starling/shared/units.ts'
import { contentFolderOf } from '../cache-place.ts'

export interface ContentPlace {
  /** Null: in the data folder. */
  readonly folder: string | null
  /** Why it is not where policy has it, for people; null: it is. */
  readonly trouble: string | null
}

/**
 * A place that cannot be one, or a drive that this machine has not, is no reason to do without an agent: one policy goes to machines of
 * many kinds. @param isThere whether there is such a drive
 */
export async function contentPlaceAt(
  place: string | null,
  {
    platform,
    env,
    isThere = hasRoot
  }: {
    readonly platform: NodeJS.Platform
    readonly env: NodeJS.ProcessEnv
    readonly isThere?: (root: string) => Promise<boolean>
  }
): Promise<ContentPlace> {
  if (place === null) return { folder: null, trouble: null }
  try {
    const folder = contentFolderOf(place, env, platform)
    const { root } = win32.parse(folder)
    if (platform !== 'win32' || (await isThere(root))) return { folder, trouble: null }
    return {
      folder: null,
      trouble: `This machine has no drive ${root} (DOModifyCacheDrive ${JSON.stringify(place)}): the content lies in the data folder.`
    }
  } catch (error) {
    return { folder: null, trouble: `${messageOf(error)}.` }
  }
}

const hasRoot = (root: string): Promise<boolean> =>
  stat(root).then(
    () => true,
    () => false
  )

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
  const isAbout = (one: string, other: string): boolean => `${one}${sep}`.startsWith(`${other}${sep}`)
  if (folder === null || path === '' || !(isAbout(path, folder) || isAbout(folder, path))) return error
  // A full disk is another matter.
  if (!rightsCodes.has(String(codeOf(error)))) return error
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

/** EEXIST: a file is in its place; Node says ENOTDIR on Unix. */
const rightsCodes: ReadonlySet<string> = new Set(['EACCES', 'EPERM', 'ENOENT', 'EEXIST', 'ENOTDIR'])

/** No quota at all is one that is never reached. */
export function limitsOf({ quotaBytes, floorBytes }: Effective['cache']): {
  quotaBytes: Bytes
  floorBytes: Bytes
} {
  return { quotaBytes: quotaBytes ?? Number.MAX_SAFE_INTEGER, floorBytes }
}
