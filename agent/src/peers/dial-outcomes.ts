/**
 * Whom this agent cannot reach, which only others can know of a machine: its own firewall tells it nothing. One failure is
 * a machine that is just waking; what counts has failed several times over minutes, and not once gone well meanwhile. That
 * a peer has come to us makes no difference to its sockets, but what was before may be from when it slept, so it is counted
 * anew then; dials for chunks go on to count.
 */
import { codeOf } from '@starling/shared/errors.ts'
import type { AgentId } from '@starling/shared/ids.ts'
import { minuteMs, type Millis } from '@starling/shared/units.ts'

const failuresMin = 3
const failingMsMin: Millis = 5 * minuteMs
/** A peer of which there is no news is no longer dialled: it is off. */
const staleMs: Millis = 15 * minuteMs
const peersMax = 512

export interface DialOutcomes {
  failed(peer: AgentId): void
  /** We have reached it, or it has come to us. */
  met(peer: AgentId): void
  /** Counts how a dial of ours goes; one that was given up says nothing. */
  watch<Result>(peer: AgentId, dialling: Promise<Result>): Promise<Result>
  /** Those next to us in the order of ids first, so that a site in which nobody reaches anybody tells of all together. */
  unreached(): AgentId[]
}

export function createDialOutcomes(self: AgentId, now: () => Millis = Date.now): DialOutcomes {
  const failing = new Map<
    AgentId,
    { readonly since: Millis; readonly last: Millis; readonly count: number }
  >()

  function failed(peer: AgentId): void {
    const before = failing.get(peer)
    const isNew = before === undefined || before.last + staleMs < now()
    failing.delete(peer)
    failing.set(peer, {
      since: isNew ? now() : before.since,
      last: now(),
      count: isNew ? 1 : before.count + 1
    })
    if (failing.size > peersMax) for (const oldest of failing.keys()) return void failing.delete(oldest)
  }
  const met = (peer: AgentId): void => void failing.delete(peer)

  return {
    failed,
    met,
    async watch(peer, dialling) {
      try {
        const result = await dialling
        met(peer)
        return result
      } catch (error) {
        if (codeOf(error) !== 'aborted') failed(peer)
        throw error
      }
    },
    unreached() {
      const found = [...failing].flatMap(([peer, { since, last, count }]) =>
        count >= failuresMin && last - since >= failingMsMin && now() - last <= staleMs ? [peer] : []
      )
      const [after, before] = [found.filter(peer => peer > self), found.filter(peer => peer < self)]
      return [...after.sort(), ...before.sort()]
    }
  }
}
