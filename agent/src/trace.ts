/**
 * Writes what happens to an agent to a file, event by event, for `npm run sim -- --replay`. A trace must not slow the
 * agent down or fill its memory: lines go into a stream, and when the disk cannot follow, the trace ends with a word in
 * the log and the agent goes on.
 */
import { createWriteStream } from 'node:fs'
import { messageOf } from '@starling/shared/errors.ts'
import { traceLine, traceVersion, type TraceStart } from '@starling/shared/trace.ts'
import { MiB, type Bytes, type Millis } from '@starling/shared/units.ts'
import type { AgentEvent } from './ports.ts'

export interface Trace {
  event(event: AgentEvent, at: Millis): void
  /** Resolves when all is written. Never rejects. */
  close(): Promise<void>
}

/** More than this waiting for the disk, and the trace ends: some 50,000 events. */
const waitingBytesMax: Bytes = 16 * MiB

/** @param stopped is told, once, why nothing more is written. */
export function traceTo(
  path: string,
  start: Omit<TraceStart<object>, 'version'>,
  stopped: (why: string) => void
): Trace {
  // Whoever reads a trace reads URLs.
  const file = createWriteStream(path, { flags: 'w', mode: 0o600 })
  let ended = false
  let told = false

  function end(why: string | null): void {
    ended = true
    file.end()
    if (why === null || told) return
    told = true
    stopped(why)
  }

  file.on('error', error => {
    end(messageOf(error))
  })
  const closed = new Promise<void>(resolve => {
    file.once('close', resolve)
  })
  file.write(`${traceLine({ version: traceVersion, ...start })}\n`)

  return {
    event(event, at) {
      if (ended) return
      file.write(`${traceLine({ at, event })}\n`)
      if (file.writableLength > waitingBytesMax) end('the disk does not follow')
    },
    async close() {
      end(null)
      await closed
    }
  }
}
