/** How often an open page asks a coordinator that takes its time. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { oneAtATime } from './page/web/one-at-a-time.ts'

it('asks once more after an answer that was on its way, however often it was wanted', async () => {
  const answers: Array<() => void> = []
  const again = oneAtATime(async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    answers.push(resolve)
    await promise
  })
  again()
  again()
  again()
  expect(answers).toHaveLength(1)
  answers[0]?.()
  await nextTurn()
  expect(answers).toHaveLength(2)
  answers[1]?.()
  await nextTurn()
  expect(answers).toHaveLength(2)
  again()
  expect(answers).toHaveLength(3)
})
