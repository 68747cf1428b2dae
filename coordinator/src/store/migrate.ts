/**
 * Brings a database forward to the schema of this program, all steps in one transaction, so that a power cut leaves the
 * old schema or the new one. A database that a newer program has written is left alone.
 *
 * SQLite keeps the version where 0.1.0 kept it (`user_version`); PostgreSQL has a table for it, and a lock so that of
 * coordinators that start together one migrates and the others wait.
 */
import { StarlingError } from '@starling/shared/errors.ts'
import { sql, type Kysely, type Transaction } from 'kysely'
import type { DatabaseKind } from './database.ts'
import { schemaWords } from './migrations/migration.ts'
import { migrations } from './migrations/migrations.ts'
import type { Tables } from './tables.ts'

/** @param called how messages name the database. @throws StarlingError `store-newer` */
export async function migrate(db: Kysely<Tables>, kind: DatabaseKind, called: string): Promise<void> {
  await db.transaction().execute(async transaction => {
    const versions = kind === 'sqlite' ? sqliteVersions(transaction) : postgresVersions(transaction)
    const version = await versions.read()
    if (version > migrations.length) {
      throw new StarlingError(
        'store-newer',
        `${called} was written by a newer version of Starling: install that version again, or restore a backup`
      )
    }
    if (version === migrations.length) return
    for (const step of migrations.slice(version)) {
      for (const statement of step(schemaWords[kind])) await sql.raw(statement).execute(transaction)
    }
    await versions.write(migrations.length)
  })
}

interface Versions {
  read(): Promise<number>
  write(version: number): Promise<void>
}

function sqliteVersions(db: Transaction<Tables>): Versions {
  return {
    async read() {
      const { rows } = await sql<{ userVersion: number }>`PRAGMA user_version`.execute(db)
      return rows[0]?.userVersion ?? 0
    },
    async write(version) {
      await sql.raw(`PRAGMA user_version = ${version}`).execute(db)
    }
  }
}

function postgresVersions(db: Transaction<Tables>): Versions {
  return {
    async read() {
      await sql`SELECT pg_advisory_xact_lock(hashtextextended('starling:schema', 0))`.execute(db)
      await sql`CREATE TABLE IF NOT EXISTS starling_schema (version BIGINT NOT NULL)`.execute(db)
      const { rows } = await sql<{ version: number }>`SELECT version FROM starling_schema`.execute(db)
      return rows[0]?.version ?? 0
    },
    async write(version) {
      await sql`DELETE FROM starling_schema`.execute(db)
      await sql`INSERT INTO starling_schema (version) VALUES (${version})`.execute(db)
    }
  }
}
