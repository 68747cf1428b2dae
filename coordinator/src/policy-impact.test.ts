/** What a policy would do, asked of a whole fleet without holding up what else there is to do. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { unknownHost } from '@starling/shared/policy/host-facts.ts'
import { expect, it } from 'vitest'
import type { DryRun } from './policy-check.ts'
import { createFleetImpact, sliceMs } from './policy-impact.ts'

const agents = 10_000
const run: DryRun = {
  scope: 'fleet',
  document: { DODownloadMode: 0 },
  inForce: new Map(),
  hosts: Array.from({ length: agents }, (_, at) => ({
    agent: `agent-${at}`,
    site: `site-${at % 40}`,
    group: null,
    role: 'agent' as const,
    host: unknownHost
  }))
}
const perAgentMs = 0.1

/** A clock that goes on by a tenth of a millisecond for each agent that is looked at. */
function slowly() {
  let now = 0
  const rests: number[] = []
  const impact = createFleetImpact(
    async ms => {
      rests.push(ms)
      await nextTurn()
    },
    () => (now += perAgentMs)
  )
  return { impact, rests }
}

it('looks at ten thousand agents in slices, and rests as long as it works', async () => {
  const { impact, rests } = slowly()
  const [first] = await impact.of(async () => run)
  expect(first).toMatchObject({ kind: 'sites-lose-peering', agents })
  expect(Math.max(...rests)).toBeLessThan(sliceMs + 2 * perAgentMs)
  const restedMs = rests.reduce((sum, ms) => sum + ms, 0)
  expect(restedMs).toBeGreaterThan(0.95 * agents * perAgentMs)
})

it('stops as soon as nobody waits for it, and looks at one question at a time', async () => {
  const { impact, rests } = slowly()
  const asker = new AbortController()
  const begun: string[] = []
  const asked = (name: string) => async () => {
    begun.push(name)
    return run
  }
  const older = impact.of(asked('older'), asker.signal)
  const newer = impact.of(asked('newer'))
  await nextTurn()
  expect(begun).toEqual(['older'])
  asker.abort()
  await expect(older).rejects.toMatchObject({ code: 'asker-gone' })
  expect(rests.length).toBeLessThan(5)
  expect(await newer).not.toEqual([])
  // Who has gone while it waited is not looked at, either.
  const gone = impact.of(asked('gone'), asker.signal)
  await expect(gone).rejects.toMatchObject({ code: 'asker-gone' })
  expect(begun).toEqual(['older', 'newer'])
})

it('lets a loop of a fleet of ten thousand turn every few milliseconds', async () => {
  const impact = createFleetImpact()
  let latestMs = 0
  let isOver = false
  const watched = (async () => {
    while (!isOver) {
      const before = performance.now()
      await nextTurn()
      latestMs = Math.max(latestMs, performance.now() - before)
    }
  })()
  await impact.of(async () => run)
  isOver = true
  await watched
  // All at once it would be a second; a loaded machine is slow between two turns, too.
  expect(latestMs).toBeLessThan(150)
})
