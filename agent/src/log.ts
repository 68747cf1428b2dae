/**
 * Structured logs, one JSON line a fact, on stderr. Secrets never get here: what is logged of a URL is what
 * `withoutQuery` leaves, and known secret fields are blanked.
 */
import { pino, type Logger } from 'pino'
import { secretFields } from './telemetry/secret-fields.ts'

export type Log = Logger

export function createLog(level: string, name: string): Log {
  return pino(
    {
      level,
      base: { name },
      redact: [...secretFields]
    },
    pino.destination({ fd: 2, sync: true })
  )
}

/** A URL as it may be logged, counted and shown: no query (signed URLs carry secrets there), no user, no fragment. */
export function withoutQuery(url: string): string {
  return url.replace(/[?#].*$/s, '').replace(/\/\/[^/@]*@/, '//')
}
