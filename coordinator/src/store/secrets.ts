/**
 * Secrets by name, sealed (sealing.ts). The data key that is in use is a row, too, wrapped by the master key: several
 * coordinators with one master key read and rotate the same secrets, and none has to be told of a rotation.
 */
import { randomBytes } from 'node:crypto'
import { StarlingError, codeOf } from '@starling/shared/errors.ts'
import type { Millis } from '@starling/shared/units.ts'
import { createSealingKey, seal, unseal, type SealingKey } from '../sealing.ts'
import type { Database, Queries } from './database.ts'

export interface SecretTables {
  dataKeys: { id: string; wrapped: Uint8Array; createdAt: number; isCurrent: number }
  secrets: { name: string; dataKey: string; sealed: Uint8Array }
}

export interface Secrets {
  /**
   * @param within a transaction locks the secret until it is done
   * @throws StarlingError `sealed-wrong`
   */
  read(name: string, within?: Queries): Promise<Uint8Array | null>
  write(within: Queries, name: string, plain: Uint8Array): Promise<void>
  remove(within: Queries, name: string): Promise<void>
  names(): Promise<readonly string[]>
  /**
   * Seals everything anew under a new data key and forgets the old one.
   * @param bring the master key that wraps it from now on; asked when nobody else can change the data key any more
   * @returns how many secrets there are
   */
  rotate(within: Queries, bring?: () => Promise<SealingKey>): Promise<number>
  /** Makes sure of the master key: one that lies beside it and fits takes its place. @throws `master-key-wrong` */
  settleMasterKey(): Promise<void>
}

/** Whether there is another master key by now. @returns the one that fits */
export type FindMasterKey = (fits: (key: SealingKey) => boolean) => Promise<SealingKey | null>

const wrapName = (id: string): string => `data-key/${id}`

/** @throws StarlingError `master-key-wrong` when the master key is not the one of this database, nor another that is found */
export async function openSecrets(
  database: Database,
  atFirst: SealingKey,
  clock: () => Millis,
  find: FindMasterKey = async () => null
): Promise<Secrets> {
  const { db } = database
  let masterKey = atFirst
  /** By id: a data key is never changed, only followed by another. */
  const unwrapped = new Map<string, SealingKey>()

  async function keyOf(id: string, wrapped: Uint8Array): Promise<SealingKey> {
    return unwrapped.get(id) ?? (await unwrap(id, wrapped))
  }

  async function unwrap(id: string, wrapped: Uint8Array): Promise<SealingKey> {
    let key = unsealed(masterKey, id, wrapped)
    if (key === null) {
      // It was changed, by this coordinator before it was killed, or by another one.
      const found = await find(other => unsealed(other, id, wrapped) !== null)
      if (found !== null) {
        masterKey = found
        key = unsealed(found, id, wrapped)
      }
    }
    if (key === null)
      throw new StarlingError(
        'master-key-wrong',
        'the master key here is not the one of this database: if it was changed at another coordinator, copy its file over the one here (nothing has to be restarted), else bring the one that belongs to this database ("starling-coordinator key import")'
      )
    unwrapped.set(id, key)
    return key
  }

  async function addKey(within: Queries, wrapper: SealingKey): Promise<{ id: string; key: SealingKey }> {
    const id = randomBytes(8).toString('hex')
    const key = createSealingKey()
    const wrapped = seal(wrapper, wrapName(id), key)
    await within
      .insertInto('dataKeys')
      .values({ id, wrapped, createdAt: Math.floor(clock()), isCurrent: 1 })
      .execute()
    // Whose transaction this is may go on with it, before anybody else can know of its master key.
    unwrapped.set(id, key)
    return { id, key }
  }

  const currentRow = (within: Queries) =>
    within
      .selectFrom('dataKeys')
      .select(['id', 'wrapped'])
      .where('isCurrent', '=', 1)
      .orderBy('createdAt')
      .executeTakeFirst()

  async function currentKey(within: Queries): Promise<{ id: string; key: SealingKey }> {
    const row = await currentRow(within)
    return row === undefined
      ? await addKey(within, masterKey)
      : { id: row.id, key: await keyOf(row.id, row.wrapped) }
  }

  /** Not from memory: what wraps the next data key must be what wraps this one. */
  async function proveMasterKey(within: Queries): Promise<void> {
    const row = await currentRow(within)
    if (row !== undefined) await unwrap(row.id, row.wrapped)
  }

  /** In two statements: who waited for the lock sees the key that a rotation has made meanwhile. */
  async function open(
    within: Queries,
    row: { readonly name: string; readonly dataKey: string; readonly sealed: Uint8Array }
  ): Promise<Uint8Array> {
    const { wrapped } = await within
      .selectFrom('dataKeys')
      .select('wrapped')
      .where('id', '=', row.dataKey)
      .executeTakeFirstOrThrow()
    return unseal(await keyOf(row.dataKey, wrapped), row.name, row.sealed)
  }

  const secrets: Secrets = {
    async read(name, within = db) {
      const row = await within
        .selectFrom('secrets')
        .selectAll()
        .where('name', '=', name)
        .$if(within.isTransaction, query => query.forUpdate())
        .executeTakeFirst()
      return row === undefined ? null : await open(within, row)
    },
    async write(within, name, plain) {
      const { id, key } = await currentKey(within)
      const sealed = seal(key, name, plain)
      await within
        .insertInto('secrets')
        .values({ name, dataKey: id, sealed })
        .onConflict(conflict => conflict.column('name').doUpdateSet({ dataKey: id, sealed }))
        .execute()
    },
    async remove(within, name) {
      await within.deleteFrom('secrets').where('name', '=', name).execute()
    },
    async names() {
      const found = await db.selectFrom('secrets').select('name').orderBy('name').execute()
      return found.map(({ name }) => name)
    },
    settleMasterKey: () => proveMasterKey(db),
    async rotate(within, bring = async () => masterKey) {
      // All rows are locked first, so that no other coordinator seals with the key that goes.
      const old = await within.selectFrom('dataKeys').select('id').forUpdate().execute()
      const sealed = await within.selectFrom('secrets').selectAll().orderBy('name').forUpdate().execute()
      await proveMasterKey(within)
      const fresh = await addKey(within, await bring())
      for (const row of sealed) {
        await within
          .updateTable('secrets')
          .set({ dataKey: fresh.id, sealed: seal(fresh.key, row.name, await open(within, row)) })
          .where('name', '=', row.name)
          .execute()
      }
      const gone = old.map(({ id }) => id)
      if (gone.length > 0) await within.deleteFrom('dataKeys').where('id', 'in', gone).execute()
      return sealed.length
    }
  }

  // At once: a wrong master key is said at start, not with the first secret that is needed; and two coordinators that
  // start together on an empty database make one data key, not two.
  await database.transaction(async transaction => {
    await transaction
      .insertInto('facts')
      .values({ name: 'secrets', value: '1' })
      .onConflict(conflict => conflict.column('name').doNothing())
      .execute()
    await transaction.selectFrom('facts').select('name').where('name', '=', 'secrets').forUpdate().execute()
    await currentKey(transaction)
  })
  return secrets
}

/** @returns null: another master key wraps it */
function unsealed(masterKey: SealingKey, id: string, wrapped: Uint8Array): SealingKey | null {
  try {
    return unseal(masterKey, wrapName(id), wrapped)
  } catch (error) {
    if (codeOf(error) !== 'sealed-wrong') throw error
    return null
  }
}
