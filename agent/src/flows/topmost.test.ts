import { expect, it } from 'vitest'
import { topmost } from './topmost.ts'

const numbers = Array.from({ length: 1000 }, (_, index) => (index * 7919) % 1000)

it('the first few are those of a whole sort, and in its order', () => {
  for (const countMax of [1, 3, 200, 999, 1000, 5000])
    expect(topmost(numbers, countMax, (one, other) => other - one)).toEqual(
      numbers.toSorted((one, other) => other - one).slice(0, countMax)
    )
})

it('what is surely not among them is not looked at twice', () => {
  let compared = 0
  topmost(numbers, 10, (one, other) => (compared++, one - other))
  const alone = compared
  compared = 0
  numbers.toSorted((one, other) => (compared++, one - other))
  expect(alone).toBeLessThan(compared / 3)
})
