/**
 * A folder as a .deb, by dpkg-deb. The same content gives the same bytes: names in order, all files root's, no time later than the
 * one given, modes that do not depend on who builds.
 */
import { createHash } from 'node:crypto'
import { chmod, mkdir, readFile, readdir, stat, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

export interface DebContent {
  /** Fields of DEBIAN/control in order; a value may have several lines. Installed-Size is added. */
  readonly control: ReadonlyArray<readonly [field: string, value: string]>
  readonly scripts: Readonly<Record<string, string>>
  /** Files that an admin may change and an upgrade must not, as absolute paths. */
  readonly settings: readonly string[]
  /** Paths that only root may read. */
  readonly closed: readonly string[]
  readonly programs: readonly string[]
}

/** How well it is compressed: `fast` is for tests. */
export type Compression = 'small' | 'fast'

/** @param root holds the files as they will lie on the machine; DEBIAN is made in it */
export async function packDeb(
  root: string,
  content: DebContent,
  { file, compression, date }: { file: string; compression: Compression; date: Date }
): Promise<void> {
  const { folders, files } = await walk(root)
  await Promise.all(folders.map(folder => chmod(folder, 0o755)))
  let kib = folders.length
  const sums: string[] = []
  for (const path of files) {
    const name = relative(root, path)
    const absolute = `/${name}`
    await chmod(
      path,
      content.programs.includes(absolute) ? 0o755 : content.closed.includes(absolute) ? 0o640 : 0o644
    )
    kib += Math.ceil((await stat(path)).size / 1024)
    if (!content.settings.includes(absolute))
      sums.push(
        `${createHash('md5')
          .update(await readFile(path))
          .digest('hex')}  ${name}\n`
      )
  }
  const debian = join(root, 'DEBIAN')
  await mkdir(debian, { mode: 0o755 })
  const put = async (name: string, text: string, mode: number) => {
    await writeFile(join(debian, name), text)
    await chmod(join(debian, name), mode)
  }
  const fields = [...content.control, ['Installed-Size', String(kib)] as const]
  await put('control', fields.map(([field, value]) => `${field}: ${value}\n`).join(''), 0o644)
  await put('md5sums', sums.join(''), 0o644)
  await put('conffiles', content.settings.map(path => `${path}\n`).join(''), 0o644)
  for (const [name, text] of Object.entries(content.scripts)) await put(name, text, 0o755)
  await promisify(execFile)(
    'dpkg-deb',
    [
      ...(compression === 'small' ? ['-Zxz', '-z6'] : ['-Zgzip', '-z1']),
      '--root-owner-group',
      '--build',
      root,
      file
    ],
    { env: { ...process.env, SOURCE_DATE_EPOCH: String(Math.floor(date.getTime() / 1000)) } }
  )
}

async function walk(
  root: string
): Promise<{ readonly folders: readonly string[]; readonly files: readonly string[] }> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true })
  const path = (entry: (typeof entries)[number]) => join(entry.parentPath, entry.name)
  return {
    folders: [root, ...entries.filter(entry => entry.isDirectory()).map(path)].sort(),
    files: entries
      .filter(entry => entry.isFile())
      .map(path)
      .sort()
  }
}
