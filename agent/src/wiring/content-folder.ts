/** Where content lies and how much of it, as policy has it and as the store takes it. */
import { messageOf } from '@starling/shared/errors.ts'
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

/** No quota at all is one that is never reached. */
export function limitsOf({ quotaBytes, floorBytes }: Effective['cache']): {
  quotaBytes: Bytes
  floorBytes: Bytes
} {
  return { quotaBytes: quotaBytes ?? Number.MAX_SAFE_INTEGER, floorBytes }
}
