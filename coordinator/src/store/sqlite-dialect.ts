/**
 * Kysely over node:sqlite: one connection, which Kysely hands to one query or transaction at a time. Statements are
 * prepared once and kept, because a heartbeat asks the same few questions hundreds of times a second.
 */
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite'
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

/** Enough for every query that is written down; only lists of varying length make more. */
const statementsKeptMax = 300
/** https://www.sqlite.org/rescode.html#full */
const sqliteFull = 13

export function sqliteDialect(database: DatabaseSync): Dialect {
  return {
    createAdapter: () => new SqliteAdapter(),
    createDriver: () => new SqliteDriver(database),
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
  readonly #database: DatabaseSync
  readonly #connection: SqliteConnection

  constructor(database: DatabaseSync) {
    this.#database = database
    this.#connection = new SqliteConnection(database)
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
    if (this.#database.isTransaction) await connection.executeQuery(CompiledQuery.raw('ROLLBACK'))
  }
  async destroy(): Promise<void> {
    this.#database.close()
  }
}

interface Prepared {
  readonly statement: StatementSync
  readonly answers: boolean
}

class SqliteConnection implements DatabaseConnection {
  readonly #database: DatabaseSync
  /** The one that was used longest ago is first. */
  readonly #prepared = new Map<string, Prepared>()

  constructor(database: DatabaseSync) {
    this.#database = database
  }

  async executeQuery<Row>({ sql, parameters }: CompiledQuery): Promise<QueryResult<Row>> {
    try {
      const { statement, answers } = this.#prepare(sql)
      // What Kysely hands over was typed by the tables, which hold nothing else.
      const values = parameters as readonly SQLInputValue[]
      if (answers) {
        const rows = statement.all(...values) as Row[]
        return { rows, numAffectedRows: BigInt(rows.length) }
      }
      return { rows: [], numAffectedRows: BigInt(statement.run(...values).changes) }
    } catch (cause) {
      throw sqliteError(cause)
    }
  }

  // oxlint-disable-next-line require-yield -- Kysely's interface wants it, and nobody here reads by streams
  async *streamQuery<Row>(): AsyncIterableIterator<QueryResult<Row>> {
    throw new Error('bug: nothing is read from SQLite by streams')
  }

  #prepare(sql: string): Prepared {
    let prepared = this.#prepared.get(sql)
    if (prepared === undefined) {
      const statement = this.#database.prepare(sql)
      prepared = { statement, answers: statement.columns().length > 0 }
      const [oldest] = this.#prepared.keys()
      if (this.#prepared.size >= statementsKeptMax && oldest !== undefined) this.#prepared.delete(oldest)
    } else {
      this.#prepared.delete(sql)
    }
    this.#prepared.set(sql, prepared)
    return prepared
  }
}

function sqliteError(cause: unknown): unknown {
  if (!(cause instanceof Error && 'errcode' in cause && cause.errcode === sqliteFull)) return cause
  return new StarlingError(
    'store-full',
    'the disk that holds the coordinator’s database is full: make room; nothing that was answered is lost',
    { cause }
  )
}
