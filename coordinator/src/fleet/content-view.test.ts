import type { HeartbeatRequest, SwarmEntry } from '@starling/shared/coordinator-api.ts'
import { expect, it } from 'vitest'
import { ReportBook } from '../core/report-book.ts'
import { SpreadBook } from '../core/spread-book.ts'
import { contentView } from './content-view.ts'

const whole = (hostName: string, ...swarm: SwarmEntry[]): HeartbeatRequest => ({
  version: '1',
  addresses: [],
  counters: {},
  host: { hostName },
  swarm,
  credentialSerial: 1,
  revocationsVersion: -1
})
const entry = (share: number, wanBytes = 0): SwarmEntry => ({
  transfer: 't',
  name: 'example.com/a.msu',
  length: 1000,
  complete: share === 1,
  share,
  wanBytes
})

function fleet() {
  const reports = new ReportBook()
  const spread = new SpreadBook(() => reports.all())
  let now = 0
  return {
    tell: (agent: string, site: string, ...swarm: SwarmEntry[]) => {
      const before = reports.of(agent)
      spread.changed(before, reports.take(agent, site, whole(`PC-${agent}`, ...swarm)), (now += 5000))
    },
    view: (site: string | null = null) =>
      contentView('t', site, { reports, spread }, agent => agent !== 'off')
  }
}

it('says who has how much, and counts as copies only what those online have', () => {
  const { tell, view } = fleet()
  tell('a', 'north', entry(1, 1000))
  tell('b', 'north', entry(0.5))
  tell('off', 'south', entry(1, 900))
  expect(view()).toMatchObject({
    name: 'example.com/a.msu',
    length: 1000,
    sites: [{ site: 'north', complete: 1, fetching: 1, availability: 1.5, wanBytes: 1000 }],
    agents: [
      { agent: 'b', hostName: 'PC-b', share: 0.5, online: true },
      { agent: 'a', share: 1, wanBytes: 1000 },
      { agent: 'off', online: false }
    ],
    agentsMore: 0,
    timeline: { sites: ['north', 'south'] }
  })
  expect(view().timeline.points).toHaveLength(3)
})

it('tells somebody who may see one site of that site only', () => {
  const { tell, view } = fleet()
  tell('a', 'north', entry(1))
  tell('b', 'south', entry(1))
  const { agents, sites, timeline } = view('south')
  expect(agents.map(({ agent }) => agent)).toEqual(['b'])
  expect(sites.map(({ site }) => site)).toEqual(['south'])
  expect(timeline.sites).toEqual(['south'])
  expect(timeline.points.at(-1)?.agents).toEqual([[0, 0, 0, 0, 1]])
  expect(view('east')).toMatchObject({ agents: [], sites: [], timeline: { sites: [], points: [] } })
})
