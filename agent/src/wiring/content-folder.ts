/** Where content lies and how much of it, as policy has it and as the store takes it. */
import { mkdir, mkdtemp, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import { codeOf, messageOf } from '@starling/shared/errors.ts'
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
 * A place that cannot be one, a drive that this machine has not, or a folder that this account may not write to is no reason to do without
 * an agent: one policy goes to machines of many kinds, and on Windows only an administrator can give the service its rights there.
 */
export async function contentPlaceAt(
  place: string | null,
  { platform, env }: { readonly platform: NodeJS.Platform; readonly env: NodeJS.ProcessEnv }
): Promise<ContentPlace> {
  if (place === null) return { folder: null, trouble: null }
  try {
    const folder = contentFolderOf(place, env, platform)
    const problem = await problemOfWriting(folder)
    return problem === null
      ? { folder, trouble: null }
      : { folder: null, trouble: cannotLieIn(folder, problem, env['STARLING_SERVICE_HOST']) }
  } catch (error) {
    return { folder: null, trouble: `${messageOf(error)}.` }
  }
}

/** A full disk, or too much open at once, says nothing of the place. */
const passing: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'EMFILE', 'ENFILE'])

async function problemOfWriting(folder: string): Promise<string | null> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    await rmdir(await mkdtemp(join(folder, '.writable-')))
    return null
  } catch (error) {
    return passing.has(codeOf(error)) ? null : messageOf(error)
  }
}

/** @param serviceHost starling-service.exe; undefined: there is none */
function cannotLieIn(folder: string, problem: string, serviceHost: string | undefined): string {
  const advice =
    serviceHost === undefined
      ? 'give this account the right to write there'
      : `run "${serviceHost}" configure as an administrator, which makes the folder that Group Policy or the service's settings name`
  return `The cache cannot lie in ${folder} (${problem}), so it lies in the data folder: ${advice}, or name another place (DOModifyCacheDrive), then restart the agent.`
}

/** No quota at all is one that is never reached. */
export function limitsOf({ quotaBytes, floorBytes }: Effective['cache']): {
  quotaBytes: Bytes
  floorBytes: Bytes
} {
  return { quotaBytes: quotaBytes ?? Number.MAX_SAFE_INTEGER, floorBytes }
}
