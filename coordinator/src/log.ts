/** Structured logs, one JSON line a fact, on stderr (stdout belongs to answers and readiness). Secrets are blanked. */
import { secretFields } from '@starling/agent/telemetry/secret-fields.ts'
import { pino, type Logger } from 'pino'

export type Log = Logger

export function createLog(level: string): Log {
  return pino(
    {
      level,
      base: { name: 'coordinator' },
      redact: [...secretFields]
    },
    pino.destination({ fd: 2, sync: true })
  )
}
