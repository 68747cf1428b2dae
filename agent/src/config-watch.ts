/**
 * Notices that a file was changed. The folder is watched and not the file, because editors save by putting another file in
 * its place; and its state is looked at every few seconds all the same, because watching is unreliable on network drives, in containers
 * and when too much is watched.
 */
import { watch, type FSWatcher } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { secondMs, type Millis } from '@starling/shared/units.ts'

export interface FileWatch {
  stop(): void
}

const lookEveryMs: Millis = 3 * secondMs
/** An editor writes in several steps; a file is read when it has been left alone for so long. */
const quietMs: Millis = 300

/**
 * @param changed with another content than when it was last seen; also when it has gone or come, and once at the beginning, because
 * it may have changed since it was read
 */
export function watchFile(file: string, changed: () => void): FileWatch {
  let seen: string | null | undefined
  let quiet: NodeJS.Timeout | null = null
  let stopped = false

  // The content itself is small, and no clock of a file system is to be trusted.
  const content = (): Promise<string | null> => readFile(file, 'utf8').catch(() => null)
  const look = async (): Promise<void> => {
    const found = await content()
    if (stopped || found === seen) return
    seen = found
    changed()
  }
  const lookSoon = (): void => {
    if (stopped) return
    if (quiet !== null) clearTimeout(quiet)
    quiet = setTimeout(() => void look(), quietMs)
    quiet.unref()
  }
  let folder: FSWatcher | null = null
  try {
    folder = watch(dirname(file), { persistent: false }, (_, name) => {
      if (name === null || name === basename(file)) lookSoon()
    })
    // Then there is the clock.
    folder.on('error', () => folder?.close())
  } catch {
    folder = null
  }
  const clock = setInterval(() => {
    // It may be half written: looked at again when it has been left alone.
    void content().then(found => {
      if (found !== seen) lookSoon()
    })
  }, lookEveryMs)
  clock.unref()
  void look()
  return {
    stop() {
      stopped = true
      folder?.close()
      clearInterval(clock)
      if (quiet !== null) clearTimeout(quiet)
    }
  }
}
