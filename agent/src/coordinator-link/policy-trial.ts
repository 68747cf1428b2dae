/**
 * Whether a new policy has cut this agent off: for a minute after it was taken, what could be reached before is watched.
 * Not reaching the coordinator alone proves nothing, for that may be down, and no policy names it; neither does having no
 * peers any more alone, for that may be what the policy says. An agent cannot tell a policy that breaks its upstreams
 * from a line that has just broken; going back is the harmless mistake of the two, and it says why.
 */
import { minuteMs, type Millis } from '@starling/shared/units.ts'

/** Long enough for peers to be met anew and for a client to ask for something; heartbeats come twice in it. */
export const trialMs: Millis = minuteMs
/** One or two may have been for something that is nowhere. */
const upstreamTriedMin = 3

/** Counted since the agent started. */
export interface Reach {
  readonly peers: number
  readonly upstreamTried: number
  readonly upstreamFailed: number
}

/** What could be reached without the policy. */
export interface Before extends Reach {
  readonly upstreamWorked: boolean
}

export function beforeOf(reach: Reach): Before {
  return { ...reach, upstreamWorked: reach.upstreamTried > reach.upstreamFailed }
}

/**
 * After a start the counts begin anew, and what was reached before it is remembered. Of peers nothing is: a machine that is switched on may
 * stand elsewhere, where there are none.
 */
export function beforeStart(upstreamWorked: boolean): Before {
  return { peers: 0, upstreamTried: 0, upstreamFailed: 0, upstreamWorked }
}

/** Null: not cut off; else a sentence. */
export function whyCutOff(before: Before, now: Reach, coordinatorReached: boolean): string | null {
  const tried = now.upstreamTried - before.upstreamTried
  const worked = tried - (now.upstreamFailed - before.upstreamFailed)
  if (before.upstreamWorked && tried >= upstreamTriedMin && worked <= 0)
    return `none of ${tried} requests upstream succeeded any more`
  if (before.peers > 0 && now.peers === 0 && !coordinatorReached)
    return `neither any of the ${before.peers} peers nor the coordinator could be reached any more`
  return null
}
