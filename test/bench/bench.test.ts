import { expect, test } from 'vitest'
import { measure, type Bar, type Figures } from './bench.ts'

const setup = { say: () => {}, sizeBytes: null, agents: null, minutes: null }

async function held(rounds: readonly Figures[], bars: Readonly<Record<string, Bar>>) {
  const left = [...rounds]
  let closed = 0
  const open = async () => ({
    round: async () => left.shift()!,
    notes: async () => ['how it was set up'],
    close: async () => void closed++
  })
  const result = await measure({ name: 'made up', says: '', rounds: 1, bars, open }, rounds.length, setup)
  return { ...result, closed }
}

test('a bar is held against the median, not against the best or the worst round', async () => {
  const rounds = [{ ratio: 0.1 }, { ratio: 0.5 }, { ratio: 0.9 }]
  expect((await held(rounds, { ratio: { atLeast: 0.5 } })).bars.ratio?.isReached).toBe(true)
  expect((await held(rounds, { ratio: { atLeast: 0.6 } })).bars.ratio?.isReached).toBe(false)
  expect((await held(rounds, { ratio: { atMost: 0.4 } })).bars.ratio?.isReached).toBe(false)
})

test('a bar of exactly one is missed from both sides', async () => {
  const exactly = { copies: { atLeast: 1, atMost: 1 } }
  for (const [copies, isReached] of [
    [0.99, false],
    [1, true],
    [1.01, false]
  ] as const)
    expect((await held([{ copies }], exactly)).bars.copies?.isReached).toBe(isReached)
})

test('a figure that a missing program leaves out is neither reached nor missed', async () => {
  expect((await held([{ ratio: 1 }], { other: { atLeast: 1 } })).bars).toEqual({})
})

test('notes are told, and what was set up is closed once, also when a round fails', async () => {
  const { notes, closed } = await held([{ ratio: 1 }], {})
  expect([notes, closed]).toEqual([['how it was set up'], 1])

  let ended = 0
  const open = async () => ({
    round: () => Promise.reject(new Error('no figures')),
    notes: async () => [],
    close: async () => void ended++
  })
  await expect(measure({ name: 'made up', says: '', rounds: 1, open }, 1, setup)).rejects.toThrow(
    'no figures'
  )
  expect(ended).toBe(1)
})
