/**
 * The thread that SQLite works in: what it waits for, the disk above all, nobody else waits for with it (sqlite-file.ts has
 * the other end). Statements are prepared once and kept, because the same few are asked again and again.
 */
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite'
import { parentPort, workerData } from 'node:worker_threads'

export interface Question {
  readonly sql: string
  readonly parameters: readonly SQLInputValue[]
}

export interface Answered {
  readonly rows: unknown[]
  readonly changes: number
  readonly isTransaction: boolean
}

/** One to each question, in their order; the first is to the opening. */
export type Answer =
  | Answered
  | { readonly failed: string; readonly errcode: number | null; readonly isTransaction: boolean }

interface Prepared {
  readonly statement: StatementSync
  readonly answers: boolean
}

/** Enough for every query that is written down; only lists of varying length make more. */
const statementsKeptMax = 300

let database: DatabaseSync | undefined
/** The one that was used longest ago is first. */
const prepared = new Map<string, Prepared>()

function open(path: string): Answer {
  try {
    database = new DatabaseSync(path, { timeout: 500 })
    database.exec(`PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
      PRAGMA foreign_keys = ON; BEGIN IMMEDIATE; COMMIT;`)
    return { rows: [], changes: 0, isTransaction: false }
  } catch (error) {
    if (database?.isOpen === true) database.close()
    return failure(error, false)
  }
}

function answer(database: DatabaseSync, { sql, parameters }: Question): Answer {
  try {
    const { statement, answers } = prepare(database, sql)
    const rows = answers ? statement.all(...parameters) : []
    const changes = answers ? rows.length : Number(statement.run(...parameters).changes)
    return { rows, changes, isTransaction: database.isTransaction }
  } catch (error) {
    return failure(error, database.isTransaction)
  }
}

/** An error loses what SQLite says on its way between threads. */
function failure(error: unknown, isTransaction: boolean): Answer {
  const errcode = error instanceof Error && 'errcode' in error ? Number(error.errcode) : null
  return { failed: error instanceof Error ? error.message : String(error), errcode, isTransaction }
}

function prepare(database: DatabaseSync, sql: string): Prepared {
  let found = prepared.get(sql)
  if (found === undefined) {
    const statement = database.prepare(sql)
    found = { statement, answers: statement.columns().length > 0 }
    const [oldest] = prepared.keys()
    if (prepared.size >= statementsKeptMax && oldest !== undefined) prepared.delete(oldest)
  } else {
    prepared.delete(sql)
  }
  prepared.set(sql, found)
  return found
}

parentPort?.on('message', (question: Question | null) => {
  if (question !== null && database !== undefined) return parentPort?.postMessage(answer(database, question))
  if (database?.isOpen === true) database.close()
  parentPort?.close()
})
parentPort?.postMessage(open(String(workerData)))
