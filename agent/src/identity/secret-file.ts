/**
 * Files that hold secrets or the proof of who we are: written whole or not at all, readable by their owner only.
 *
 * Bytes go to a new file beside the target, are synced, and only then take its name, so that a power cut leaves
 * the old file or the new one, never half of one. `link` is used where a file must never be replaced: it fails
 * when the name is taken, which a check before a `rename` cannot promise. On Windows the mode is ignored; there
 * the installer's ACL on the data folder keeps others out.
 */
import { randomBytes } from 'node:crypto'
import { link, open, readFile, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { StarlingError, codeOf, messageOf } from '@starling/shared/errors.ts'

const ownerOnly = 0o600
const othersMask = 0o077

/** Writes or replaces. */
export async function writeSecretFile(path: string, bytes: Uint8Array | string): Promise<void> {
  await throughNewFile(path, bytes, async newPath => {
    await rename(newPath, path)
  })
}

/**
 * Writes a file that does not exist yet.
 * @returns false, with nothing changed, when there is one already.
 */
export async function createSecretFile(path: string, bytes: Uint8Array | string): Promise<boolean> {
  let created = true
  await throughNewFile(path, bytes, async newPath => {
    try {
      await link(newPath, path)
    } catch (cause) {
      if (codeOf(cause) !== 'EEXIST') throw cause
      created = false
    }
  })
  return created
}

/**
 * @returns null when there is no such file.
 * @throws StarlingError `secret-file-exposed`, `secret-file-unreadable`
 */
export async function readSecretFile(path: string): Promise<Buffer | null> {
  try {
    if (process.platform !== 'win32' && ((await stat(path)).mode & othersMask) !== 0) {
      throw new StarlingError(
        'secret-file-exposed',
        `${path} holds a secret and can be read by other users: run "chmod 600 ${path}" and start again`
      )
    }
    return await readFile(path)
  } catch (cause) {
    if (cause instanceof StarlingError) throw cause
    if (codeOf(cause) === 'ENOENT') return null
    throw new StarlingError(
      'secret-file-unreadable',
      `${path} cannot be read (${messageOf(cause)}): give the user that runs Starling the right to read it`,
      { cause }
    )
  }
}

async function throughNewFile(
  path: string,
  bytes: Uint8Array | string,
  settle: (newPath: string) => Promise<void>
): Promise<void> {
  const newPath = join(dirname(path), `.${randomBytes(6).toString('hex')}.new`)
  try {
    const file = await open(newPath, 'wx', ownerOnly)
    try {
      await file.writeFile(bytes)
      await file.sync()
    } finally {
      await file.close()
    }
    await settle(newPath)
  } catch (cause) {
    throw new StarlingError(
      'secret-file-unwritable',
      `${path} cannot be written (${messageOf(cause)}): check the folder's rights and the free space`,
      { cause }
    )
  } finally {
    await rm(newPath, { force: true })
  }
}
