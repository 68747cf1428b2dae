/**
 * What was refused to people and programs who are known, or failed for them, in the audit log. All of it for a person who
 * tries something out; ten a minute for a program that goes on: whoever may only look must not fill the log and the disk.
 */
import type { Millis } from '@starling/shared/units.ts'
import type { AuditLog, Deed } from '../ports.ts'
import { createFailureBrake } from './rate-limit.ts'

export interface Refusals {
  note(deed: Deed & { readonly outcome: string }): Promise<void>
}

export function createRefusals(audit: Pick<AuditLog, 'write'>, clock: () => Millis): Refusals {
  const brake = createFailureBrake(clock)
  return {
    async note(deed) {
      const who = `${deed.by.kind} ${deed.by.actor}`
      if (brake.waitMs(who) > 0) return
      brake.failed(who)
      await audit.write(deed)
    }
  }
}
