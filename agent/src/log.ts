/**
 * Structured logs, one JSON line a fact, on stderr. Secrets never get here: what is logged of a URL is what
 * `withoutQuery` leaves, and known secret fields are blanked. The last lines stay in memory, for the page and support bundles.
 */
import { pino, symbols, type DestinationStream, type Logger } from 'pino'
import { secretFields } from './telemetry/secret-fields.ts'

export type Log = Logger

/** Some 400 KiB: an hour of an agent that has trouble, weeks of one that has none. */
const linesKept = 2000

/** A log's destination that remembers what was written last. */
class Remembering implements DestinationStream {
  readonly #to: DestinationStream
  /** A ring: the oldest line is at `#next`, once it is full. */
  readonly #lines: string[] = []
  #next = 0

  constructor(to: DestinationStream) {
    this.#to = to
  }

  write(line: string): void {
    this.#lines[this.#next] = line
    this.#next = (this.#next + 1) % linesKept
    this.#to.write(line)
  }

  last(count: number): string[] {
    const inOrder = [...this.#lines.slice(this.#next), ...this.#lines.slice(0, this.#next)]
    return inOrder.slice(Math.max(0, inOrder.length - count))
  }
}

export function createLog(level: string, name: string): Log {
  return pino(
    {
      level,
      base: { name },
      redact: [...secretFields]
    },
    new Remembering(pino.destination({ fd: 2, sync: true }))
  )
}

/** The last lines of this log and of its children, the newest last. */
export function lastLines(log: Log, count: number): string[] {
  const stream: unknown = Reflect.get(log, symbols.streamSym)
  return stream instanceof Remembering ? stream.last(count) : []
}

/** A URL as it may be logged, counted and shown: no query (signed URLs carry secrets there), no user, no fragment. */
export function withoutQuery(url: string): string {
  return url.replace(/[?#].*$/s, '').replace(/\/\/[^/@]*@/, '//')
}
