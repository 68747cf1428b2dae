/** DOModifyCacheDrive: a drive, a folder, or a variable that names one, made into the folder that the content lies in. */
import { posix, win32 } from 'node:path'
import { StarlingError } from '@starling/shared/errors.ts'

/** A drive is everybody's, so we have a folder of our own there. @throws StarlingError `bad-place` */
export function contentFolderOf(
  place: string,
  env: Readonly<Record<string, string | undefined>>,
  platform: NodeJS.Platform
): string {
  const byLower = new Map(Object.entries(env).map(([name, value]) => [name.toLowerCase(), value]))
  const expanded = place.trim().replace(/%([^%]+)%/g, (text, name: string) => {
    const value = byLower.get(name.toLowerCase())
    if (value === undefined) throw bad(place, `there is no variable ${text}`)
    return value
  })
  if (platform !== 'win32') {
    if (!posix.isAbsolute(expanded)) throw bad(place, 'it is no absolute path')
    return posix.normalize(expanded)
  }
  const folder = /^[a-z]:[\\/]/i.test(expanded) ? win32.normalize(expanded) : expanded
  const [, drive] = /^([a-z]):?\\?$/i.exec(folder) ?? []
  if (drive !== undefined) return `${drive.toUpperCase()}:\\Starling`
  // `\\server\share` would bring the cache over the network, and `C:x` depends on who asks.
  if (!/^[a-z]:\\/i.test(folder)) throw bad(place, 'it is neither a drive nor a path on one')
  return folder
}

function bad(place: string, why: string): StarlingError {
  return new StarlingError(
    'bad-place',
    `DOModifyCacheDrive ${JSON.stringify(place)} cannot be used: ${why}. The content stays in the data folder`
  )
}
