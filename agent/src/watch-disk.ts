import { messageOf } from '@starling/shared/errors.ts'
import { secondMs, type Millis } from '@starling/shared/units.ts'
import type { Log } from './log.ts'
import type { AgentEvent, StorePort } from './ports.ts'

/** How often the disk is looked at while nothing is written, and at least while something is. */
const diskLookMs: Millis = 30 * secondMs
export const diskLookBusyMs: Millis = secondMs

/** Tells the core how the disk is: after writes, and now and then, because others write too. */
export function watchDisk(
  store: StorePort,
  emit: (event: AgentEvent) => void,
  log: Log,
  ageMsMax: () => Millis | null
): ((withinMs: Millis) => void) & { stop(): void } {
  let timer: NodeJS.Timeout | null = null
  let dueAt = Infinity
  function look(withinMs: Millis): void {
    const at = Date.now() + withinMs
    if (at >= dueAt) return
    if (timer !== null) clearTimeout(timer)
    dueAt = at
    timer = setTimeout(() => {
      dueAt = Infinity
      store
        .usage()
        .then(
          usage => {
            const age = ageMsMax()
            emit({ type: 'disk-changed', ...usage, ...(age === null ? {} : { ageMsMax: age }) })
          },
          (error: unknown) => {
            log.warn({ problem: messageOf(error) }, 'the disk cannot be looked at')
          }
        )
        .finally(() => {
          look(diskLookMs)
        })
    }, withinMs)
    timer.unref()
  }
  look(0)
  return Object.assign(look, {
    stop() {
      dueAt = -Infinity
      if (timer !== null) clearTimeout(timer)
    }
  })
}
