/**
 * An SQLite file and the thread that works on it (sqlite-thread.ts). On the main thread every fsync, and every query over the
 * whole fleet, would be a pause for all agents at once: with 8,000 of them one of a fifth of a second every five.
 */
import { once } from 'node:events'
import type { SQLInputValue } from 'node:sqlite'
import { Worker } from 'node:worker_threads'
import { assert } from '@starling/shared/errors.ts'
import type { Answer, Answered, Question } from './sqlite-thread.ts'

/** With SQLite's own code, https://www.sqlite.org/rescode.html */
export class SqliteError extends Error {
  readonly errcode: number | null
  constructor(message: string, errcode: number | null) {
    super(message)
    this.name = 'SqliteError'
    this.errcode = errcode
  }
}

export interface SqliteFile {
  /** One after the other, in the order of asking. @throws SqliteError, also when it is closed */
  ask(sql: string, parameters: readonly SQLInputValue[]): Promise<Answered>
  /** As of the last answer. */
  readonly isTransaction: boolean
  /** After what was asked before. */
  close(): Promise<void>
}

/** @throws SqliteError */
export async function openSqliteFile(path: string): Promise<SqliteFile> {
  // An error that the thread does not answer with is a bug, and ends the process: nobody listens to `error` here.
  const worker = new Worker(new URL('./sqlite-thread.ts', import.meta.url), { workerData: path })
  const ended = once(worker, 'exit')
  const asked: Array<PromiseWithResolvers<Answered>> = []
  let isTransaction = false
  let isClosed = false

  worker.on('message', (answer: Answer) => {
    const question = asked.shift()
    assert(question, 'each answer is to a question')
    // A database that is open keeps no process alive, as it would not in the process's own thread.
    if (asked.length === 0 && !isClosed) worker.unref()
    isTransaction = answer.isTransaction
    if ('failed' in answer) question.reject(new SqliteError(answer.failed, answer.errcode))
    else question.resolve(answer)
  })

  async function answerTo(question: Question | null): Promise<Answered> {
    // Nobody would answer any more, and whoever is in a transaction would wait for ever.
    if (isClosed) throw new SqliteError('the database is closed', null)
    const answer = Promise.withResolvers<Answered>()
    asked.push(answer)
    worker.ref()
    if (question !== null) worker.postMessage(question)
    return await answer.promise
  }

  try {
    // The thread opens the file by itself.
    await answerTo(null)
  } catch (error) {
    await end()
    throw error
  }

  async function end(): Promise<void> {
    if (!isClosed) {
      isClosed = true
      // Until it has ended: with an answer that comes first, nothing else may keep the process there.
      worker.ref()
      worker.postMessage(null)
    }
    await ended
  }

  return {
    ask: (sql, parameters) => answerTo({ sql, parameters }),
    get isTransaction() {
      return isTransaction
    },
    close: end
  }
}
