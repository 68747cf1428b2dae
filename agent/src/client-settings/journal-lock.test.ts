/** One process at a time, and none that is gone for ever. */
import { expect, it } from 'vitest'
import { minuteMs } from '@starling/shared/units.ts'
import { whileLocked, type LockFiles, type LockTools } from './journal-lock.ts'

function open(content: string | null): { files: LockFiles; tools: LockTools; now: () => string | null } {
  let [text, at] = [content, 1_000_000]
  return {
    files: {
      read: async () => (text === null ? null : Buffer.from(text)),
      async create(_, wanted) {
        if (text !== null) return false
        text = wanted
        return true
      },
      async remove() {
        text = null
      }
    },
    tools: {
      pid: 1,
      isAlive: pid => pid === 2,
      now: () => at,
      pause: async () => {
        at += minuteMs / 2
      }
    },
    now: () => text
  }
}

it.each([
  ['nobody has it', null],
  ['it is that of a process that is gone', '{"pid":3,"at":1000000}'],
  ['it is older than any work takes', '{"pid":2,"at":1}'],
  ['it says nothing', '']
])('is taken and given back, also when the work fails, where %s', async (_, content) => {
  const { files, tools, now } = open(content)
  await whileLocked('x.lock', files, tools, async () => {
    expect(JSON.parse(now()!)).toEqual({ pid: 1, at: 1_000_000 })
  })
  const failing = whileLocked('x.lock', files, tools, () => Promise.reject(new Error('no')))
  await expect(failing).rejects.toThrow('no')
  expect(now()).toBeNull()
})

it('of a process at work is waited for, and not for ever', async () => {
  const { files, tools, now } = open('{"pid":2,"at":1000000}')
  await expect(whileLocked('x.lock', files, tools, async () => {})).rejects.toMatchObject({
    code: 'configure-busy',
    message: expect.stringContaining('process 2')
  })
  expect(now()).toContain('"pid":2')
})
