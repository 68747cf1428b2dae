/** All promises that are checked, one a file. */
import type { Checker, Outcome } from './checker.ts'
import { clientNotSlower } from './client-not-slower.ts'
import { diskQuota } from './disk-quota.ts'
import { everyoneFinishes } from './everyone-finishes.ts'
import { finishesWithoutHelp } from './finishes-without-help.ts'
import { liarHarmless } from './liar-harmless.ts'
import { noSpinning } from './no-spinning.ts'
import { oneCopy } from './one-copy.ts'
import { policyRates } from './policy-rates.ts'
import { policySlots } from './policy-slots.ts'
import { verifiedBytes } from './verified-bytes.ts'

export const checkers: readonly Checker[] = [
  verifiedBytes,
  oneCopy,
  clientNotSlower,
  policySlots,
  policyRates,
  diskQuota,
  liarHarmless,
  finishesWithoutHelp,
  everyoneFinishes,
  noSpinning
]

export interface Violation {
  readonly checker: string
  readonly sentences: readonly string[]
}

export function checkAll(outcome: Outcome): Violation[] {
  return checkers.flatMap(({ name, check }) => {
    const sentences = check(outcome)
    return sentences.length === 0 ? [] : [{ checker: name, sentences }]
  })
}
