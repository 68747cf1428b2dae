/**
 * What the admin has purged for the whole fleet. It is told to each agent with its heartbeats, by number, until it has
 * all of them; an agent that was away catches up when it is back.
 */
import type { PurgeNews } from '@starling/shared/coordinator-api.ts'
import {
  nameOfTarget,
  purgesPerAnswerMax,
  targetOf,
  type PurgeRequest,
  type PurgeTarget
} from '@starling/shared/purge.ts'
import type { Millis } from '@starling/shared/units.ts'
import type { By, Change, PurgeStore } from './ports.ts'

export interface Purges {
  /** @throws StarlingError `bad-url` */
  purge(
    request: PurgeRequest,
    reason: string,
    by: By
  ): Promise<{ readonly number: number; readonly target: PurgeTarget; readonly purgedAt: Millis }>
  /** @param than what the agent has; undefined: it did not say, and learns only that it may ask. */
  newsSince(than: number | undefined): Promise<PurgeNews>
}

export function createPurges(
  store: Pick<PurgeStore, 'purgesAfter'>,
  change: Change,
  clock: () => Millis
): Purges {
  return {
    async purge(request, reason, by) {
      const target = targetOf(request)
      const purgedAt = Math.floor(clock())
      const what = 'class' in request ? nameOfTarget(target) : Object.values(request).join('')
      const number = await change(by, async changed => {
        const result = await changed.purge({ target, purgedAt }, reason)
        const detail = [what, reason].filter(Boolean).join(': ')
        await changed.note({ at: purgedAt, kind: 'purged', agent: null, detail })
        return { result, target: what, detail: reason }
      })
      return { number, target, purgedAt }
    },
    newsSince: async than =>
      than === undefined ? await store.purgesAfter(0, 0) : await store.purgesAfter(than, purgesPerAnswerMax)
  }
}
