import { MiB, secondMs } from '@starling/shared/units.ts'
import { expect, it } from 'vitest'
import { followedMax, PaceBook } from './pace-book.ts'
import type { TakenReport } from './report-book.ts'

const length = 100 * MiB
const told = (...shares: readonly number[]): TakenReport =>
  ({
    swarm: new Map(
      shares.map((share, at) => [`t${at}`, { transfer: `t${at}`, complete: share === 1, share, length }])
    )
  }) as unknown as TakenReport

it('is what came between two reports, and unknown before the second', () => {
  const book = new PaceBook()
  book.heard('a', told(0.1), 0)
  expect(book.of('a', 't0', length, 0)).toBeNull()
  book.heard('a', told(0.4), 30 * secondMs)
  expect(book.of('a', 't0', length, 30 * secondMs)).toBe(MiB)
  expect(book.of('b', 't0', length, 30 * secondMs)).toBeNull()
  // Done, and begun anew with less.
  book.heard('a', told(1), 60 * secondMs)
  expect(book.of('a', 't0', length, 60 * secondMs)).toBeNull()
  book.heard('a', told(0.2), 70 * secondMs)
  expect(book.of('a', 't0', length, 70 * secondMs)).toBeNull()
})

it('falls while nothing comes, and not between two reports', () => {
  const book = new PaceBook()
  book.heard('a', told(0.1), 0)
  book.heard('a', told(0.4), 30 * secondMs)
  book.heard('a', told(0.4), 60 * secondMs)
  expect(book.of('a', 't0', length, 85 * secondMs)).toBe(MiB)
  expect(book.of('a', 't0', length, 130 * secondMs)).toBeLessThan(MiB / 50)
})

it('follows a few of an agent, and none of one that is gone', () => {
  const book = new PaceBook()
  const many = (share: number) => told(...Array.from({ length: followedMax + 1 }, () => share))
  book.heard('a', many(0.1), 0)
  book.heard('a', many(0.2), secondMs)
  expect(book.of('a', `t${followedMax - 1}`, length, secondMs)).not.toBeNull()
  expect(book.of('a', `t${followedMax}`, length, secondMs)).toBeNull()
  book.heard('a', null, secondMs)
  expect(book.of('a', 't0', length, secondMs)).toBeNull()
})
