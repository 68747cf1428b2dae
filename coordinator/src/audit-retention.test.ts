import { dayMs, hourMs } from '@starling/shared/units.ts'
import { expect, it } from 'vitest'
import { keepAuditShort } from './audit-retention.ts'

it('goes on every hour, also after a prune that failed, until another leads', async () => {
  const until = new AbortController()
  const [pruned, warned]: [number[], unknown[]] = [[], []]
  let now = 10 * dayMs
  await keepAuditShort(
    {
      audit: {
        prune: async before => {
          pruned.push(before)
          if (pruned.length === 1) throw new Error('the disk is full')
          return 0
        }
      },
      keepMs: dayMs,
      clock: () => now,
      log: { warn: (about: unknown) => void warned.push(about) } as never,
      pause: async ms => {
        now += ms
        if (pruned.length === 3) until.abort()
      }
    },
    until.signal
  )
  expect(pruned).toEqual([0, hourMs, 2 * hourMs].map(later => 9 * dayMs + later))
  expect(warned).toEqual([{ why: 'the disk is full' }])
})
