/** What is wrong with agents that others tell of them, from their reports into the lists. */
import * as noticing from '@starling/coordinator/core/noticing.ts'
import type { ToldReport } from '@starling/coordinator/fleet-ports.ts'
import { createNoticer } from '@starling/coordinator/fleet/noticer.ts'
import { createLog } from '@starling/coordinator/log.ts'
import { agentStore } from '@starling/coordinator/store/agents.ts'
import { fleetQueries } from '@starling/coordinator/store/fleet-queries.ts'
import { noticedStore } from '@starling/coordinator/store/noticed.ts'
import { seriesStore } from '@starling/coordinator/store/series.ts'
import { minuteMs, secondMs } from '@starling/shared/units.ts'
import { expect, it } from 'vitest'
import type { StoreContract } from './contract.ts'

export const noticedContract: StoreContract = harness => {
  it('what agents tell of another becomes its problem when it has lasted, whoever leads, and ends with it', async () => {
    let now = 1_000_000_000
    const agents = agentStore(harness.database, createLog('silent'))
    const told = (agent: string, host: ToldReport['host'], problems: string[] = []): ToldReport => ({
      agent,
      site: 's',
      hasGateway: false,
      at: now,
      runs: [],
      host,
      problems
    })
    async function minutes(count: number, unreached: string | null): Promise<void> {
      for (let minute = 0; minute < count; minute++, now += minuteMs) {
        for (const agent of ['a', 'b', 'x']) await agents.heard(agent, now, '1.0.0')
        await agents.flush()
        const witness = unreached === null ? {} : { unreached }
        await seriesStore(harness.database).takeReports(
          [told('a', witness), told('b', witness), told('x', { dialled: false }, ['low-disk'])],
          new Map(),
          now
        )
        // Each minute another coordinator leads.
        const database = minute % 2 === 0 ? harness.database : rival
        const parts = { store: noticedStore(database), decide: noticing, heartbeatMs: 30 * secondMs }
        await createNoticer({ ...parts, clock: () => now })()
      }
    }
    const queries = fleetQueries(harness.database)
    const problems = async (): Promise<unknown> => {
      const found = await queries.find({ count: 9, onlineSince: 0 })
      return Object.fromEntries(found.map(one => [one.agent, one.problems]))
    }
    const rival = await harness.rival()
    for (const agent of ['a', 'b', 'silent', 'x'])
      await agents.putAgent({
        agent,
        site: 's',
        role: 'agent',
        group: null,
        version: '1.0.0',
        enrolledAt: 1,
        lastHeardAt: null,
        revokedAt: null
      })
    await minutes(10, 'x')
    expect(await problems()).toEqual({ a: [], b: [], silent: [], x: ['low-disk'] })
    await minutes(1, 'x')
    expect(await problems()).toEqual({ a: [], b: [], silent: [], x: ['low-disk', 'unreachable'] })
    for (const problem of ['unreachable', 'low-disk'])
      expect(await queries.find({ problem, count: 9, onlineSince: 0 })).toMatchObject([{ agent: 'x' }])
    expect(await queries.find({ problem: 'disk', count: 9, onlineSince: 0 })).toEqual([])
    const counts = await queries.counts(0)
    expect(counts.map(one => [one.problems.trim(), one.count])).toEqual(
      expect.arrayContaining([['low-disk unreachable', 1]])
    )
    await minutes(1, null)
    expect(await problems()).toMatchObject({ x: ['low-disk'] })
    await agents.close()
  })
}
