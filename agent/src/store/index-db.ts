/**
 * LevelDB: for each transfer, which chunks were synced to the disk (and in which epoch, see manifest-log.ts), and when
 * it was last used. Nothing in it is the truth. Losing all of it costs one hashing of the content, losing a part of it
 * the hashing of that part; so a damaged index is thrown away, never repaired. Each record carries a checksum, because
 * LevelDB opens without complaint after damage.
 *
 * Its lock is the lock on the whole data folder: held by the operating system for the life of the process, and
 * gone with it, also after kill -9.
 */
import { readdir } from 'node:fs/promises'
import { ClassicLevel } from 'classic-level'
import { Level } from 'level'
import { codeOf, messageOf, StarlingError } from '@starling/shared/errors.ts'
import { isTransferId, type TransferId } from '@starling/shared/ids.ts'
import type { Millis } from '@starling/shared/units.ts'
import type { Log } from '../log.ts'
import { decodeFrames, encodeFrame } from './frames.ts'
import { makeFolder, type Layout } from './layout.ts'

export interface IndexRecord {
  readonly epoch: string
  /** Bitfield bytes of the chunks that were synced. */
  readonly synced: Uint8Array
  readonly lastUsedAt: Millis
}

export interface Index {
  /** What survived. Missing ones are simply not known; whoever compares with the manifests will notice. */
  readonly records: ReadonlyMap<TransferId, IndexRecord>
  /** It was begun anew: everything will be verified. */
  readonly renewed: boolean
  /** Null takes a record away. Not synced: a write that power loss takes costs a second hashing, no more. */
  write(records: ReadonlyMap<TransferId, IndexRecord | null>): Promise<void>
  close(): Promise<void>
}

type Database = Level<string, Uint8Array>
type Opened = { readonly database: Database; readonly records: Map<TransferId, IndexRecord> }

/** @throws StarlingError `folder-in-use`, `index-broken` */
export async function openIndex(log: Log, layout: Layout, forget: boolean): Promise<Index> {
  const first = (await readdir(layout.index)).length === 0
  const found = forget ? 'it was asked for' : await tryOpen(layout)
  if (typeof found === 'string')
    log.warn({ reason: found }, 'the index of the store is made anew from the content files')
  const { database, records } = typeof found === 'string' ? await openAnew(layout) : found
  return {
    records,
    renewed: first || typeof found === 'string',
    async write(changes) {
      await database.batch(
        [...changes].map(([transfer, record]) =>
          record === null
            ? { type: 'del', key: transfer }
            : { type: 'put', key: transfer, value: encodeFrame(record) }
        )
      )
    },
    close: async () => {
      await database.close()
    }
  }
}

/** The database and what it holds, or the reason why it cannot be used. */
async function tryOpen(layout: Layout): Promise<Opened | string> {
  const database: Database = new Level(layout.index, { keyEncoding: 'utf8', valueEncoding: 'view' })
  try {
    await database.open()
    return { database, records: await readRecords(database) }
  } catch (error) {
    await database.close()
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
    refuseLocked(layout, cause)
    return messageOf(cause)
  }
}

async function openAnew(layout: Layout): Promise<Opened> {
  try {
    // Takes the lock itself (`level` leaves it out of its types): a second agent cannot take away the first one's
    // index, as it could by deleting the folder.
    await ClassicLevel.destroy(layout.index)
    await makeFolder(layout.index)
  } catch (error) {
    refuseLocked(layout, error)
    throw broken(layout, messageOf(error))
  }
  const opened = await tryOpen(layout)
  if (typeof opened === 'string') throw broken(layout, opened)
  return opened
}

function refuseLocked(layout: Layout, error: unknown): void {
  if (codeOf(error) !== 'LEVEL_LOCKED') return
  throw new StarlingError(
    'folder-in-use',
    `another agent already uses ${layout.folder}: stop it, or give this one a folder of its own with --data`,
    { cause: error }
  )
}

function broken(layout: Layout, reason: string): StarlingError {
  return new StarlingError(
    'index-broken',
    `the index in ${layout.index} can neither be opened nor made anew ` +
      `(${reason}): check the rights of that folder, or delete it and start again`
  )
}

/** A record that does not check is as good as none: its transfer will be verified again. */
async function readRecords(database: Database): Promise<Map<TransferId, IndexRecord>> {
  const records = new Map<TransferId, IndexRecord>()
  for await (const [key, value] of database.iterator()) {
    const [record] = decodeFrames(value).values
    if (isTransferId(key) && record !== undefined) records.set(key, record as IndexRecord)
  }
  return records
}
