/**
 * What is on the disk at start, made sure of. The content files are gone through; for each manifest the index may say
 * "these chunks were synced", and every other kept chunk is hashed. That is one and the same road after a kill (a few
 * chunks), after power loss, after an index that was lost in part, and after one that was lost as a whole.
 */
import { lstat, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Bitfield } from '@starling/shared/bitfield.ts'
import { chunkCount } from '@starling/shared/chunking.ts'
import { codeOf } from '@starling/shared/errors.ts'
import type { TransferId } from '@starling/shared/ids.ts'
import type { Log } from '../log.ts'
import { badChunks } from './check.ts'
import { removeFile, setLength } from './files.ts'
import type { Handles } from './handles.ts'
import type { Index, IndexRecord } from './index-db.ts'
import { createKeptTransfer, type KeptTransfer } from './kept-transfer.ts'
import { checkFile, checkFolder, parseName, pathsOf, type Layout, type TransferPaths } from './layout.ts'
import { replayManifest } from './manifest-log.ts'

export interface Recovered {
  readonly transfers: KeptTransfer[]
  readonly verifiedChunks: number
  readonly badChunks: number
}

interface Parts {
  readonly log: Log
  readonly layout: Layout
  readonly index: Index
  readonly handles: Handles
}

export async function recover(parts: Parts): Promise<Recovered> {
  const { log, layout, index } = parts
  const transfers: KeptTransfer[] = []
  let verified = 0
  let bad = 0
  let reopened = 0
  for (const id of await sweep(layout, log)) {
    const kept = await load(parts, id)
    if (kept === null) continue
    const doubtful = kept.unsynced()
    if (doubtful.length > 0) {
      reopened++
      const lost = await badChunks(kept, doubtful)
      await kept.drop(lost)
      verified += doubtful.length
      bad += lost.length
      if (lost.length > 0)
        log.warn({ transfer: id, chunks: lost }, 'chunks did not survive and will be fetched again')
    }
    transfers.push(kept)
  }
  const known = new Set(transfers.map(kept => kept.id))
  const stale = [...index.records.keys()].filter(id => !known.has(id))
  await index.write(new Map(stale.map(id => [id, null])))
  if (verified > 0) {
    log.info(
      { transfers: reopened, chunks: verified, bad, renewedIndex: index.renewed },
      'chunks of which the index did not know that they are on the disk were verified again'
    )
  }
  return { transfers, verifiedChunks: verified, badChunks: bad }
}

/** Takes away what a crash left half made, and names the transfers that have a manifest. */
async function sweep(layout: Layout, log: Log): Promise<TransferId[]> {
  const found: TransferId[] = []
  for (const shard of (await readdir(layout.content)).sort()) {
    const folder = join(layout.content, shard)
    if (!/^[0-9a-f]{2}$/.test(shard)) {
      log.warn({ path: folder }, 'not ours and left alone')
      continue
    }
    await checkFolder(folder)
    const names = new Set(await readdir(folder))
    for (const name of [...names].sort()) {
      const file = parseName(shard, name)
      if (file === null) log.warn({ path: join(folder, name) }, 'not ours and left alone')
      else if (file.suffix === 'manifest') found.push(file.transfer)
      else if (file.suffix === 'manifest.new' || !names.has(`${file.transfer}.manifest`)) {
        await removeFile(join(folder, name))
      }
    }
  }
  return found
}

async function load({ log, layout, index, handles }: Parts, id: TransferId): Promise<KeptTransfer | null> {
  const paths = pathsOf(layout, id)
  await checkFile(paths.manifest)
  const manifest = replayManifest(id, await readFile(paths.manifest))
  if (manifest === null) {
    log.warn({ transfer: id }, 'the manifest cannot be read: the transfer is forgotten')
    for (const path of [paths.manifest, paths.data]) await removeFile(path)
    return null
  }
  const { state, goodBytes } = manifest
  const { length, chunkBytes } = state.head.head
  const chunks = chunkCount(length, chunkBytes)
  for (const chunk of state.kept.keys()) if (chunk >= chunks) state.kept.delete(chunk)
  if (state.kept.size < chunks) state.contentId = null

  const whole = await repairLength(paths, length)
  const record = index.records.get(id)
  const synced =
    whole && record?.epoch === state.epoch ? syncedOf(record, state.kept, chunks) : new Bitfield(chunks)
  const lastUsedAt = record?.lastUsedAt ?? Math.round((await lstat(paths.manifest)).mtimeMs)
  return createKeptTransfer(handles, { id, paths, state, manifestBytes: goodBytes, synced, lastUsedAt })
}

/** @returns whether the data file had its full length: if not, its bits are worth nothing. */
async function repairLength(paths: TransferPaths, length: number): Promise<boolean> {
  await checkFile(paths.data)
  const size = await lstat(paths.data).then(
    stat => stat.size,
    error => {
      if (codeOf(error) === 'ENOENT') return -1
      throw error
    }
  )
  if (size === length) return true
  await setLength(paths.data, length)
  return false
}

function syncedOf(record: IndexRecord, kept: ReadonlyMap<number, unknown>, chunks: number): Bitfield {
  const recorded = Bitfield.fromBytes(record.synced, chunks)
  const synced = new Bitfield(chunks)
  for (const chunk of recorded?.indices() ?? []) if (kept.has(chunk)) synced.set(chunk)
  return synced
}
