/** Structured logs, one JSON line a fact, on stderr (stdout belongs to answers and readiness). Secrets are blanked. */
import { pino, type Logger } from 'pino'

export type Log = Logger

export function createLog(level: string): Log {
  return pino(
    {
      level,
      base: { name: 'coordinator' },
      redact: ['ticket', 'secret', '*.ticket', '*.secret', 'headers.authorization']
    },
    pino.destination({ fd: 2, sync: true })
  )
}
