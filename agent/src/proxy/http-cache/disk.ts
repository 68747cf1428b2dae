/**
 * Small responses on disk: a LevelDB of its own, one record a key, and a list of all keys with their sizes and when they
 * were written, which is in memory too. It is a cache: what cannot be read is gone, and a database that does not open is
 * begun anew. Beyond the quota the longest unwritten go.
 *
 * The list in memory is changed at once, the database one batch after the other: what was removed is not read any more,
 * and a write that was under way does not bring it back.
 */
import { hash as digest } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { decode, encode } from '@ipld/dag-cbor'
import CachePolicy from 'http-cache-semantics'
import { Level } from 'level'
import { messageOf } from '@starling/shared/errors.ts'
import type { HeaderList } from '@starling/shared/http-fields.ts'
import type { Bytes, Millis } from '@starling/shared/units.ts'
import type { Log } from '../../log.ts'
import type { Kept } from './kept.ts'

export interface CacheDisk {
  read(key: string): Promise<readonly Kept[] | null>
  write(key: string, variants: readonly Kept[]): Promise<void>
  remove(key: string): Promise<void>
  /** @param matches is told when it was written, too */
  purge(matches: (key: string, contentClass: string, writtenAt: Millis) => boolean): Promise<number>
  usage(): { readonly entries: number; readonly bytes: Bytes }
  close(): Promise<void>
}

interface Listed {
  readonly key: string
  readonly contentClass: string
  readonly bytes: Bytes
  readonly writtenAt: Millis
}
interface Record {
  readonly body: Uint8Array
  readonly status: number
  readonly headers: HeaderList
  readonly varies: Kept['varies']
  /** As JSON: dag-cbor knows no undefined. */
  readonly policy: string
}

type Database = Level<string, Uint8Array>
type Change =
  | { readonly type: 'put'; readonly key: string; readonly value: Uint8Array }
  | { readonly type: 'del'; readonly key: string }
const listName = (hash: string): string => `l!${hash}`
const recordName = (hash: string): string => `r!${hash}`

/** @throws what the system says when even a new database cannot be made */
export async function openCacheDisk(folder: string, quotaBytes: Bytes, log: Log): Promise<CacheDisk> {
  const { database, listed } = await open(folder, log)
  let bytes: Bytes = [...listed.values()].reduce((sum, one) => sum + one.bytes, 0)
  let changing: Promise<unknown> = Promise.resolve()

  function change(operations: Change[]): Promise<void> {
    const changed = changing.then(() => database.batch(operations))
    changing = changed.catch(() => {})
    return changed
  }
  function unlist(hash: string): void {
    bytes -= listed.get(hash)?.bytes ?? 0
    listed.delete(hash)
  }
  async function remove(hashes: readonly string[]): Promise<void> {
    for (const hash of hashes) unlist(hash)
    await change(hashes.flatMap(hash => deletion(hash)))
  }
  async function makeRoom(): Promise<void> {
    if (bytes <= quotaBytes) return
    const oldest = [...listed].toSorted(([, a], [, b]) => a.writtenAt - b.writtenAt)
    const gone: string[] = []
    let left = bytes
    for (const [hash, one] of oldest) {
      // A tenth more than needed, so that not every write has to look for the oldest.
      if (left <= quotaBytes * 0.9) break
      gone.push(hash)
      left -= one.bytes
    }
    await remove(gone)
  }

  return {
    async read(key) {
      const hash = hashOf(key)
      const one = listed.get(hash)
      if (one === undefined) return null
      const kept = revived(one, await database.get(recordName(hash)))
      // Unless another has been written meanwhile.
      if (kept === null && listed.get(hash) === one) await remove([hash])
      return kept
    },
    async write(key, variants) {
      const [first] = variants
      if (first === undefined) return
      const hash = hashOf(key)
      const value = sealed(variants)
      const one: Listed = {
        key,
        contentClass: first.contentClass,
        bytes: value.length,
        writtenAt: Date.now()
      }
      unlist(hash)
      listed.set(hash, one)
      bytes += one.bytes
      try {
        await change([
          { type: 'put', key: listName(hash), value: encode(one) },
          { type: 'put', key: recordName(hash), value }
        ])
      } catch (error) {
        // Else a full disk would have the list grow for ever with what is not there.
        if (listed.get(hash) === one) unlist(hash)
        throw error
      }
      await makeRoom()
    },
    async remove(key) {
      const hash = hashOf(key)
      if (listed.has(hash)) await remove([hash])
    },
    async purge(matches) {
      const hit = [...listed].filter(([, { key, contentClass, writtenAt }]) =>
        matches(key, contentClass, writtenAt)
      )
      await remove(hit.map(([hash]) => hash))
      return hit.length
    },
    usage: () => ({ entries: listed.size, bytes }),
    close: () => database.close()
  }
}

interface Opened {
  readonly database: Database
  readonly listed: Map<string, Listed>
}

async function open(folder: string, log: Log): Promise<Opened> {
  const make = (): Database => new Level(folder, { keyEncoding: 'utf8', valueEncoding: 'view' })
  const database = make()
  try {
    await database.open()
    return { database, listed: await listOf(database) }
  } catch (error) {
    log.warn({ problem: messageOf(error) }, 'the small cache on disk cannot be read, and is begun anew')
    await database.close()
    await rm(folder, { recursive: true, force: true })
    const anew = make()
    await anew.open()
    return { database: anew, listed: new Map() }
  }
}

/** @throws what the database or the decoder says: without its list it is of no use */
async function listOf(database: Database): Promise<Map<string, Listed>> {
  const listed = new Map<string, Listed>()
  for await (const [name, value] of database.iterator({ gte: 'l!', lt: 'l"' }))
    listed.set(name.slice(2), decode<Listed>(value))
  return listed
}

function deletion(hash: string): Change[] {
  return [
    { type: 'del', key: listName(hash) },
    { type: 'del', key: recordName(hash) }
  ]
}

const digestBytes = 32

/** Behind its digest: LevelDB reads damaged records without complaint. */
function sealed(variants: readonly Kept[]): Uint8Array {
  const records = variants.map(({ body, status, headers, varies, policy }): Record => {
    return { body, status, headers, varies, policy: JSON.stringify(policy.toObject()) }
  })
  const value = encode(records)
  return Buffer.concat([digest('sha256', value, 'buffer'), value])
}

/** Null: it is not what was written. */
function revived({ key, contentClass }: Listed, written: Uint8Array | undefined): Kept[] | null {
  if (written === undefined) return null
  const value = written.subarray(digestBytes)
  if (!digest('sha256', value, 'buffer').equals(written.subarray(0, digestBytes))) return null
  return decode<Record[]>(value).map(({ policy, ...record }) => {
    return { key, contentClass, ...record, policy: CachePolicy.fromObject(JSON.parse(policy) as never) }
  })
}

function hashOf(key: string): string {
  return digest('sha256', key, 'hex')
}
