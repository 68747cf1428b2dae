/**
 * Kysely over node:sqlite: one connection, which Kysely hands to one query or transaction at a time.
 */
import type { SQLInputValue } from 'node:sqlite'
import { StarlingError } from '@starling/shared/errors.ts'
import {
  CompiledQuery,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type QueryResult,
  type SelectModifierNode
} from 'kysely'
import { SqliteError, type SqliteFile } from './sqlite-file.ts'

/** https://www.sqlite.org/rescode.html#full */
const sqliteFull = 13

export function sqliteDialect(file: SqliteFile): Dialect {
  return {
    createAdapter: () => new SqliteAdapter(),
    createDriver: () => new SqliteDriver(file),
    createQueryCompiler: () => new Compiler(),
    createIntrospector: db => new SqliteIntrospector(db)
  }
}

/** FOR UPDATE is what every transaction has here: it begins as the only writer. */
class Compiler extends SqliteQueryCompiler {
  protected override visitSelectModifier(node: SelectModifierNode): void {
    if (node.modifier !== 'ForUpdate') super.visitSelectModifier(node)
  }
}

class SqliteDriver implements Driver {
  readonly #file: SqliteFile
  readonly #connection: SqliteConnection

  constructor(file: SqliteFile) {
    this.#file = file
    this.#connection = new SqliteConnection(file)
  }
  async init(): Promise<void> {}
  async acquireConnection(): Promise<DatabaseConnection> {
    return this.#connection
  }
  async releaseConnection(): Promise<void> {}
  async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('BEGIN IMMEDIATE'))
  }
  async commitTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('COMMIT'))
  }
  async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    // SQLite rolls back by itself when the disk is full; there is nothing left to roll back then.
    if (this.#file.isTransaction) await connection.executeQuery(CompiledQuery.raw('ROLLBACK'))
  }
  async destroy(): Promise<void> {
    await this.#file.close()
  }
}

class SqliteConnection implements DatabaseConnection {
  readonly #file: SqliteFile

  constructor(file: SqliteFile) {
    this.#file = file
  }

  async executeQuery<Row>({ sql, parameters }: CompiledQuery): Promise<QueryResult<Row>> {
    try {
      // What Kysely hands over was typed by the tables, which hold nothing else.
      const { rows, changes } = await this.#file.ask(sql, parameters as readonly SQLInputValue[])
      return { rows: rows as Row[], numAffectedRows: BigInt(changes) }
    } catch (cause) {
      throw sqliteError(cause)
    }
  }

  // oxlint-disable-next-line require-yield -- Kysely's interface wants it, and nobody here reads by streams
  async *streamQuery<Row>(): AsyncIterableIterator<QueryResult<Row>> {
    throw new Error('bug: nothing is read from SQLite by streams')
  }
}

function sqliteError(cause: unknown): unknown {
  if (!(cause instanceof SqliteError && cause.errcode === sqliteFull)) return cause
  return new StarlingError(
    'store-full',
    'the disk that holds the coordinator’s database is full: make room; nothing that was answered is lost',
    { cause }
  )
}
