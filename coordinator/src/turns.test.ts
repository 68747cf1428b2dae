import { expect, it } from 'vitest'
import { createTurns } from './turns.ts'

it('works on few at a time, lets some wait, and sends the rest of a storm away', async () => {
  const inTurn = createTurns({ atOnceMax: 2, waitingMax: 3 }, 'sign-ins')
  const doors = Array.from({ length: 7 }, () => Promise.withResolvers<number>())
  const begun: number[] = []
  const storm = doors.map((door, n) =>
    inTurn(() => {
      begun.push(n)
      return n === 1 ? door.promise.then(() => Promise.reject(new Error('failed'))) : door.promise
    })
  )
  await expect(storm[5]).rejects.toMatchObject({ code: 'too-busy' })
  await expect(storm[6]).rejects.toMatchObject({ code: 'too-busy' })
  expect(begun).toEqual([0, 1])
  doors[1]!.resolve(1)
  await expect(storm[1]).rejects.toThrow('failed')
  expect(begun).toEqual([0, 1, 2])
  for (const door of doors) door.resolve(7)
  expect(await Promise.all([storm[0], storm[2], storm[3], storm[4]])).toEqual([7, 7, 7, 7])
  expect(await inTurn(async () => 'again')).toBe('again')
})
