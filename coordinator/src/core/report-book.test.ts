import type { HeartbeatRequest } from '@starling/shared/coordinator-api.ts'
import { expect, it } from 'vitest'
import { ReportBook } from './report-book.ts'

const beat = (
  sequence: number,
  base: number | null,
  change: Partial<HeartbeatRequest> = {},
  run = 1
): HeartbeatRequest => ({
  version: '1',
  addresses: [],
  counters: {},
  host: {},
  swarm: [],
  credentialSerial: 1,
  revocationsVersion: -1,
  report: { run, sequence, base, gone: [], problems: [], earlier: [] },
  ...change
})

it('adds a report to the one before, and asks for all when it has that not', () => {
  const book = new ReportBook()
  expect(book.take('a', 's', beat(5, 4))).toBeNull()
  expect(book.take('a', 's', beat(6, null, { counters: { x: 1, y: 1 } }))).not.toBeNull()
  expect(book.take('a', 's', beat(7, 6, { counters: { x: 2 } }))?.counters).toEqual({ x: 2, y: 1 })
  // The answer to 7 was lost.
  expect(book.take('a', 's', beat(8, 6, { counters: { x: 3 } }))).toBeNull()
  expect(book.take('a', 's', beat(9, 7, {}, 2))).toBeNull()
})

it('counts what is new to a site once, and not what was there when it began to look', () => {
  const book = new ReportBook()
  const entry = (share: number) => ({ transfer: 't', complete: share === 1, share, length: 1000, name: 'n' })
  book.take('a', 's', beat(1, null, { swarm: [entry(0.5)] }))
  book.take('a', 's', beat(2, 1, { swarm: [entry(0.7)] }))
  book.take('b', 's', beat(1, null))
  book.take('b', 's', beat(2, 1, { swarm: [entry(1)] }))
  book.take('a', 's', beat(3, 2, { swarm: [entry(1)] }))
  expect([...book.takeFresh()]).toEqual([['s', 500]])
  expect([...book.takeFresh()]).toEqual([])
  expect(book.contents(null, () => true)).toMatchObject([
    { complete: 2, fetching: 0, availability: 2, length: 1000 }
  ])
  // Whoever is silent holds nothing that anybody could have.
  expect(book.contents(null, agent => agent === 'b')).toMatchObject([{ complete: 1, availability: 1 }])
})

it('knows nothing of an agent that was forgotten', () => {
  const book = new ReportBook()
  book.take('a', 's', beat(1, null))
  book.forget('a')
  expect(book.of('a')).toBeNull()
  expect(book.take('a', 's', beat(2, 1))).toBeNull()
})

it('does not grow by what a member adds and never takes back', () => {
  const book = new ReportBook()
  const some = (from: number) => ({
    counters: Object.fromEntries(Array.from({ length: 40 }, (_, index) => [`c${from + index}`, 1])),
    host: Object.fromEntries(Array.from({ length: 40 }, (_, index) => [`h${from + index}`, 1])),
    swarm: Array.from({ length: 200 }, (_, index) => ({ transfer: `t${from * 5 + index}`, complete: false }))
  })
  const { counters, host, swarm } = some(40)
  for (const change of [{ counters }, { host }, { swarm }]) {
    expect(book.take('a', 's', beat(1, null, some(0)))).not.toBeNull()
    expect(book.take('a', 's', beat(2, 1, change))).toBeNull()
  }
  expect(book.of('a')?.swarm.size).toBe(200)
})
