import { Prng } from '@starling/shared/prng.ts'
import { dayMs, MiB } from '@starling/shared/units.ts'
import { describe, expect, test } from 'vitest'
import { ChunkPicker } from './chunk-picker.ts'
import { Claims } from './claims.ts'
import { chooseEvictions, chooseExpired } from './eviction.ts'
import { blameCooldownMs, claimStallMs, strikesForBan } from './limits.ts'
import { chooseNeighbours } from './neighbours.ts'
import { PeerScores } from './peer-score.ts'
import { isBefore, rankOf } from './rendezvous.ts'
import { choosePeer } from './source-choice.ts'
import { Uploads } from './uploads.ts'

describe('rendezvous', () => {
  const agents = Array.from({ length: 20 }, (_, index) => ({ id: `agent-${index}`, weight: 100 }))

  test('everybody comes to the same order', () => {
    const ranks = agents.map(agent => rankOf(agent, agents, 42))
    expect([...ranks].sort((one, other) => one - other)).toEqual(agents.map((_, index) => index))
  })

  test('work spreads evenly over agents of one weight', () => {
    const firsts = new Map<string, number>()
    for (let thing = 0; thing < 2000; thing++) {
      const first = agents.find(agent => rankOf(agent, agents, thing) === 0)!
      firsts.set(first.id, (firsts.get(first.id) ?? 0) + 1)
    }
    for (const agent of agents) {
      expect(firsts.get(agent.id)).toBeGreaterThan(60)
      expect(firsts.get(agent.id)).toBeLessThan(145)
    }
  })

  test('who is more willing goes first, and who is not willing never', () => {
    const gateway = { id: 'gateway', weight: 1000 }
    const unwilling = { id: 'laptop', weight: 0 }
    for (let thing = 0; thing < 50; thing++) expect(rankOf(gateway, [...agents, unwilling], thing)).toBe(0)
    expect(rankOf(agents[0]!, [unwilling], 7)).toBe(0)
  })

  test('a lost agent changes the order of no other two', () => {
    const [one, other] = [agents[3]!, agents[4]!]
    for (let thing = 0; thing < 50; thing++) {
      const all = rankOf(one, agents, thing) < rankOf(other, agents, thing)
      expect(isBefore(one, other, thing)).toBe(all)
    }
  })
})

describe('chunk picker', () => {
  test('a window comes in order, the rest rarest first', () => {
    const picker = new ChunkPicker(100)
    for (const chunk of [9, 3, 50, 7]) picker.add(chunk)
    expect(picker.nextInWindow(0, 20)).toBe(3)
    expect(picker.nextInWindow(4, 20)).toBe(7)
    expect(picker.rarest(chunk => (chunk === 50 ? 1 : 5), new Prng(1))).toBe(50)
  })

  test('what was removed is not picked, whatever the order of removal', () => {
    const picker = new ChunkPicker(10)
    for (let chunk = 0; chunk < 10; chunk++) picker.add(chunk)
    for (const chunk of [0, 9, 4, 4]) picker.remove(chunk)
    const picked = new Set<number>()
    const prng = new Prng(3)
    for (let chunk = picker.rarest(() => 1, prng); chunk !== null; chunk = picker.rarest(() => 1, prng)) {
      picked.add(chunk)
      picker.remove(chunk)
    }
    expect([...picked].toSorted((one, other) => one - other)).toEqual([1, 2, 3, 5, 6, 7, 8])
  })

  test('ties fall by the die: two agents do not pick alike', () => {
    const first = (seed: number): number => {
      const picker = new ChunkPicker(64)
      for (let chunk = 0; chunk < 64; chunk++) picker.add(chunk)
      return picker.rarest(() => 1, new Prng(seed))!
    }
    expect(new Set([1, 2, 3, 4, 5, 6].map(first)).size).toBeGreaterThan(2)
  })
})

describe('claims', () => {
  const nobody = (): boolean => false
  const claim = (bytesDone: number, sequence: number) => ({ extent: 2, claimant: 'a', sequence, bytesDone })

  test('a claim lives by progress', () => {
    const claims = new Claims(MiB)
    claims.set(claim(0, 1), 0)
    claims.progress(claim(MiB, 2), 1, claimStallMs - 1)
    expect(claims.expire('me', nobody, claimStallMs + 10)).toEqual([])
    expect(claims.expire('me', nobody, claimStallMs * 20).map(record => record.claimant)).toEqual(['a'])
    expect(claims.of(2)).toBeUndefined()
  })

  test('bytes that do not show up at the site are no progress', () => {
    const claims = new Claims(MiB)
    claims.set(claim(0, 1), 0)
    for (let second = 1; second < 60; second++)
      claims.progress(claim(second * MiB, second + 1), 0, second * 1000)
    expect(claims.of(2)?.bytesDone).toBe(3 * MiB)
    expect(claims.of(2)?.progressAt).toBeLessThanOrEqual(3000)
  })

  test('old news changes nothing', () => {
    const claims = new Claims(MiB)
    claims.set(claim(0, 5), 0)
    claims.progress(claim(MiB, 4), 1, 100)
    expect(claims.of(2)?.bytesDone).toBe(0)
  })

  test('a slow line is given more time than a fast one', () => {
    const slow = new Claims(MiB)
    slow.set({ extent: 1, claimant: 'a', sequence: 1, bytesDone: 0 }, 0)
    slow.progress({ extent: 1, claimant: 'a', sequence: 2, bytesDone: MiB / 8 }, 0, 1000)
    expect(slow.expire('me', nobody, 20_000)).toEqual([])
  })
})

describe('peer scores', () => {
  test('corrupt chunks: avoided at once, banned at the third in an hour', () => {
    const scores = new PeerScores()
    scores.asked('liar')
    expect(scores.corrupt('liar', 1000)).toBe(1)
    expect(scores.rests('liar', 1000 + blameCooldownMs - 1)).toBe(true)
    expect(scores.banned('liar', 1001)).toBe(false)
    for (let strike = 2; strike <= strikesForBan; strike++) scores.corrupt('liar', 1000 + strike)
    expect(scores.banned('liar', 2000)).toBe(true)
  })

  test('strikes are forgiven after an hour', () => {
    const scores = new PeerScores()
    for (let hour = 0; hour < 10; hour++) scores.corrupt('flaky', hour * 3_700_000)
    expect(scores.banned('flaky', 9 * 3_700_000 + 1)).toBe(false)
  })

  test('failures in a row rest longer each, and a delivery forgives them', () => {
    const scores = new PeerScores()
    scores.failed('slow', 0)
    const first = scores.restsUntil('slow')
    scores.failed('slow', 0)
    expect(scores.restsUntil('slow')).toBeGreaterThan(first)
    scores.delivered('slow', MiB, 100)
    scores.failed('slow', 1_000_000)
    expect(scores.restsUntil('slow') - 1_000_000).toBe(first)
  })
})

describe('source choice', () => {
  const load = (by: Record<string, number>) => ({
    total: Object.values(by).reduce((sum, count) => sum + count, 0),
    at: (peer: string) => by[peer] ?? 0
  })

  test('nobody who rests or is banned is asked', () => {
    const scores = new PeerScores()
    scores.busy('busy', 100, 0)
    expect(choosePeer(['busy'], load({}), scores, new Prng(1), 50)).toBeNull()
    expect(choosePeer(['busy'], load({}), scores, new Prng(1), 101)).toBe('busy')
  })

  test('no peer gets more than its share while others have the chunk', () => {
    const scores = new PeerScores()
    for (let draw = 0; draw < 50; draw++) {
      expect(choosePeer(['much', 'little'], load({ much: 6, little: 1 }), scores, new Prng(draw), 0)).toBe(
        'little'
      )
    }
  })

  test('the faster of two is preferred, but not always asked', () => {
    const scores = new PeerScores()
    scores.delivered('fast', MiB, 10)
    scores.delivered('slow', MiB, 1000)
    const prng = new Prng(5)
    const asked = Array.from({ length: 200 }, () =>
      choosePeer(['fast', 'slow', 'new'], load({}), scores, prng, 0)
    )
    const count = (peer: string) => asked.filter(one => one === peer).length
    expect(count('fast')).toBeGreaterThan(count('slow'))
    expect(count('new')).toBeGreaterThan(20)
  })
})

describe('uploads', () => {
  test('slots are limited, and one peer gets at most half of them', () => {
    const uploads = new Uploads()
    expect([1, 2, 3].map(upload => uploads.take(upload, 'greedy', 4))).toEqual([true, true, false])
    expect(uploads.take(4, 'other', 4)).toBe(true)
    expect(uploads.take(5, 'third', 4)).toBe(true)
    expect(uploads.take(6, 'fourth', 4)).toBe(false)
    uploads.ended(1)
    expect(uploads.take(7, 'fourth', 4)).toBe(true)
  })
})

describe('eviction', () => {
  const kept = (transfer: string, lastUsedAt: number, more: object = {}) => ({
    transfer,
    keptBytes: 100 * MiB,
    lastUsedAt,
    completedAt: null as number | null,
    copies: 5,
    pinned: false,
    atWork: false,
    ...more
  })
  const disk = (usedMiB: number) => ({
    usedBytes: usedMiB * MiB,
    quotaBytes: 400 * MiB,
    freeBytes: 1000 * MiB,
    floorBytes: 0
  })

  test('nothing goes while there is room', () => {
    expect(chooseEvictions([kept('a', 1)], disk(300))).toEqual([])
  })

  test('what was used longest ago goes first, and no more than needed', () => {
    expect(chooseEvictions([kept('new', 9), kept('old', 1), kept('middle', 5)], disk(400))).toEqual(['old'])
  })

  test('what hardly anybody else has stays some days longer, and not for ever', () => {
    const rare = kept('rare', 0, { copies: 1 })
    expect(chooseEvictions([rare, kept('common', 2 * dayMs)], disk(400))).toEqual(['common'])
    expect(chooseEvictions([rare, kept('common', 4 * dayMs)], disk(400))).toEqual(['rare'])
  })

  test('what is pinned or at work stays', () => {
    expect(
      chooseEvictions(
        [kept('pinned', 1, { pinned: true }), kept('busy', 2, { atWork: true }), kept('free', 3)],
        disk(400)
      )
    ).toEqual(['free'])
  })

  test('what has been complete for too long goes, unless it is pinned, at work or not complete at all', () => {
    const at = (transfer: string, completedAt: number | null, more = {}) =>
      kept(transfer, 0, { completedAt, ...more })
    expect(
      chooseExpired(
        [
          at('old', 1000),
          at('young', 1001),
          at('part', null),
          at('pinned', 0, { pinned: true }),
          at('busy', 0, { atWork: true })
        ],
        dayMs,
        1000 + dayMs
      )
    ).toEqual(['old'])
  })

  test('a volume that runs full counts like a full quota', () => {
    expect(chooseEvictions([kept('a', 1)], { ...disk(100), freeBytes: 0, floorBytes: 10 * MiB })).toEqual([
      'a'
    ])
  })
})

describe('neighbours', () => {
  const site = (count: number) => Array.from({ length: count }, (_, index) => `agent-${index}`)

  test('a small site is a full mesh', () => {
    expect(chooseNeighbours('agent-0', site(32)).size).toBe(31)
  })

  test('in a large one everybody reaches everybody over few connections', () => {
    const agents = site(400)
    const links = new Map(agents.map(id => [id, new Set(chooseNeighbours(id, agents))]))
    for (const [id, dialled] of links) for (const other of dialled) links.get(other)!.add(id)
    const reached = new Set(['agent-0'])
    for (const id of reached) for (const other of links.get(id)!) reached.add(other)
    expect(reached.size).toBe(400)
    const degrees = [...links.values()].map(others => others.size)
    expect(Math.max(...degrees)).toBeLessThan(24)
    expect(degrees.reduce((sum, degree) => sum + degree, 0) / 400).toBeLessThanOrEqual(10)
  })
})
