/**
 * The token that a change through the API needs: 256 random bits in a file that only the agent's user can read. It stays over
 * restarts, so that a second start on the same folder, which fails a moment later, does not lock the first one's command
 * line out; a file that others could read is replaced.
 */
import { randomBytes } from 'node:crypto'
import { readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { codeOf } from '@starling/shared/errors.ts'

const shape = /^[\w-]{43}$/

export async function openToken(file: string): Promise<string> {
  const kept = await readToken(file)
  if (kept !== null) return kept
  const token = randomBytes(32).toString('base64url')
  const newFile = `${file}.${process.pid}.new`
  try {
    await writeFile(newFile, `${token}\n`, { mode: 0o600, flag: 'wx' })
    await rename(newFile, file)
  } finally {
    await rm(newFile, { force: true })
  }
  return token
}

async function readToken(file: string): Promise<string | null> {
  try {
    // On Windows the mode says nothing; there the folder's access list protects the file.
    if (process.platform !== 'win32' && ((await stat(file)).mode & 0o077) !== 0) return null
    const token = (await readFile(file, 'utf8')).trim()
    return shape.test(token) ? token : null
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null
    throw error
  }
}
