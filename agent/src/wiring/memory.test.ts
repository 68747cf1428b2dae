import { expect, it, vi } from 'vitest'
import { createLog } from '../log.ts'
import { keepWhatIsLearnt, remembered } from './memory.ts'

function keeping() {
  const state = { trust: 'a', month: { month: '2026-11', bytes: 0 }, line: null as number | null }
  const remember = vi.fn<(name: string, value: unknown) => Promise<void>>(async () => {})
  const stop = keepWhatIsLearnt({
    store: { remember },
    trust: { snapshot: () => state.trust },
    farUploads: { add() {}, now: () => 0, snapshot: () => ({ ...state.month }) },
    lineMeter: {
      get bytesPerSecond() {
        return state.line
      }
    } as Parameters<typeof keepWhatIsLearnt>[0]['lineMeter'],
    insight: { keep: async () => {} },
    log: createLog('silent', 'test')
  })
  return { state, remember, stop }
}

it('writes down what has changed since the start or since it was written, and nothing else', async () => {
  const { state, remember, stop } = keeping()
  await stop()
  expect(remember).not.toHaveBeenCalled()
  state.month.bytes = 5
  state.line = 1000
  await stop()
  await stop()
  expect(remember.mock.calls).toEqual([
    [remembered.farUploads, { month: '2026-11', bytes: 5 }],
    [remembered.wanLine, 1000]
  ])
})

it('tries again what could not be written', async () => {
  const { state, remember, stop } = keeping()
  state.trust = 'b'
  remember.mockRejectedValueOnce(new Error('disk full'))
  await expect(stop()).rejects.toThrow('disk full')
  await stop()
  expect(remember).toHaveBeenCalledTimes(2)
})
