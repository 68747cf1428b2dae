import { expect, it } from 'vitest'
import { BoundedMap } from './bounded-map.ts'

it('a bounded map forgets what was used longest ago', () => {
  const map = new BoundedMap<string, number>(2)
  map.set('a', 1)
  map.set('b', 2)
  map.get('a')
  map.set('c', 3)
  expect([...map.entries()]).toEqual([
    ['a', 1],
    ['c', 3]
  ])
})
