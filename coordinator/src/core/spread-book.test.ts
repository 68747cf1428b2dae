import type { SwarmEntry } from '@starling/shared/coordinator-api.ts'
import { expect, it } from 'vitest'
import type { TakenReport } from './report-book.ts'
import { otherSites, SpreadBook } from './spread-book.ts'

const entry = (share: number, transfer = 't', wanBytes = 0): SwarmEntry => ({
  transfer,
  complete: share === 1,
  share,
  wanBytes
})
const report = (site: string, ...entries: SwarmEntry[]): TakenReport => ({
  site,
  problems: [],
  head: null,
  version: '1',
  counters: {},
  host: {},
  swarm: new Map(entries.map(one => [one.transfer, one]))
})

function fleet() {
  const reports = new Map<string, TakenReport>()
  const book = new SpreadBook(() => reports)
  let now = 0
  return {
    book,
    tell: (agent: string, after: TakenReport | null, at = (now += 1000)) => {
      now = at
      const before = reports.get(agent) ?? null
      if (after === null) reports.delete(agent)
      else reports.set(agent, after)
      book.changed(before, after, at)
    }
  }
}

it('counts the agents of each site by how much they have, moment by moment', () => {
  const { book, tell } = fleet()
  tell('a', report('north', entry(0.3, 't', 30)))
  tell('b', report('south', entry(0)))
  tell('a', report('north', entry(1, 't', 100)))
  tell('b', report('south', entry(0.99)))
  const { sites, points } = book.of('t')
  expect(sites).toEqual(['north', 'south'])
  expect(points.map(({ at }) => at)).toEqual([1000, 2000, 3000, 4000])
  expect(points.map(({ agents }) => agents)).toEqual([
    [
      [0, 1, 0, 0, 0],
      [0, 0, 0, 0, 0]
    ],
    [
      [0, 1, 0, 0, 0],
      [1, 0, 0, 0, 0]
    ],
    [
      [0, 0, 0, 0, 1],
      [1, 0, 0, 0, 0]
    ],
    [
      [0, 0, 0, 0, 1],
      [0, 0, 0, 1, 0]
    ]
  ])
  expect(points.map(({ wanBytes }) => wanBytes[0])).toEqual([30, 30, 100, 100])
})

it('follows an agent that moves, lets go of a content, or is put out', () => {
  const { book, tell } = fleet()
  const last = () =>
    book
      .of('t')
      .points.at(-1)
      ?.agents.map(steps => steps.at(-1))
  tell('a', report('north', entry(1)))
  tell('b', report('north', entry(1)))
  tell('a', report('south', entry(1)))
  expect(last()).toEqual([1, 1])
  tell('a', report('south'))
  expect(last()).toEqual([1, 0])
  tell('b', null)
  expect(last()).toEqual([0, 0])
})

it('reaches from the beginning to now, however long it takes, in a bounded number of points', () => {
  const { book, tell } = fleet()
  const beats = 5000
  for (let beat = 1; beat <= beats; beat++) tell(`agent-${beat}`, report('north', entry(1)))
  const { points } = book.of('t')
  expect(points.length).toBeLessThanOrEqual(300)
  expect(points.length).toBeGreaterThan(100)
  expect(points[0]?.at).toBe(1000)
  expect(points.at(-1)).toMatchObject({ at: beats * 1000, agents: [[0, 0, 0, 0, beats]] })
})

it('has the first and the last of what comes at once', () => {
  const { book, tell } = fleet()
  tell('a', report('north', entry(0)), 0)
  for (let tenths = 1; tenths < 10; tenths++) tell('a', report('north', entry(tenths / 10)), 5000 + tenths)
  expect(book.of('t').points.map(({ at }) => at)).toEqual([0, 5001, 5009])
  expect(book.of('t').points.at(-1)?.agents).toEqual([[0, 0, 0, 1, 0]])
})

it('puts the sites beyond the first together', () => {
  const { book, tell } = fleet()
  for (let site = 0; site < 20; site++) tell(`agent-${site}`, report(`site-${site}`, entry(1)))
  const { sites, points } = book.of('t')
  expect(sites).toHaveLength(13)
  expect(sites.at(-1)).toBe(otherSites)
  expect(points.at(-1)?.agents.at(-1)?.at(-1)).toBe(8)
})

it('keeps the latest contents, and counts one that comes back as all agents have it', () => {
  const { book, tell } = fleet()
  tell('a', report('north', entry(1)))
  for (let at = 0; at < 200; at++) tell(`other-${at}`, report('north', entry(1, `content-${at}`)))
  expect(book.of('t').points).toEqual([])
  expect(book.of('content-199').points).toHaveLength(1)
  tell('b', report('north', entry(0.5)))
  expect(book.of('t').points.at(-1)?.agents).toEqual([[0, 0, 1, 0, 1]])
})
