/**
 * A folder as it shall be installed, as rows: one component a folder, called after its path, so that a component has the same id
 * in all versions. What a new version no longer has goes with the old version, which is removed as a whole.
 */
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { hostFile } from '../host.ts'
import { guidIn, type Guid } from './ids.ts'
import { versionOf } from './pe-version.ts'
import type { Row, Tables } from './tables.ts'

/** A file in the order of the cabinet. */
export interface Packed {
  /** Its key in the tables, and its name in the cabinet. */
  readonly key: string
  readonly path: string
}

export interface Tree {
  /** A row of Directory that stands already. */
  readonly directory: string
  /** What lies there now. */
  readonly folder: string
}

export interface FileTables {
  readonly tables: Tables
  readonly packed: readonly Packed[]
  readonly components: readonly string[]
}

/** msidbComponentAttributes64bit */
const on64bit = 256
/** msidbFileAttributesVital: without it a file that cannot be written would be skipped in silence. */
const vital = 512

/** @param space the product's upgrade code */
export async function fileTables(space: Guid, trees: readonly Tree[]): Promise<FileTables> {
  const directories: Array<Row<'Directory'>> = []
  const components: Array<Row<'Component'>> = []
  const files: Array<Row<'File'>> = []
  const packed: Packed[] = []
  const inFolder = async (directory: string, folder: string, path: string): Promise<void> => {
    const entries = (await readdir(folder, { withFileTypes: true })).toSorted((a, b) =>
      a.name < b.name ? -1 : 1
    )
    const short = shortNames()
    const component = `C_${directory}`
    for (const entry of entries.filter(it => it.isFile())) {
      const source = join(folder, entry.name)
      const key = keyFor('F', `${path}/${entry.name}`)
      packed.push({ key, path: source })
      const { size } = await stat(source)
      files.push({
        File: key,
        Component_: component,
        FileName: short(entry.name),
        FileSize: size,
        ...(await versionOf(source)),
        Attributes: vital,
        Sequence: packed.length
      })
    }
    const own = files.filter(file => file.Component_ === component)
    // The service is installed for the key of its component.
    const key = own.find(({ FileName }) => FileName.endsWith(hostFile)) ?? own[0]
    if (key !== undefined)
      components.push({
        Component: component,
        ComponentId: guidIn(space, `files ${path}`),
        Directory_: directory,
        Attributes: on64bit,
        KeyPath: key.File
      })
    for (const entry of entries.filter(it => it.isDirectory())) {
      const below = `${path}/${entry.name}`
      const key = keyFor('D', below)
      directories.push({ Directory: key, Directory_Parent: directory, DefaultDir: short(entry.name) })
      await inFolder(key, join(folder, entry.name), below)
    }
  }
  for (const { directory, folder } of trees) await inFolder(directory, folder, directory)
  return {
    tables: {
      Directory: directories,
      Component: components,
      File: files,
      Media: [{ DiskId: 1, LastSequence: packed.length, Cabinet: `#${cabinetName}` }]
    },
    packed,
    components: components.map(component => component.Component)
  }
}

/** In the database itself. */
export const cabinetName = 'starling.cab'

/** A key holds letters, digits, points and underscores, at most 72 of them. */
function keyFor(kind: string, path: string): string {
  const readable = path
    .split('/')
    .at(-1)!
    .replaceAll(/[^\w.]/g, '_')
    .slice(0, 40)
  return `${kind}_${guidIn('{00000000-0000-0000-0000-000000000000}', path).slice(1, 9)}_${readable}`
}

/** `SHORT~1.EXT|long name.ext` for what does not fit the names of 1983, which every file of an MSI must have. */
export function shortNames(): (name: string) => string {
  const taken = new Set<string>()
  const kept = (text: string): string => text.toUpperCase().replaceAll(/[^A-Z0-9_-]/g, '')
  return name => {
    if (/^[\w-]{1,8}(\.[\w-]{1,3})?$/.test(name)) {
      taken.add(name.toUpperCase())
      return name
    }
    const point = name.lastIndexOf('.')
    const base = kept(point > 0 ? name.slice(0, point) : name)
    const extension = point > 0 ? `.${kept(name.slice(point + 1)).slice(0, 3)}` : ''
    for (let count = 1; ; count++) {
      const short = `${base.slice(0, 7 - String(count).length)}~${count}${extension}`
      if (taken.has(short)) continue
      taken.add(short)
      return `${short}|${name}`
    }
  }
}
