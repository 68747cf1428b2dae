/**
 * What a policy would do, asked for each agent of the fleet: a second of work for ten thousand of them, on the loop that heartbeats
 * wait for. So it is done in short slices with rests as long between them, one question at a time, and not to its end when whoever
 * asked has gone: an editor asks anew with what was typed meanwhile.
 */
import { setTimeout as rest } from 'node:timers/promises'
import type { PolicyFinding } from '@starling/shared/admin-api/policy.ts'
import { StarlingError } from '@starling/shared/errors.ts'
import type { Millis } from '@starling/shared/units.ts'
import { beginImpact, type DryRun } from './policy-check.ts'
import { createTurns } from './turns.ts'

/** What a heartbeat may come to wait for it; half of one core is the most that it takes. */
export const sliceMs: Millis = 5
const waitingMax = 16

export interface FleetImpact {
  /**
   * @param gone when nobody waits for the answer any more
   * @throws StarlingError `too-busy`, `asker-gone`
   */
  of(run: () => Promise<DryRun>, gone?: AbortSignal): Promise<PolicyFinding[]>
}

export function createFleetImpact(
  pause: (ms: Millis) => Promise<unknown> = ms => rest(ms),
  clock: () => Millis = () => performance.now()
): FleetImpact {
  const inTurn = createTurns({ atOnceMax: 1, waitingMax }, 'policies to be tried')
  return {
    of: (run, gone) =>
      inTurn(async () => {
        refuseGone(gone)
        const asked = await run()
        const impact = beginImpact(asked)
        let since = clock()
        for (const host of asked.hosts) {
          impact.look(host)
          const workedMs = clock() - since
          if (workedMs < sliceMs) continue
          await pause(workedMs)
          refuseGone(gone)
          since = clock()
        }
        return impact.findings()
      })
  }
}

function refuseGone(gone: AbortSignal | undefined): void {
  if (gone?.aborted === true)
    throw new StarlingError('asker-gone', 'nobody waits any more for what the policy would do')
}
