import { Bitfield } from '@starling/shared/bitfield.ts'
import { dayMs, hourMs, secondMs } from '@starling/shared/units.ts'
import { describe, expect, it } from 'vitest'
import { makePeer, makeTransfer, noBytes } from '../../../test/doubles/local-page.ts'
import { makeWhy } from '../../../test/doubles/made-insight.ts'
import type { AgentEvent } from '../ports.ts'
import { ChunkSources } from './chunk-sources.ts'
import { deliveryStatusOf, perfSnapOf, type DeliveryFacts } from './delivery.ts'
import { createHistory } from './history.ts'
import { RateMeter } from './rate-meter.ts'

const transfer = 'ab'.repeat(32)

describe('a rate', () => {
  it('is of the last 20 seconds, and fades when nothing comes', () => {
    const meter = new RateMeter()
    const start = 1_700_000_000_000
    expect(meter.rate(start)).toBe(0)
    meter.add(1000, start)
    meter.add(1000, start + 10 * secondMs)
    expect(meter.rate(start + 10 * secondMs)).toBe(100)
    expect(meter.rate(start + 20 * secondMs)).toBe(50)
    expect(meter.rate(start + 30 * secondMs)).toBe(0)
    meter.add(400, start + hourMs)
    expect(meter.rate(start + hourMs)).toBe(20)
  })

  it('begins anew when the clock is set back', () => {
    const meter = new RateMeter()
    const start = 1_700_000_000_000
    meter.add(1000, start + hourMs)
    meter.add(200, start)
    expect(meter.rate(start)).toBe(10)
    expect(meter.rate(start + 20 * secondMs)).toBe(0)
  })
})

describe('a chunk map', () => {
  const stored = (chunk: number, source: (AgentEvent & { type: 'chunk-stored' })['source']): AgentEvent => ({
    type: 'chunk-stored',
    transfer,
    chunk,
    digest: new Uint8Array(32),
    source,
    kept: true,
    fetch: null
  })
  const from = (peer: string) => ({ kind: 'peer', peer }) as const
  const sourcesOf = (here: () => number | null = () => 8) =>
    new ChunkSources({ chunksOf: here, isGateway: peer => peer === 'gate' })
  const mapOf = (sources: ChunkSources, have: readonly number[], moving: readonly number[] = []) => {
    const bits = new Bitfield(8)
    for (const chunk of have) bits.set(chunk)
    return sources.map({ transfer, chunkBytes: 1024, have: bits, moving: new Set(moving) })
  }

  it('tells disk, origin, each peer and the gateway, what is on its way and what is missing, in runs', () => {
    const sources = sourcesOf()
    sources.note(stored(2, { kind: 'upstream', flow: 1 }))
    sources.note(stored(3, from('a')))
    sources.note(stored(4, from('gate')))
    sources.note(stored(5, from('a')))
    const map = mapOf(sources, [0, 1, 2, 3, 4, 5], [6])
    expect(map.sources.map(({ kind, peer }) => peer ?? kind)).toEqual([
      'missing',
      'fetching',
      'disk',
      'origin',
      'a',
      'gate'
    ])
    expect(map.sources.at(-1)?.kind).toBe('gateway')
    expect(map.runs).toEqual([
      [2, 2],
      [3, 1],
      [4, 1],
      [5, 1],
      [4, 1],
      [1, 1],
      [0, 1]
    ])
  })

  it('after a restart, all that is here is of the disk', () => {
    expect(mapOf(sourcesOf(), [0, 1, 2]).runs).toEqual([
      [2, 3],
      [0, 5]
    ])
  })

  it('a chunk that comes twice stays where it came from, and one that was dropped is missing again', () => {
    const sources = sourcesOf()
    sources.note(stored(0, from('a')))
    sources.note(stored(0, from('b')))
    expect(mapOf(sources, [0]).runs[0]).toEqual([4, 1])
    sources.note({ type: 'chunk-dropped', transfer, chunk: 0 })
    expect(mapOf(sources, []).runs).toEqual([[0, 8]])
  })

  it('a chunk that the disk was too full to keep is not here, and is not looked for among all that is', () => {
    let looks = 0
    const sources = sourcesOf(() => (looks++, 8))
    sources.note({ ...stored(0, from('a')), kept: false } as AgentEvent)
    expect(mapOf(sources, []).runs).toEqual([[0, 8]])
    expect(looks).toBe(0)
  })

  it('nothing is remembered of what is forgotten, by an event or by a purge without one', () => {
    let chunks: number | null = 8
    const sources = sourcesOf(() => chunks)
    sources.note(stored(0, from('a')))
    sources.note({ type: 'transfer-forgotten', transfer })
    expect(mapOf(sources, [0]).runs[0]).toEqual([2, 1])
    sources.note(stored(0, from('a')))
    chunks = null
    sources.note({ ...stored(0, from('b')), transfer: 'cd'.repeat(32) } as AgentEvent)
    expect(mapOf(sources, [0]).runs[0]).toEqual([2, 1])
  })
})

describe('history', () => {
  // A Wednesday, in whatever zone this machine has.
  let now = new Date(2026, 10, 25, 12).getTime()
  const wall = () => new Date(now)
  const came = (fromPeers: number, fromUpstream: number) => ({ ...noBytes, fromPeers, fromUpstream })

  it('enters what came since the last time, by hour and by day', () => {
    const history = createHistory(null, wall)
    expect(history.note(came(0, 0), 0)).toBe(false)
    expect(history.note(came(100, 10), 1)).toBe(true)
    expect(history.note(came(100, 10), 1)).toBe(false)
    now += hourMs
    history.note(came(150, 10), 1)
    const { today, hours, days } = history.view()
    expect(today).toEqual({ lan: 150, gateway: 0, origin: 10, disk: 0, toPeers: 0, files: 1, far: 0 })
    expect(hours.map(({ lan }) => lan)).toEqual([100, 50])
    expect(hours[1]!.at - hours[0]!.at).toBe(hourMs)
    expect(days).toMatchObject([{ day: '2026-11-25', lan: 150 }])
  })

  it('goes on after a restart, with counters that begin at 0 again', () => {
    now = new Date(2026, 10, 25, 12).getTime()
    const first = createHistory(null, wall)
    first.note(came(100, 0), 0)
    const second = createHistory(JSON.parse(JSON.stringify(first.snapshot())), wall)
    second.note(came(7, 0), 0)
    expect(second.view().today.lan).toBe(107)
  })

  it('tells what came from other sites, and takes over what was kept before that was told', () => {
    now = new Date(2026, 10, 25, 12).getTime()
    const history = createHistory({ hours: [], days: [['2026-11-25', [1, 2, 3, 4, 5, 6]]] }, wall)
    history.note(came(100, 0), 0, 40)
    history.note(came(150, 0), 0, 50)
    expect(history.view().today).toEqual({
      lan: 151,
      gateway: 2,
      origin: 3,
      disk: 4,
      toPeers: 5,
      files: 6,
      far: 50
    })
  })

  it('a week begins on Monday, a month on its first', () => {
    const history = createHistory(null, wall)
    let total = 0
    for (const day of [1, 22, 23, 25]) {
      now = new Date(2026, 10, day, 12).getTime()
      history.note(came((total += 10 ** [1, 22, 23, 25].indexOf(day)), 0), 0)
    }
    const { today, week, month } = history.view()
    expect([today.lan, week.lan, month.lan]).toEqual([1000, 1100, 1111])
  })

  it('hours are kept for 31 days, days for a year', () => {
    const history = createHistory(null, wall)
    now = new Date(2026, 0, 1, 12).getTime()
    history.note(came(1, 0), 0)
    now += 32 * dayMs
    history.note(came(2, 0), 0)
    expect([history.view().hours.length, history.view().days.length]).toEqual([1, 2])
    now += 340 * dayMs
    history.note(came(3, 0), 0)
    expect(history.view().days.length).toBe(2)
  })

  it.each([
    null,
    7,
    {},
    { hours: [[1]], days: [['x', ['a']]] },
    { hours: 'x', days: [[5, [1, 2, 3, 4, 5, 6]]] }
  ])('what is no history counts as nothing: %j', kept => {
    expect(createHistory(kept, wall).view()).toMatchObject({ hours: [], days: [] })
  })
})

describe('delivery status', () => {
  const bytes = { ...noBytes, fromPeers: 60, fromGateway: 20, fromUpstream: 20, toPeers: 50 }
  const facts: DeliveryFacts = {
    mode: 2,
    look: null,
    group: { from: 10, to: 5 },
    ageMsMax: 3 * dayMs,
    url: null
  }
  const view = (given: Partial<ReturnType<typeof makeTransfer>> = {}) =>
    makeTransfer({
      transfer,
      key: 'origin.example/a',
      length: 100,
      bytes,
      completedAt: Date.UTC(2026, 10, 20),
      ...given
    })

  it('has what came from where, as Windows splits it', () => {
    expect(deliveryStatusOf(view(), facts)).toMatchObject({
      FileId: transfer,
      FileSize: 100,
      TotalBytesDownloaded: 100,
      PercentPeerCaching: 80,
      BytesFromPeers: 60,
      BytesFromLanPeers: 50,
      BytesFromGroupPeers: 10,
      BytesFromCacheServer: 20,
      BytesFromHttp: 20,
      BytesToLanPeers: 45,
      BytesToGroupPeers: 5,
      DownloadMode: 'Group',
      Status: 'Caching',
      ExpireOn: '2026-11-23T00:00:00.000Z'
    })
    expect(deliveryStatusOf(view({ bytes: noBytes }), facts).PercentPeerCaching).toBe(0)
    expect(deliveryStatusOf(view({ pinned: true }), facts).ExpireOn).toBeNull()
  })

  it('tells what is under way from what rests', () => {
    const look = { ...makeWhy({ transfer }), background: true }
    const status = (given: Parameters<typeof view>[0], more: Partial<DeliveryFacts> = {}) => {
      const { Status, Priority } = deliveryStatusOf(view(given), { ...facts, ...more })
      return [Status, Priority]
    }
    expect(status({ keptBytes: 5, complete: false }, { look })).toEqual(['Downloading', 'Background'])
    expect(status({ keptBytes: 5, complete: false }, { look: { ...look, flows: 0, requests: 0 } })).toEqual([
      'Paused',
      null
    ])
    expect(status({ readers: 1 }, { look })).toEqual(['Complete', null])
  })

  it('adds up to a snapshot of the device', () => {
    const one = deliveryStatusOf(view(), facts)
    const month = { lan: 1, gateway: 2, origin: 3, disk: 4, toPeers: 5, files: 6, far: 0 }
    const snap = perfSnapOf({
      mode: 99,
      statuses: [one, { ...one, TotalBytesDownloaded: 0, Status: 'Paused' }],
      totals: bytes,
      store: { usedBytes: 9, quotaBytes: 99, freeBytes: 7, floorBytes: 1 },
      totalDiskBytes: null,
      memoryBytes: 2048,
      peers: [makePeer({ id: 'a' }), makePeer({ id: 'far' }), makePeer({ id: 'gate', role: 'gateway' })],
      isOfOtherSite: peer => peer === 'far',
      down: 10,
      up: 20,
      month
    })
    expect(snap).toMatchObject({
      FilesDownloaded: 1,
      Files: 2,
      TotalBytesDownloaded: 100,
      AverageDownloadSize: 100,
      DownloadMode: 'Simple',
      CacheSizeBytes: 9,
      AvailableDiskBytes: 7,
      MemUsageKB: 2,
      NumberOfPeers: 2,
      LanConnections: 1,
      GroupConnections: 1,
      CacheHostConnections: 1,
      DownlinkUsageBps: 10,
      ThisMonth: month
    })
  })
})
