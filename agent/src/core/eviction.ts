/**
 * What goes when the cache is full: the transfer that was used longest ago, never one that is pinned or at work. What
 * hardly anybody else of the site has counts as used later than it was, because fetching it again would cost the WAN;
 * but not for ever, or what nobody wants any more would push out what everybody does. We free a little more than is
 * needed, so that eviction does not run for every chunk.
 */
import type { TransferId } from '@starling/shared/ids.ts'
import { dayMs, MiB, type Bytes, type Millis } from '@starling/shared/units.ts'

export interface Evictable {
  readonly transfer: TransferId
  readonly keptBytes: Bytes
  readonly lastUsedAt: Millis
  /** Null: it is not complete. */
  readonly completedAt: Millis | null
  /** Peers of the site that are known to have all of it. */
  readonly copies: number
  readonly pinned: boolean
  /** Readers or fetches are at work on it. */
  readonly atWork: boolean
}

export interface DiskState {
  readonly usedBytes: Bytes
  readonly quotaBytes: Bytes
  readonly freeBytes: Bytes
  readonly floorBytes: Bytes
}

/** Room that must always be left: one extent, so that no chunk under way finds the door shut. */
const headroomBytes: Bytes = 4 * MiB
/** With fewer copies elsewhere than this the site could lose it by one machine that is switched off. */
const copiesMin = 2
/** What is rare is kept so much longer: over a weekend, and no more than that. */
const rareBonusMs: Millis = 3 * dayMs
/** Freed beyond what is needed: this part of the quota. */
const slackPercent = 5

/** What has been complete for longer than policy allows. Nobody is cut off for it: what is at work goes at the next look. */
export function chooseExpired(transfers: Iterable<Evictable>, ageMsMax: Millis, now: Millis): TransferId[] {
  return [...transfers]
    .filter(
      ({ completedAt, pinned, atWork }) =>
        completedAt !== null && !pinned && !atWork && completedAt + ageMsMax <= now
    )
    .map(({ transfer }) => transfer)
}

/** Transfers to remove, oldest first; empty when the disk is fine or nothing may go. */
export function chooseEvictions(transfers: Iterable<Evictable>, disk: DiskState): TransferId[] {
  const over = Math.max(disk.usedBytes - disk.quotaBytes, disk.floorBytes - disk.freeBytes) + headroomBytes
  if (over <= 0) return []
  let toFree = over + Math.floor((disk.quotaBytes * slackPercent) / 100)
  const candidates = [...transfers].filter(
    transfer => !transfer.pinned && !transfer.atWork && transfer.keptBytes > 0
  )
  candidates.sort((one, other) => worth(one) - worth(other) || (one.transfer < other.transfer ? -1 : 1))
  const chosen: TransferId[] = []
  for (const candidate of candidates) {
    if (toFree <= 0) break
    chosen.push(candidate.transfer)
    toFree -= candidate.keptBytes
  }
  return chosen
}

function worth({ lastUsedAt, copies }: Evictable): Millis {
  return copies < copiesMin ? lastUsedAt + rareBonusMs : lastUsedAt
}
