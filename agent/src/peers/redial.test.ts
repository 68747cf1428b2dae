/** When whom is dialled, with time moved by hand. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { peersLimitsDefault } from './limits.ts'
import { createRedial, type Redial, type RedialWorld } from './redial.ts'

const low = '12D3KooWAx1PNNxeaWxkPujmChvAA8B4cabdwR3mCCkFKvDPAPi6'
const middle = '12D3KooWEqMSmd2nJQPhM2e3Q8r4NzWbExyXWaoXQyW9xKB9nsZh'
const high = '12D3KooWKm8rn9WqGsLnmvrEpyTL9Ki4YqSMaUTJhrckQmpJmYLS'
const at = (last: number): string => `/ip4/10.0.0.${last}/tcp/7000`

let dialled: Array<{ at: number; addresses: string[] }>
let connected: Set<string>
let redial: Redial
let answer: () => Promise<string>

beforeEach(() => {
  vi.useFakeTimers({ now: 1_000_000 })
  vi.spyOn(Math, 'random').mockReturnValue(0.5)
  dialled = []
  connected = new Set()
  answer = async () => {
    throw new Error('nobody there')
  }
  redial = make()
})
afterEach(() => {
  redial.stop()
  vi.restoreAllMocks()
  vi.useRealTimers()
})

function make(world: Partial<RedialWorld> = {}, limits = peersLimitsDefault): Redial {
  return createRedial(
    {
      self: middle,
      mayDial: () => true,
      choose: known => new Set(known),
      changed: () => {},
      connected: id => connected.has(id),
      dial: async addresses => {
        dialled.push({ at: Date.now() - 1_000_000, addresses: addresses.map(String) })
        return answer()
      },
      failed: () => {},
      ...world
    },
    limits
  )
}
const times = (): number[] => dialled.map(({ at: time }) => time)

describe('a hint', () => {
  test('is dialled at once when our id is the lower, a moment later when it is the higher', async () => {
    redial.hint('mdns', high, [at(1)])
    redial.hint('mdns', low, [at(2)])
    await vi.advanceTimersByTimeAsync(peersLimitsDefault.yieldMs)
    expect(dialled).toEqual([
      { at: 0, addresses: [at(1)] },
      { at: 300, addresses: [at(2)] }
    ])
  })

  test('is tried with growing pauses of up to a minute, and forgotten when nobody repeats it', async () => {
    redial.hint('mdns', high, [at(1)])
    await vi.advanceTimersByTimeAsync(70_000)
    expect(times()).toEqual([0, 1000, 3000, 7000, 15_000, 31_000, 63_000])
    await vi.advanceTimersByTimeAsync(60 * 60_000)
    expect(times().at(-1)).toBeLessThanOrEqual(peersLimitsDefault.hintLifeMs)
    expect(vi.getTimerCount()).toBe(0)
  })

  test('of config stands for ever', async () => {
    redial.hint('config', null, [at(1)])
    await vi.advanceTimersByTimeAsync(24 * 60 * 60_000)
    expect(times().at(-1)).toBeGreaterThan(24 * 60 * 60_000 - 61_000)
  })

  test('with a new address is tried at once, the new address first', async () => {
    redial.hint('mdns', high, [at(1)])
    await vi.advanceTimersByTimeAsync(40_000)
    dialled = []
    redial.hint('mdns', high, [at(1)])
    await vi.advanceTimersByTimeAsync(0)
    expect(dialled).toEqual([])
    redial.hint('mdns', high, [at(2)])
    await vi.advanceTimersByTimeAsync(0)
    expect(dialled).toEqual([{ at: 40_000, addresses: [at(2), at(1)] }])
  })

  test('of ourselves, of nothing we can dial, or of another peer than it says is no hint', async () => {
    redial.hint('mdns', middle, [at(1)])
    redial.hint('hint', null, [`${at(1)}/p2p/${middle}`])
    redial.hint('hint', high, ['nonsense'])
    redial.hint('hint', high, [`${at(1)}/p2p/${low}`])
    await vi.advanceTimersByTimeAsync(100_000)
    expect(dialled).toEqual([])
  })

  test('waits while we may speak to no one, and is tried as soon as we may', async () => {
    let may = false
    redial = make({ mayDial: () => may })
    redial.hint('hint', high, [at(1)])
    await vi.advanceTimersByTimeAsync(10_000)
    expect(dialled).toEqual([])
    may = true
    await vi.advanceTimersByTimeAsync(10_000)
    expect(dialled).toHaveLength(1)
  })
})

describe('a peer', () => {
  test('that joins is not dialled any more; when it leaves soon, the pauses go on growing', async () => {
    answer = async () => high
    redial.hint('hint', high, [at(1)])
    await vi.advanceTimersByTimeAsync(4000)
    expect(times()).toEqual([0, 1000, 3000])
    connected.add(high)
    redial.joined(high)
    await vi.advanceTimersByTimeAsync(100_000)
    expect(dialled).toHaveLength(3)
    connected.clear()
    redial.left(high, 1000)
    await vi.advanceTimersByTimeAsync(7999)
    expect(dialled).toHaveLength(3)
    await vi.advanceTimersByTimeAsync(1)
    expect(dialled).toHaveLength(4)
  })

  test('that was long with us is dialled again after a second', async () => {
    redial.hint('hint', high, [at(1)])
    await vi.advanceTimersByTimeAsync(40_000)
    dialled = []
    redial.left(high, peersLimitsDefault.settledMs)
    await vi.advanceTimersByTimeAsync(1000)
    expect(dialled).toHaveLength(1)
  })

  test('that was forgotten is not dialled, one that rests not before a minute', async () => {
    redial.hint('hint', high, [at(1)])
    redial.forget(high)
    redial.hint('hint', low, [at(2)])
    redial.rest(low)
    await vi.advanceTimersByTimeAsync(59_999)
    expect(dialled).toEqual([])
    await vi.advanceTimersByTimeAsync(1)
    expect(dialled).toHaveLength(1)
  })

  test('behind an address without a name is known once it answered', async () => {
    answer = async () => {
      connected.add(high)
      return high
    }
    redial.hint('config', null, [at(1)])
    await vi.advanceTimersByTimeAsync(100_000)
    expect(dialled).toHaveLength(1)
    connected.clear()
    redial.left(high, peersLimitsDefault.settledMs)
    await vi.advanceTimersByTimeAsync(1000)
    expect(dialled).toHaveLength(2)
  })
})

test('a spoofer that names thousands of peers pushes out neither config nor who is connected', async () => {
  redial = make({}, { ...peersLimitsDefault, hintsMax: 3 })
  redial.hint('config', null, [at(1)])
  connected.add(high)
  redial.hint('mdns', high, [at(2)])
  for (let n = 0; n < 1000; n++) redial.hint('mdns', null, [`/ip4/10.1.${n >> 8}.${n & 255}/tcp/1`])
  dialled = []
  await vi.advanceTimersByTimeAsync(0)
  expect(dialled).toHaveLength(2)
  connected.clear()
  redial.left(high, peersLimitsDefault.settledMs)
  dialled = []
  await vi.advanceTimersByTimeAsync(1000)
  expect(dialled.flatMap(({ addresses }) => addresses)).toEqual(expect.arrayContaining([at(1), at(2)]))
})
