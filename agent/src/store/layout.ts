/**
 * Where things lie in the data folder:
 *
 *     content/<2 hex>/<TransferId>.data       the bytes, sparse
 *     content/<2 hex>/<TransferId>.manifest   what they are (manifest-log.ts)
 *     index/                                  LevelDB, and the lock on the whole folder (index-db.ts)
 *     facts.log                               small facts (facts.ts)
 *
 * The content may lie in another folder, on another drive.
 *
 * Nothing remote becomes a path: only an id of 64 hex digits does. And nothing is followed out of the folder: a link
 * or junction below it is refused, wherever it points, because we never make one.
 */
import { lstat, mkdir, realpath } from 'node:fs/promises'
import { dirname, join, sep } from 'node:path'
import { codeOf, StarlingError } from '@starling/shared/errors.ts'
import { isTransferId, parseTransferId, type TransferId } from '@starling/shared/ids.ts'

export interface TransferPaths {
  readonly data: string
  readonly manifest: string
}

export interface Layout {
  /** As the admin wrote it, for messages. */
  readonly folder: string
  readonly content: string
  readonly index: string
  readonly facts: string
}

/** Makes the folders, for this account alone. The folder itself may be reached through a link; nothing below it may. */
export async function createLayout(folder: string, contentFolder: string | null = null): Promise<Layout> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const root = await realpath(folder)
  if (contentFolder !== null) await mkdir(contentFolder, { recursive: true, mode: 0o700 })
  const contentRoot = contentFolder === null ? root : await realpath(contentFolder)
  const layout = {
    folder,
    content: join(contentRoot, 'content'),
    index: join(root, 'index'),
    facts: join(root, 'facts.log')
  }
  await makeFolder(layout.content)
  await makeFolder(layout.index)
  await refuseLink(layout.facts)
  return layout
}

export function pathsOf(layout: Layout, transfer: TransferId): TransferPaths {
  const id = parseTransferId(transfer)
  const base = join(layout.content, id.slice(0, 2), id)
  return { data: `${base}.data`, manifest: `${base}.manifest` }
}

export type Suffix = 'data' | 'manifest' | 'manifest.new'

/** The reverse of `pathsOf`; null for a name that is not ours. */
export function parseName(shard: string, name: string): { transfer: TransferId; suffix: Suffix } | null {
  const [id = '', ...rest] = name.split('.')
  const suffix = rest.join('.')
  if (!isTransferId(id) || !id.startsWith(shard)) return null
  return suffix === 'data' || suffix === 'manifest' || suffix === 'manifest.new'
    ? { transfer: id, suffix }
    : null
}

/** Makes one folder whose parent exists. @throws StarlingError `folder-unsafe` when it is a link or leads elsewhere */
export async function makeFolder(path: string): Promise<void> {
  await mkdir(path, { mode: 0o700 }).catch(error => {
    if (codeOf(error) !== 'EEXIST') throw error
  })
  await checkFolder(path)
}

/** @throws StarlingError `folder-unsafe` */
export async function checkFolder(path: string): Promise<void> {
  const stat = await lstat(path)
  if (!stat.isDirectory() || (await realpath(path)) !== path) throw unsafe(path)
}

/** Before a file is opened: it and its folder are what they seem. @throws StarlingError `folder-unsafe` */
export async function checkFile(path: string): Promise<void> {
  await checkFolder(dirname(path))
  await refuseLink(path)
}

async function refuseLink(path: string): Promise<void> {
  const stat = await lstat(path).catch(error => {
    if (codeOf(error) === 'ENOENT') return null
    throw error
  })
  if (stat !== null && !stat.isFile()) throw unsafe(path)
}

function unsafe(path: string): StarlingError {
  return new StarlingError(
    'folder-unsafe',
    `${path.split(sep).join('/')} is a link or not what belongs there: remove it, Starling will make its own`
  )
}
