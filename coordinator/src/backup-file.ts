/**
 * The file of a backup: one line of JSON that says what follows, then the files one after the other, all under gzip. Keys
 * are not in it (key-file.ts): who finds a backup opens no sealed secret with it and speaks for no fleet.
 */
import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { chmod, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createGunzip, createGzip } from 'node:zlib'
import { StarlingError, codeOf, messageOf } from '@starling/shared/errors.ts'
import { z } from 'zod'

/** Nothing else is ever written by a restore, whatever the file says. */
const names = ['coordinator.db', 'gateway/config.json'] as const
const headShape = z.object({
  starling: z.literal('coordinator-backup'),
  format: z.literal(1),
  madeAt: z.string(),
  fleet: z.string(),
  coordinator: z.string(),
  database: z.enum(['sqlite', 'postgres']),
  files: z
    .array(
      z.object({
        name: z.enum(names),
        bytes: z.number().int().nonnegative(),
        sha256: z.string().regex(/^[0-9a-f]{64}$/)
      })
    )
    .max(names.length)
})
export type BackupHead = z.output<typeof headShape>
const headBytesMax = 64 * 1024

/** @throws StarlingError `backup-exists`, `backup-failed` */
export async function writeBackup(
  path: string,
  about: Pick<BackupHead, 'madeAt' | 'fleet' | 'coordinator' | 'database'>,
  files: ReadonlyArray<{ readonly name: BackupHead['files'][number]['name']; readonly path: string }>
): Promise<BackupHead> {
  const described: BackupHead['files'] = []
  const there: Array<(typeof files)[number]> = []
  for (const file of files) {
    if (!(await exists(file.path))) continue
    there.push(file)
    described.push({
      name: file.name,
      bytes: (await stat(file.path)).size,
      sha256: await digestOf(file.path)
    })
  }
  const head: BackupHead = { starling: 'coordinator-backup', format: 1, ...about, files: described }
  async function* whole(): AsyncGenerator<Uint8Array> {
    yield Buffer.from(`${JSON.stringify(head)}\n`)
    for (const file of there) yield* createReadStream(file.path)
  }
  try {
    await pipeline(whole, createGzip(), createWriteStream(path, { flags: 'wx', mode: 0o600, flush: true }))
    return head
  } catch (cause) {
    if (codeOf(cause) === 'EEXIST')
      throw new StarlingError('backup-exists', `${path} is there already: give another name`, { cause })
    await rm(path, { force: true })
    throw new StarlingError('backup-failed', `${path} cannot be written: ${messageOf(cause)}`, { cause })
  }
}

/** The service host keeps it in each data folder (installer/windows/host/pin.h). */
const pinOfWindowsService = 'folder.pin'

/**
 * Everything is written beside its place and checked, and takes its place only then.
 * @throws StarlingError `folder-not-empty`, `backup-damaged`
 */
export async function restoreBackup(path: string, folder: string): Promise<BackupHead> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  if ((await readdir(folder)).some(name => name !== pinOfWindowsService)) {
    throw new StarlingError(
      'folder-not-empty',
      `${folder} is not empty, and a backup is restored into an empty folder only: move it away, or give another --data`
    )
  }
  const written: Array<{ from: string; to: string }> = []
  try {
    const reader = readerOf(path)
    const head = headShape.parse(JSON.parse(await reader.line()))
    for (const { name, bytes, sha256 } of head.files) {
      const to = join(folder, name)
      await mkdir(dirname(to), { recursive: true, mode: 0o700 })
      const from = `${to}.new`
      written.push({ from, to })
      const file = await open(from, 'wx', 0o600)
      const hash = createHash('sha256')
      try {
        for await (const part of reader.bytes(bytes)) {
          hash.update(part)
          await file.write(part)
        }
        await file.sync()
      } finally {
        await file.close()
      }
      if (hash.digest('hex') !== sha256) throw new Error(`${name} is not what was backed up`)
    }
    if (!(await reader.isAtEnd())) throw new Error('there is more in it than it says')
    for (const { from, to } of written) await rename(from, to)
    await chmod(folder, 0o700)
    return head
  } catch (cause) {
    for (const { from, to } of written) {
      await rm(from, { force: true })
      await rm(to, { force: true })
    }
    throw new StarlingError(
      'backup-damaged',
      `${path} cannot be restored (${messageOf(cause)}): nothing was; take another backup`,
      { cause }
    )
  }
}

function readerOf(path: string) {
  const parts: AsyncIterator<Buffer> = createReadStream(path).pipe(createGunzip())[Symbol.asyncIterator]()
  let rest: Buffer = Buffer.alloc(0)
  const more = async (): Promise<boolean> => {
    const next = await parts.next()
    if (next.done === true) return false
    rest = rest.length === 0 ? next.value : Buffer.concat([rest, next.value])
    return true
  }
  return {
    async line(): Promise<string> {
      while (!rest.includes(10))
        if (rest.length > headBytesMax || !(await more())) throw new Error('it is no backup')
      const end = rest.indexOf(10)
      const text = rest.subarray(0, end).toString('utf8')
      rest = rest.subarray(end + 1)
      return text
    },
    async *bytes(count: number): AsyncGenerator<Buffer> {
      let missing = count
      while (missing > 0) {
        if (rest.length === 0 && !(await more())) throw new Error('it ends too early')
        const part = rest.subarray(0, missing)
        rest = rest.subarray(part.length)
        missing -= part.length
        yield part
      }
    },
    isAtEnd: async (): Promise<boolean> => rest.length === 0 && !(await more())
  }
}

async function digestOf(path: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path), hash)
  return hash.digest('hex')
}

async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false
  )
}
