/** Opens the database of either kind and brings its schema forward. */
import type { Log } from '../log.ts'
import type { Database } from './database.ts'
import { openPostgres, type PostgresPlace } from './postgres.ts'
import { openSqlite } from './sqlite.ts'

export type DatabasePlace = { readonly folder: string } | PostgresPlace

/** @throws StarlingError `store-newer`; SQLite: `store-locked`, `store-damaged`; PostgreSQL: `store-away`, `store-refused`, `bad-config` */
export async function openDatabase(place: DatabasePlace, log: Log): Promise<Database> {
  return 'folder' in place ? await openSqlite(place.folder, log) : await openPostgres(place, log)
}
