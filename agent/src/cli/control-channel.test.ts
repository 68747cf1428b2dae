import { PassThrough } from 'node:stream'
import { expect, it, vi } from 'vitest'
import { openControlChannel } from './control-channel.ts'

const told = async (...pieces: readonly string[]) => {
  const stdin = new PassThrough()
  const heard = { policy: vi.fn<() => void>(), end: vi.fn<() => void>() }
  const channel = openControlChannel(stdin, heard)
  for (const piece of pieces) {
    stdin.write(piece)
    await vi.waitFor(() => expect(stdin.readableLength).toBe(0))
  }
  return { stdin, heard, channel }
}

it('a line says that policy has changed, however it comes in', async () => {
  const { heard } = await told('pol', 'icy\r', '\nsomething else\npolicy', '\n')
  expect(heard.policy).toHaveBeenCalledTimes(2)
  expect(heard.end).not.toHaveBeenCalled()
})

it('the end says stop', async () => {
  const { stdin, heard } = await told('policy')
  stdin.end()
  await vi.waitFor(() => expect(heard.end).toHaveBeenCalled())
  expect(heard.policy).not.toHaveBeenCalled()
})

it('nothing is heard after it was closed', async () => {
  const { stdin, heard, channel } = await told()
  channel.close()
  stdin.end('policy\n')
  stdin.destroy()
  await new Promise(resolve => {
    setImmediate(resolve)
  })
  expect(heard.policy).not.toHaveBeenCalled()
  expect(heard.end).not.toHaveBeenCalled()
})
