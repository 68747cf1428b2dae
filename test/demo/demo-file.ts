/**
 * The file of the demonstration: made once, kept in the user's cache folder, so that the second `npm start` does
 * not spend its time on making bytes. Real bytes on a real disk, and incompressible as updates are.
 */
import { mkdirSync, statfsSync, statSync } from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { StarlingError } from '@starling/shared/errors.ts'
import { MiB, type Bytes } from '@starling/shared/units.ts'
import { seededContent } from '../doubles/content.ts'
import { bytesText } from './words.ts'

export const demoFileBytes: Bytes = 256 * MiB

export function cacheFolder(env: NodeJS.ProcessEnv, platform: NodeJS.Platform): string {
  if (platform === 'win32') return join(env.LOCALAPPDATA ?? tmpdir(), 'starling-demo')
  if (platform === 'darwin') return join(homedir(), 'Library', 'Caches', 'starling-demo')
  return join(env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'starling-demo')
}

/** @returns its path; `say` is told when it has to be made. */
export async function demoFile(folder: string, bytes: Bytes, say: (text: string) => void): Promise<string> {
  const path = join(folder, `update-${bytes / MiB}MiB.bin`)
  if (statSync(path, { throwIfNoEntry: false })?.size === bytes) return path
  mkdirSync(folder, { recursive: true })
  requireSpace(folder, bytes)
  say(`  Making a file of ${bytesText(bytes)}, once: ${path}`)
  const part = `${path}.${process.pid}.part`
  const content = seededContent('starling demo', bytes)
  const file = await open(part, 'w')
  try {
    for (let at = 0; at < bytes; at += MiB)
      await file.write(await content.read(at, Math.min(bytes, at + MiB)))
    await file.close()
    await rename(part, path)
  } catch (error) {
    await file.close().catch(() => {})
    await rm(part, { force: true })
    throw error
  }
  return path
}

/** @throws StarlingError `no-space`, so that nobody has to guess from an agent that stops caching. */
export function requireSpace(folder: string, bytes: Bytes): void {
  const { bavail, bsize } = statfsSync(folder)
  if (bavail * bsize > bytes) return
  throw new StarlingError(
    'no-space',
    `${folder} has ${bytesText(bavail * bsize)} free, and this needs ${bytesText(bytes)}: make room, or give a smaller file: npm start -- <path>`
  )
}
