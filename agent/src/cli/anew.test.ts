import { minuteMs, secondMs } from '@starling/shared/units.ts'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { anewRequest } from './anew.ts'

beforeEach(() => vi.useFakeTimers({ toFake: ['performance', 'setTimeout', 'clearTimeout'] }))
afterEach(() => vi.useRealTimers())

function made(isBusy = async () => false, notBefore = 0) {
  const anew = anewRequest({ notBefore, isBusy })
  const granted = vi.fn<(why: string) => void>()
  void anew.granted.then(granted)
  return { anew, granted }
}
const wish = { why: 'moved', afterMs: minuteMs }

it('grants a wish that lasts, once', async () => {
  const { anew, granted } = made()
  anew.ask(wish)
  await vi.advanceTimersByTimeAsync(50 * secondMs)
  // Said again is no new wish.
  anew.ask({ ...wish })
  expect(anew.isGranted()).toBe(false)
  await vi.advanceTimersByTimeAsync(11 * secondMs)
  expect([anew.isGranted(), granted.mock.calls]).toEqual([true, [['moved']]])
})

it('forgets one that is taken back, and hears none after its end', async () => {
  const { anew, granted } = made()
  anew.ask(wish)
  anew.ask(null)
  await vi.advanceTimersByTimeAsync(10 * minuteMs)
  anew.end()
  anew.ask(wish)
  await vi.advanceTimersByTimeAsync(10 * minuteMs)
  expect([anew.isGranted(), granted.mock.calls]).toEqual([false, []])
})

it('rests since the last time, and lets clients finish, but does not wait for ever', async () => {
  const { anew } = made(async () => true, performance.now() + 5 * minuteMs)
  anew.ask({ why: 'moved', afterMs: 0 })
  await vi.advanceTimersByTimeAsync(9 * minuteMs)
  expect(anew.isGranted()).toBe(false)
  await vi.advanceTimersByTimeAsync(minuteMs + 3 * secondMs)
  expect(anew.isGranted()).toBe(true)
})
