/**
 * The coordinator's database: one SQLite file in the data folder, or a PostgreSQL that several coordinators share. What
 * stands above this file asks the same queries of both (Kysely) and does not know which it is.
 *
 * What the two have in common is said here; `sqlite.ts` and `postgres.ts` make it true.
 */
import type { Bytes } from '@starling/shared/units.ts'
import type { Kysely, Transaction } from 'kysely'
import type { Listen } from '../ports.ts'
import type { Tables } from './tables.ts'
import type { Timings } from './timings.ts'

export type DatabaseKind = 'sqlite' | 'postgres'

/** Reads and writes, inside a transaction or outside of one. */
export type Queries = Kysely<Tables>

/** @param payload at most `payloadBytesMax`: say what changed, and let the listener read it. */
export type Notify = (channel: string, payload: string) => Promise<void>

/** PostgreSQL takes no more than 7,999 bytes. */
export const payloadBytesMax = 4096

export interface Database {
  readonly kind: DatabaseKind
  readonly db: Queries
  /**
   * All of `work` or nothing of it. What it reads with `.forUpdate()` nobody else changes before it is done. Inside, ask
   * only `transaction`, never `db` (SQLite has one connection, and would wait for itself), and do nothing but queries:
   * where two transactions stand in each other's way, one is run again. What is notified in it is told when it is done,
   * and not at all when it fails.
   */
  transaction<Result>(
    work: (transaction: Transaction<Tables>, notify: Notify) => Promise<Result>
  ): Promise<Result>
  /** Tells all coordinators on this database, this one included. */
  readonly notify: Notify
  readonly listen: Listen
  /**
   * Calls `onLeader` when this coordinator, of all on the database, is the one that does the work called `name`, with a
   * signal that is aborted when it is so no more. Called again when leadership comes back. @returns how to let it go
   */
  leader(name: string, onLeader: (until: AbortSignal) => void): () => void
  readonly timings: Timings
  /** What it takes on its disk. */
  sizeBytes(): Promise<Bytes>
  close(): Promise<void>
}
