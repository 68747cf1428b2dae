import { expect, it } from 'vitest'
import { together } from './together.ts'

it('makes one answer for all who ask the same at once, and another one for who asks later', async () => {
  const asked: Array<string | undefined> = []
  const ask = together(async (site?: string) => {
    asked.push(site)
    await Promise.resolve()
    return asked.length
  })
  expect(await Promise.all([ask('berlin'), ask('bonn'), ask('berlin'), ask()])).toEqual([3, 3, 3, 3])
  expect(asked).toEqual(['berlin', 'bonn', undefined])
  expect(await ask('berlin')).toBe(4)
})

it('tells all of them when there is none, and asks anew', async () => {
  let asked = 0
  const ask = together(async () => {
    if (asked++ === 0) throw new RangeError('away')
    return asked
  })
  const both = await Promise.allSettled([ask(), ask()])
  expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  expect(await ask()).toBe(2)
})
