/**
 * Writes what happens to an agent to a file, event by event, for `npm run sim -- --replay`. A trace must not slow the
 * agent down or fill its memory: lines go into a stream, and when the disk cannot follow, the trace ends, somebody is
 * told, and the agent goes on.
 */
import { createWriteStream } from 'node:fs'
import { codeOf, messageOf } from '@starling/shared/errors.ts'
import type { Machine } from '@starling/shared/machine.ts'
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

/** @param stopped is told, once, why nothing more is written and what to do. */
export function traceTo(
  path: string,
  start: Omit<TraceStart<object>, 'version'>,
  stopped: (why: string) => void
): Trace {
  // Whoever reads a trace reads URLs. A file that is there may be readable for others, and may be the trace of a crash:
  // a service manager that starts the agent again must not cost us that.
  const file = createWriteStream(path, { flags: 'wx', mode: 0o600 })
  let ended = false
  let told = false

  function end(why: string | null): void {
    ended = true
    file.end()
    if (why === null || told) return
    told = true
    stopped(`The trace ${path} has ended: ${why}.`)
  }

  file.on('error', error => {
    const isThere = codeOf(error) === 'EEXIST'
    end(isThere ? 'that file is there already; move it away, or name another as trace' : messageOf(error))
  })
  const closed = new Promise<void>(resolve => {
    file.once('close', resolve)
  })
  file.write(`${traceLine({ version: traceVersion, ...start })}\n`)

  return {
    event(event, at) {
      if (ended) return
      file.write(`${traceLine({ at, event })}\n`)
      if (file.writableLength > waitingBytesMax) end('the disk does not follow; name a file on a faster one')
    },
    async close() {
      end(null)
      await closed
    }
  }
}

/** The same machine; whatever it is given is written down first. */
export function traced<Effect>(core: Machine<AgentEvent, Effect>, trace: Trace): Machine<AgentEvent, Effect> {
  return {
    step(event, now) {
      trace.event(event, now)
      return core.step(event, now)
    },
    wakeAt: () => core.wakeAt()
  }
}
