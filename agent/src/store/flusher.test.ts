import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { createFlusher } from './flusher.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

it('writes all that is marked in one batch, each item once', async () => {
  const batches: string[][] = []
  const flusher = createFlusher<string>(async items => void batches.push([...items]))
  flusher.mark('a', 100)
  flusher.mark('b', 100)
  flusher.mark('a', 100)
  await vi.advanceTimersByTimeAsync(99)
  expect(batches).toEqual([])
  await vi.advanceTimersByTimeAsync(1)
  expect(batches).toEqual([['a', 'b']])
  await flusher.flush()
  await vi.advanceTimersByTimeAsync(1000)
  expect(batches).toEqual([['a', 'b']])
})

it('is brought forward by what is urgent, and never put off by what is not', async () => {
  const batches: string[][] = []
  const flusher = createFlusher<string>(async items => void batches.push([...items]))
  flusher.mark('touched', 10_000)
  flusher.mark('written', 100)
  flusher.mark('touched too', 10_000)
  await vi.advanceTimersByTimeAsync(100)
  expect(batches).toEqual([['touched', 'written', 'touched too']])
})

it('writes one batch at a time; a mark made meanwhile goes into the next', async () => {
  const first = Promise.withResolvers<void>()
  const batches: string[][] = []
  const flusher = createFlusher<string>(async items => {
    batches.push([...items])
    if (batches.length === 1) await first.promise
  })
  flusher.mark('a', 10)
  await vi.advanceTimersByTimeAsync(10)
  flusher.mark('b', 10)
  await vi.advanceTimersByTimeAsync(10)
  expect(batches).toEqual([['a']])
  first.resolve()
  await flusher.flush()
  expect(batches).toEqual([['a'], ['b']])
})
