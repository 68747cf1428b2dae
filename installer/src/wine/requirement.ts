/** Tests that need Wine: skipped loudly where it cannot be, and failed in CI, where it must be. */
import { describe, test } from 'vitest'
import { whyNoWine } from './chroot.ts'

/** Making the chroot is the first test's to wait for, once in a machine's life. */
export const firstWineMs = 15 * 60_000

export function describeOnWine(title: string, tests: () => void): void {
  const whyNot = whyNoWine()
  if (whyNot !== null) console.warn(`\nSKIPPED, ${title} is not tested: ${whyNot}\n`)
  test.runIf(whyNot !== null && process.env.CI === 'true')(
    `${title}: Wine is here, as it must be in CI`,
    () => {
      throw new Error(whyNot!)
    }
  )
  describe.skipIf(whyNot !== null)(`${title}`, () => {
    tests()
  })
}
