/**
 * When a CA is made, and which one signs, pure. One CA follows the other without a gap:
 *
 *     |------------------- 30 days -------------------|
 *     0                    20            25           30
 *     A signs ........................... A           A expires
 *                          B is made      B signs ........
 *
 * With a third of its life left, a successor is made. It is exported beside the old one at once, but signs only after half
 * of what the old one has left: these five days are the admin's, to deploy it. Both are good in the five days that follow,
 * for connections and for machines that were asleep.
 *
 * When the list of hosts changes, no present CA may name what is new. `starling ca init` then makes a successor in the same
 * way, and until that signs, the new hosts are not intercepted. An expired CA is not followed by itself: nobody has
 * deployed anything for a month, and somebody should look.
 */
import type { Millis } from '@starling/shared/units.ts'
import { caRenewBeforeMs } from './limits.ts'
import { caNamesOf, mayName, sameNames, type CaNames } from './names.ts'

export interface CaFacts {
  readonly names: CaNames
  readonly madeAt: Millis
  /** Signs leaves from then on. */
  readonly signsFrom: Millis
  readonly expiresAt: Millis
}

/** Those that have not expired, the youngest first. */
export function liveOf<Ca extends CaFacts>(all: readonly Ca[], now: Millis): Ca[] {
  return all.filter(ca => ca.expiresAt > now).toSorted((a, b) => b.madeAt - a.madeAt)
}

/** Who signs for this host now; null: nobody may. */
export function signerFor<Ca extends CaFacts>(all: readonly Ca[], host: string, now: Millis): Ca | null {
  return liveOf(all, now).find(ca => ca.signsFrom <= now && mayName(ca.names, host)) ?? null
}

/** From when on the successor is to sign that is due now; null: none is due. */
export function successorDue(all: readonly CaFacts[], now: Millis): Millis | null {
  const youngest = liveOf(all, now)[0]
  if (youngest === undefined || youngest.expiresAt - now > caRenewBeforeMs) return null
  return handOverAt(youngest, now)
}

/** After half of what the present one has left. */
export function handOverAt(present: CaFacts, now: Millis): Millis {
  return now + Math.floor((present.expiresAt - now) / 2)
}

/** Whether the youngest CA is the one that this list would make. */
export function fitsList(all: readonly CaFacts[], hosts: readonly string[], now: Millis): boolean {
  const youngest = liveOf(all, now)[0]
  return youngest !== undefined && sameNames(youngest.names, caNamesOf(hosts))
}
