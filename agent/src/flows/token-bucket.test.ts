import { KiB } from '@starling/shared/units.ts'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createTokenBucket } from './token-bucket.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

const never = new AbortController().signal

/** Reads pieces one after another, as a flow does, and counts them. */
function reading(bucket: ReturnType<typeof createTokenBucket>, pieceBytes: number, signal = never) {
  const got = { bytes: 0 }
  void (async () => {
    while (!signal.aborted) {
      got.bytes += pieceBytes
      const paid = bucket.spend(pieceBytes, signal)
      if (paid === null) await new Promise(resolve => setTimeout(resolve, 1))
      else await paid
    }
  })()
  return got
}

test('without a rate nobody waits', () => {
  const bucket = createTokenBucket(Date.now)
  for (let piece = 0; piece < 1000; piece++) expect(bucket.spend(64 * KiB, never)).toBeNull()
  expect(bucket.spentSince()).toBe(1000 * 64 * KiB)
  expect(bucket.spentSince()).toBe(0)
})

test('all who read from it together get the rate, and not a piece more each second', async () => {
  const bucket = createTokenBucket(Date.now)
  bucket.setRate(640 * KiB)
  const readers = [1, 2, 3].map(() => reading(bucket, 64 * KiB))
  await vi.advanceTimersByTimeAsync(10_000)
  const total = readers.reduce((sum, { bytes }) => sum + bytes, 0)
  expect(total).toBeLessThanOrEqual(6400 * KiB + 4 * 64 * KiB)
  expect(total).toBeGreaterThanOrEqual(6400 * KiB - 64 * KiB)
})

test('a pause is followed by no burst', async () => {
  const bucket = createTokenBucket(Date.now)
  bucket.setRate(640 * KiB)
  await vi.advanceTimersByTimeAsync(60_000)
  const reader = reading(bucket, 16 * KiB)
  await vi.advanceTimersByTimeAsync(1000)
  expect(reader.bytes).toBeLessThanOrEqual(640 * KiB * 1.05 + 2 * 16 * KiB)
})

test('a new rate holds at once, also for who waits by the old one', async () => {
  const bucket = createTokenBucket(Date.now)
  bucket.setRate(1)
  const done = vi.fn<() => void>()
  void bucket.spend(1000 * KiB, never)?.then(done)
  await vi.advanceTimersByTimeAsync(5000)
  expect(done).not.toHaveBeenCalled()
  bucket.setRate(1000 * KiB)
  await vi.advanceTimersByTimeAsync(1000)
  expect(done).toHaveBeenCalled()
  expect(bucket.spend(1000 * KiB, never)).not.toBeNull()
  bucket.setRate(null)
  expect(bucket.spend(1000 * KiB, never)).toBeNull()
})

test('who is called off does not wait, and leaves no timer behind', async () => {
  const bucket = createTokenBucket(Date.now)
  const stop = new AbortController()
  bucket.setRate(1)
  const paid = bucket.spend(1000 * KiB, stop.signal)
  stop.abort()
  await paid
  expect(vi.getTimerCount()).toBe(0)
  expect(bucket.spend(1, stop.signal)).toBeNull()
})
