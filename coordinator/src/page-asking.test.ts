/** How often an open page asks a coordinator that takes its time. */
import { expect, it } from 'vitest'
import { oneAtATime } from './page/web/one-at-a-time.ts'

it('asks once more after an answer that was on its way, however often it was wanted', async () => {
  const answers: Array<() => void> = []
  const again = oneAtATime(() => new Promise<void>(resolve => answers.push(resolve)))
  const settled = () => new Promise(resolve => setImmediate(resolve))
  again()
  again()
  again()
  expect(answers).toHaveLength(1)
  answers[0]?.()
  await settled()
  expect(answers).toHaveLength(2)
  answers[1]?.()
  await settled()
  expect(answers).toHaveLength(2)
  again()
  expect(answers).toHaveLength(3)
})
