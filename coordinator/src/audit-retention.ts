/** Lets old entries of the audit log go: one coordinator does it for all, now and every hour. */
import { setTimeout as sleep } from 'node:timers/promises'
import { messageOf } from '@starling/shared/errors.ts'
import { hourMs, type Millis } from '@starling/shared/units.ts'
import type { Log } from './log.ts'
import type { AuditLog } from './ports.ts'

export interface RetentionParts {
  readonly audit: Pick<AuditLog, 'prune'>
  readonly keepMs: Millis
  readonly clock: () => Millis
  readonly log: Pick<Log, 'warn'>
  /** Rejects when `until` is aborted. */
  readonly pause?: (ms: Millis, until: AbortSignal) => Promise<unknown>
}

/** A database that is away or full for an hour does not end it: the next hour tries again. */
export async function keepAuditShort(
  { audit, keepMs, clock, log, pause = pauseFor }: RetentionParts,
  until: AbortSignal
): Promise<void> {
  while (!until.aborted) {
    try {
      await audit.prune(clock() - keepMs)
    } catch (error) {
      if (!until.aborted)
        log.warn(
          { why: messageOf(error) },
          'old audit entries could not be let go; it is tried again in an hour'
        )
    }
    await pause(hourMs, until).catch(() => {})
  }
}

const pauseFor = async (ms: Millis, signal: AbortSignal): Promise<unknown> =>
  await sleep(ms, undefined, { signal, ref: false })
