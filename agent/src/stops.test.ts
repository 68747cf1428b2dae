import { expect, test } from 'vitest'
import { createLog } from './log.ts'
import { createStops } from './stops.ts'

const log = createLog('silent', 'test')

test('what was started last is stopped first, and each waits for the one after it', async () => {
  const stops = createStops(log)
  const stopped: string[] = []
  stops.push(() => {
    stopped.push('store')
  })
  stops.push(async () => {
    await Promise.resolve()
    stopped.push('flows')
  })
  await stops.stop()
  expect(stopped).toEqual(['flows', 'store'])
})

test('a part that does not stop keeps no other from it', async () => {
  const stops = createStops(log)
  let isClosed = false
  stops.push(() => {
    isClosed = true
  })
  stops.push(() => Promise.reject(new Error('the disk is gone')))
  await stops.stop()
  expect(isClosed).toBe(true)
})

test('nothing is stopped twice', async () => {
  const stops = createStops(log)
  let times = 0
  stops.push(() => {
    times++
  })
  await stops.stop()
  await stops.stop()
  expect(times).toBe(1)
})
