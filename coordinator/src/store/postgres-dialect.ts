/**
 * Kysely over a pool of pg, with three things that its own dialect does not do: what the database says becomes an error
 * of ours, a connection on which something went wrong other than a statement's own fault is not used again (a query
 * that got no answer in time would still be waiting on it), and text is made such that PostgreSQL can store it.
 */
import { StarlingError } from '@starling/shared/errors.ts'
import {
  AbortedTransactionError,
  CompiledQuery,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type QueryResult
} from 'kysely'
import type { Pool, PoolClient } from 'pg'
import { postgresError } from './postgres-errors.ts'
import { storable } from './rows.ts'

export function postgresDialect(pool: Pool, called: string): Dialect {
  return {
    createAdapter: () => new PostgresAdapter(),
    createDriver: () => new PostgresDriver(pool, called),
    createQueryCompiler: () => new PostgresQueryCompiler(),
    createIntrospector: db => new PostgresIntrospector(db)
  }
}

class PostgresDriver implements Driver {
  readonly #pool: Pool
  readonly #called: string

  constructor(pool: Pool, called: string) {
    this.#pool = pool
    this.#called = called
  }
  async init(): Promise<void> {}
  async acquireConnection(): Promise<PostgresConnection> {
    try {
      return new PostgresConnection(await this.#pool.connect(), this.#called)
    } catch (cause) {
      throw postgresError(cause, this.#called)
    }
  }
  async releaseConnection(connection: PostgresConnection): Promise<void> {
    connection.release()
  }
  async beginTransaction(connection: PostgresConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('BEGIN'))
  }
  async commitTransaction(connection: PostgresConnection): Promise<void> {
    // PostgreSQL answers COMMIT with ROLLBACK when a statement had failed and nobody minded.
    if ((await connection.command('COMMIT')) === 'ROLLBACK') throw new AbortedTransactionError()
  }
  async rollbackTransaction(connection: PostgresConnection): Promise<void> {
    await connection.rollback()
  }
  async destroy(): Promise<void> {
    await this.#pool.end()
  }
}

class PostgresConnection implements DatabaseConnection {
  readonly #client: PoolClient
  readonly #called: string
  #isBroken = false
  readonly #broke = (): void => {
    this.#isBroken = true
  }

  constructor(client: PoolClient, called: string) {
    this.#client = client
    this.#called = called
    // pg tells of a lost connection by an event, too; without a listener it would end the process.
    client.on('error', this.#broke)
  }

  async executeQuery<Row>({ sql, parameters }: CompiledQuery): Promise<QueryResult<Row>> {
    const { rows, rowCount } = await this.#query(sql, parameters)
    return { rows: rows as Row[], numAffectedRows: BigInt(rowCount ?? 0) }
  }

  async command(sql: string): Promise<string> {
    return (await this.#query(sql, [])).command
  }

  /** A connection that cannot roll back is given up, and the server rolls back. */
  async rollback(): Promise<void> {
    if (this.#isBroken) return
    try {
      await this.command('ROLLBACK')
    } catch {
      this.#isBroken = true
    }
  }

  release(): void {
    this.#client.off('error', this.#broke)
    this.#client.release(this.#isBroken)
  }

  async #query(sql: string, parameters: readonly unknown[]) {
    try {
      return await this.#client.query<object>(sql, parameters.map(storable))
    } catch (cause) {
      const error = postgresError(cause, this.#called)
      if (error instanceof StarlingError && error.code === 'store-away') this.#isBroken = true
      throw error
    }
  }

  // oxlint-disable-next-line require-yield -- Kysely's interface wants it, and nobody here reads by streams
  async *streamQuery<Row>(): AsyncIterableIterator<QueryResult<Row>> {
    throw new Error('bug: nothing is read from PostgreSQL by streams')
  }
}
