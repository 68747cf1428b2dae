import { expect, it } from 'vitest'
import { sparingly } from './sparingly.ts'

it('gives what took long again for ten times as long, and makes what is quick each time', () => {
  let now = 0
  let made = 0
  const ask = sparingly(
    (tookMs: number) => {
      now += tookMs
      return ++made
    },
    () => now
  )
  expect([ask(1), ask(1)]).toEqual([1, 2])
  expect([ask(50), ask(50)]).toEqual([3, 3])
  // Another question is another answer.
  expect([ask(60), ask(50)]).toEqual([4, 3])
  now = 51 + 500 + 1
  expect(ask(60)).toBe(4)
  expect(ask(50)).toBe(5)
})
