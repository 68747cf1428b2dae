/** What agents told, and the figures that come of it. */
import { agentStore } from '@starling/coordinator/store/agents.ts'
import { fleetQueries } from '@starling/coordinator/store/fleet-queries.ts'
import type { ToldReport } from '@starling/coordinator/fleet-ports.ts'
import { seriesStore } from '@starling/coordinator/store/series.ts'
import { createLog } from '@starling/coordinator/log.ts'
import { keptMs, rollupsDue, wholeFleet } from '@starling/shared/fleet-series.ts'
import { dayMs, hourMs, minuteMs } from '@starling/shared/units.ts'
import { expect, it } from 'vitest'
import type { StoreContract } from './contract.ts'

const log = createLog('silent')
const start = 20_000 * dayMs
const told = (agent: string, runs: ToldReport['runs'], change: Partial<ToldReport> = {}): ToldReport => ({
  agent,
  site: 's',
  hasGateway: true,
  at: start,
  runs,
  host: { hostName: `Host-${agent}` },
  problems: [],
  ...change
})

export const seriesContract: StoreContract = harness => {
  const store = () => seriesStore(harness.database)

  it('counts each thing once, whichever coordinator hears it, and over restarts of both', async () => {
    const rival = seriesStore(await harness.rival())
    const run = (number: number, fromPeers: number, refused = 0) => ({
      run: number,
      counters: { fromPeers, 'noPeer.unreachable': refused }
    })
    await store().takeReports(
      [told('a', [run(1, 10, 2)]), told('b', [run(1, 1)])],
      new Map([['s', 7]]),
      start
    )
    // The agent went on to another coordinator, before this one had written down what it heard last.
    await Promise.all([
      store().takeReports([told('a', [run(1, 15, 2)])], new Map(), start),
      rival.takeReports([told('a', [run(1, 20, 3)])], new Map(), start)
    ])
    await harness.reopen()
    await store().takeReports([told('a', [run(1, 24, 3), run(2, 5)])], new Map(), start + minuteMs)
    const points = await store().series('minute', 's', start, start + hourMs)
    expect(points.map(({ at, peers, fresh }) => [at - start, peers, fresh])).toEqual([
      [0, 21, 7],
      [minuteMs, 9, 0]
    ])
    expect((await store().totals('minute', start)).get(wholeFleet)).toMatchObject({ peers: 30, fresh: 7 })
    expect(await store().noPeer(start)).toEqual([{ reason: 'unreachable', count: 3 }])
  })

  it('goes on with figures beyond all measure, of one agent or of several sites', async () => {
    const huge = Number.MAX_SAFE_INTEGER
    const sites = ['s0', 's1', 's2']
    for (const [run, at] of [start, start, start + minuteMs].entries())
      await store().takeReports(
        sites.map(site =>
          told(`agent-${site}`, [{ run, counters: { fromPeers: huge, 'noPeer.made': huge } }], { site })
        ),
        new Map([['s0', huge]]),
        at
      )
    await store().rollUp(rollupsDue(start + hourMs, start))
    const [point] = await store().series('hour', 's0', start, start + hourMs)
    expect(point).toMatchObject({ peers: huge, fresh: huge })
    expect((await store().totals('minute', start)).get('s0')?.peers).toBe(2 * huge)
    expect((await store().noPeer(start))[0]?.count).toBeGreaterThan(huge)
  })

  it('counts reasons that agents make up as one, and half a contact as none', async () => {
    const made = (from: number) =>
      Object.fromEntries(Array.from({ length: 60 }, (_, index) => [`noPeer.made-${from + index}`, 1.5]))
    for (let run = 0; run < 4; run++)
      await store().takeReports(
        [
          told('a', [{ run, counters: made(run * 60) }]),
          told('b', [{ run, counters: { 'noPeer.made-0': 1 } }])
        ],
        new Map(),
        start
      )
    const reasons = await store().noPeer(start)
    expect(reasons).toHaveLength(65)
    expect(reasons[0]).toEqual({ reason: 'other', count: 240 - 64 })
    expect(reasons).toContainEqual({ reason: 'made-0', count: 5 })
  })

  it('rolls up as often as one likes, and what is kept does not grow', async () => {
    const days = 3
    const agents = agentStore(harness.database, log)
    await agents.putAgent({
      agent: 'a',
      site: 's',
      role: 'agent',
      group: null,
      version: '1',
      enrolledAt: 1,
      lastHeardAt: null,
      revokedAt: null
    })
    await agents.close()
    let lastAt: number | null = null
    for (let at = start; at < start + days * dayMs; at += 10 * minuteMs) {
      await store().noteOnline(at, new Map([['s', 4]]))
      const run = { run: 1, counters: { toClients: (at - start) / minuteMs + 10 } }
      await store().takeReports([told('a', [run])], new Map(), at)
      if (at % hourMs !== 0) continue
      await store().rollUp(rollupsDue(at + minuteMs, lastAt))
      await store().prune(at)
      lastAt = at + minuteMs
    }
    const end = start + days * dayMs
    await store().rollUp(rollupsDue(end, lastAt))
    await store().prune(end)
    const [minutes, hours, byDay] = await Promise.all(
      (['minute', 'hour', 'day'] as const).map(span => store().series(span, 's', 0, end + dayMs))
    )
    expect(minutes?.length).toBe(keptMs.minute / (10 * minuteMs))
    expect(hours?.map(({ clients, online }) => [clients, online])).toEqual(
      Array.from({ length: days * 24 }, () => [60, 4])
    )
    expect(byDay?.map(({ clients }) => clients)).toEqual(Array.from({ length: days }, () => 24 * 60))
  }, 60_000)

  it('finds agents by what they told, a page at a time', async () => {
    const agents = agentStore(harness.database, log)
    const record = {
      role: 'agent',
      group: null,
      version: '1',
      enrolledAt: 1,
      lastHeardAt: 5,
      revokedAt: null
    } as const
    for (const agent of ['a', 'b', 'c', 'd'])
      await agents.putAgent({
        ...record,
        agent,
        site: agent === 'd' ? 'far' : 's',
        enrolledAt: agent === 'b' ? 9 : 1
      })
    await store().takeReports([told('b', [], { problems: ['low-disk'] })], new Map(), start)
    await agents.decommission('c', 9)
    const queries = fleetQueries(harness.database)
    const find = async (filter: object) =>
      (await queries.find({ count: 9, onlineSince: 0, ...filter })).map(({ agent }) => agent)
    expect(await find({})).toEqual(['a', 'b', 'd'])
    expect(await find({ count: 1, after: { agent: 'a', enrolledAt: 1 } })).toEqual(['b'])
    const newest = { sort: 'newest', count: 2 }
    expect(await find(newest)).toEqual(['b', 'a'])
    expect(await find({ ...newest, after: { agent: 'b', enrolledAt: 9 } })).toEqual(['a', 'd'])
    expect(await find({ ...newest, after: { agent: 'a', enrolledAt: 1 } })).toEqual(['d'])
    expect(await find({ search: 'host-B' })).toEqual(['b'])
    expect(await find({ search: '%' })).toEqual([])
    expect(await find({ problem: 'low-disk' })).toEqual(['b'])
    expect(await find({ problem: 'low' })).toEqual([])
    expect(await find({ site: 'far', state: 'online' })).toEqual(['d'])
    expect(await find({ onlineSince: 6, state: 'offline', site: 's' })).toEqual(['a', 'b'])
    expect(await queries.counts(0, 's')).toMatchObject([{ count: 1 }, { count: 1 }])
    await agents.close()
  })

  it('revokes the old self of a machine when the new one has joined, and it is silent', async () => {
    const agents = agentStore(harness.database, log)
    const record = { site: 's', role: 'agent', version: '1', lastHeardAt: null, revokedAt: null } as const
    await agents.putAgent({ ...record, agent: 'old', group: 'pilots', enrolledAt: 10, lastHeardAt: 50 })
    expect(await agents.joinedAs('old', 'm1', null)).toEqual([])
    await agents.putAgent({ ...record, agent: 'young', group: null, enrolledAt: 100 })
    expect(await agents.joinedAs('young', 'm1', null)).toEqual(['old'])
    expect(await agents.agent('young')).toMatchObject({ group: 'pilots' })
    expect(await agents.outdated(50)).toEqual([])
    expect(await agents.outdated(51)).toEqual([{ agent: 'old', by: 'young' }])
    await agents.supersede(await agents.outdated(51), 101)
    expect(await agents.outdated(200)).toEqual([])
    expect((await agents.revocations()).agents).toEqual(['old'])
    expect((await agents.agents()).map(({ agent }) => agent)).toEqual(['young'])
    // A clone: both are heard.
    await agents.putAgent({ ...record, agent: 'twin', group: null, enrolledAt: 300 })
    await agents.joinedAs('twin', 'm1', null)
    await agents.heard('young', 400, '1')
    await agents.flush()
    expect(await agents.outdated(900)).toEqual([])
    await agents.close()
  })
}
