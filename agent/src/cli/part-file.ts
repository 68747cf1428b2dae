/**
 * A download on its way: `FILE.part` holds the bytes from the start on, `FILE.part.json` says of what. A part is gone on with
 * only if the URL is the same and the server said by which validator its version is known; `If-Range` then makes
 * the server decide. The whole takes its name in one step, so FILE is never half of something.
 */
import { createHash, type Hash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { open, readFile, rename, rm, stat, writeFile, type FileHandle } from 'node:fs/promises'
import { StarlingError, codeOf, messageOf } from '@starling/shared/errors.ts'
import type { Bytes } from '@starling/shared/units.ts'
import { z } from 'zod'

const shape = z.object({
  url: z.string(),
  validator: z.string().nullable(),
  total: z.number().int().nonnegative().nullable()
})
/** What the part is a part of. */
export type PartState = Readonly<z.infer<typeof shape>>

export interface Part {
  /** Bytes that are there, and hashed. */
  readonly bytes: Bytes
  readonly state: PartState
  /** Starts from nothing, as a part of something else than before. */
  restart(state: PartState): Promise<void>
  append(piece: Uint8Array): Promise<void>
  /** SHA-256 of all of it, in hex. */
  digest(): string
  /** Takes the final name; to be called last. */
  finish(): Promise<void>
  /** Removes it. */
  discard(): Promise<void>
  /** Keeps it for the next time. */
  close(): Promise<void>
}

/** @throws StarlingError `file-unwritable` */
export async function openPart(file: string, url: string, resume: boolean): Promise<Part> {
  const [path, statePath] = [`${file}.part`, `${file}.part.json`]
  await refuseFolder(file)
  let state: PartState = { url, validator: null, total: null }
  let hash = createHash('sha256')
  let bytes = 0
  const kept = resume ? await readState(statePath) : null
  if (kept !== null && kept.url === url && kept.validator !== null) {
    state = kept
    ;({ hash, bytes } = await hashOf(path))
  }
  const handle = await openFile(path, bytes > 0 ? 'r+' : 'w')
  let closed = false
  const close = async () => {
    if (!closed) await handle.close()
    closed = true
  }
  return {
    get bytes() {
      return bytes
    },
    get state() {
      return state
    },
    async restart(next) {
      // The note first: a crash in between leaves a part that is not gone on with.
      await rm(statePath, { force: true })
      await handle.truncate(0)
      ;[state, hash, bytes] = [next, createHash('sha256'), 0]
      await writeFile(statePath, `${JSON.stringify(next)}\n`)
    },
    async append(piece) {
      await writeAll(handle, piece, bytes)
      hash.update(piece)
      bytes += piece.length
    },
    digest: () => hash.copy().digest('hex'),
    async finish() {
      await handle.sync()
      // Windows renames no open file.
      await close()
      await rename(path, file)
      await rm(statePath, { force: true })
    },
    async discard() {
      await close()
      await Promise.all([rm(path, { force: true }), rm(statePath, { force: true })])
    },
    close
  }
}

async function writeAll(handle: FileHandle, piece: Uint8Array, position: Bytes): Promise<void> {
  let done = 0
  while (done < piece.length) {
    done += (await handle.write(piece, done, piece.length - done, position + done)).bytesWritten
  }
}

async function refuseFolder(file: string): Promise<void> {
  const found = await stat(file).catch(() => null)
  if (found?.isDirectory() === true) {
    throw new StarlingError('file-unwritable', `${file} is a folder: name a file in it with -o`)
  }
}

async function openFile(path: string, flags: string): Promise<FileHandle> {
  try {
    return await open(path, flags)
  } catch (error) {
    throw new StarlingError(
      'file-unwritable',
      `${path} cannot be written (${messageOf(error)}): choose another file with -o`,
      { cause: error }
    )
  }
}

async function readState(path: string): Promise<PartState | null> {
  try {
    const parsed = shape.safeParse(JSON.parse(await readFile(path, 'utf8')))
    return parsed.success ? parsed.data : null
  } catch {
    return null
  }
}

async function hashOf(path: string): Promise<{ hash: Hash; bytes: Bytes }> {
  const hash = createHash('sha256')
  let bytes = 0
  try {
    for await (const piece of createReadStream(path) as AsyncIterable<Buffer>) {
      hash.update(piece)
      bytes += piece.length
    }
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error
  }
  return { hash, bytes }
}
