/**
 * Small responses on disk: a LevelDB of its own, one record a key, and a list of all keys with their sizes and when they
 * were written, which is in memory too. It is a cache: what cannot be read is gone, and a database that does not open is
 * begun anew. Beyond the quota the longest unwritten go.
 */
import { createHash } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { decode, encode } from '@ipld/dag-cbor'
import CachePolicy from 'http-cache-semantics'
import { Level } from 'level'
import { messageOf } from '@starling/shared/errors.ts'
import type { HeaderList } from '@starling/shared/http-fields.ts'
import type { Bytes } from '@starling/shared/units.ts'
import type { Log } from '../../log.ts'
import type { Kept } from './kept.ts'

export interface CacheDisk {
  read(key: string): Promise<readonly Kept[] | null>
  write(key: string, variants: readonly Kept[]): Promise<void>
  purge(matches: (key: string, contentClass: string) => boolean): Promise<number>
  usage(): { readonly entries: number; readonly bytes: Bytes }
  close(): Promise<void>
}

interface Listed {
  readonly key: string
  readonly contentClass: string
  readonly bytes: Bytes
  readonly writtenAt: number
}
interface Record {
  readonly body: Uint8Array
  readonly sha256: Uint8Array
  readonly status: number
  readonly headers: HeaderList
  /** As JSON: dag-cbor knows no undefined. */
  readonly policy: string
}

type Database = Level<string, Uint8Array>
const listName = (hash: string): string => `l!${hash}`
const recordName = (hash: string): string => `r!${hash}`

/** @throws what the system says when even a new database cannot be made */
export async function openCacheDisk(folder: string, quotaBytes: Bytes, log: Log): Promise<CacheDisk> {
  const database = await open(folder, log)
  const listed = new Map<string, Listed>()
  let bytes: Bytes = 0
  for await (const [name, value] of database.iterator({ gte: 'l!', lt: 'l"' })) {
    const one = decode<Listed>(value)
    listed.set(name.slice(2), one)
    bytes += one.bytes
  }

  function unlist(hash: string): void {
    bytes -= listed.get(hash)?.bytes ?? 0
    listed.delete(hash)
  }
  async function remove(hashes: readonly string[]): Promise<void> {
    for (const hash of hashes) unlist(hash)
    await database.batch(
      hashes.flatMap(hash => [
        { type: 'del' as const, key: listName(hash) },
        { type: 'del' as const, key: recordName(hash) }
      ])
    )
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
      const value = await database.get(recordName(hash))
      const kept = value === undefined ? [] : decode<Record[]>(value).flatMap(record => revived(one, record))
      if (kept.length === 0) await remove([hash])
      return kept.length === 0 ? null : kept
    },
    async write(key, variants) {
      const [first] = variants
      if (first === undefined) return
      const hash = hashOf(key)
      const value = encode(
        variants.map(({ body, status, headers, policy }): Record => {
          const sha256 = createHash('sha256').update(body).digest()
          return { body, sha256, status, headers, policy: JSON.stringify(policy.toObject()) }
        })
      )
      const one: Listed = {
        key,
        contentClass: first.contentClass,
        bytes: value.length,
        writtenAt: Date.now()
      }
      unlist(hash)
      listed.set(hash, one)
      bytes += one.bytes
      await database.batch([
        { type: 'put', key: listName(hash), value: encode(one) },
        { type: 'put', key: recordName(hash), value }
      ])
      await makeRoom()
    },
    async purge(matches) {
      const hit = [...listed].filter(([, { key, contentClass }]) => matches(key, contentClass))
      await remove(hit.map(([hash]) => hash))
      return hit.length
    },
    usage: () => ({ entries: listed.size, bytes }),
    close: () => database.close()
  }
}

async function open(folder: string, log: Log): Promise<Database> {
  const make = (): Database => new Level(folder, { keyEncoding: 'utf8', valueEncoding: 'view' })
  const database = make()
  try {
    await database.open()
    return database
  } catch (error) {
    log.warn({ problem: messageOf(error) }, 'the small cache on disk cannot be opened, and is begun anew')
    await database.close()
    await rm(folder, { recursive: true, force: true })
    const anew = make()
    await anew.open()
    return anew
  }
}

/** Nothing, if it is not what was written: LevelDB reads damaged records without complaint. */
function revived({ key, contentClass }: Listed, record: Record): Kept[] {
  const { body, sha256, status, headers, policy } = record
  const sound = Buffer.compare(createHash('sha256').update(body).digest(), sha256) === 0
  if (!sound) return []
  return [
    { key, contentClass, status, headers, body, policy: CachePolicy.fromObject(JSON.parse(policy) as never) }
  ]
}

function hashOf(key: string): string {
  return createHash('sha256').update(key).digest('hex')
}
